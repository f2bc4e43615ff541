import { assetProblem } from '@quarterhour/contracts';

/** What a write says in its description that the present state may not allow. */
export const CONFLICT_RESPONSE = {
  409: { description: 'The present state does not allow it.', schema: assetProblem },
} as const;

/** The same of one whose body may name an asset that is not there. */
export const UNKNOWN_ASSET_RESPONSE = {
  404: { description: 'An asset that is named is not there.', schema: assetProblem },
} as const;

const KNOWN_AT = {
  'Quarterhour-Known-At': 'When this became known. As as_of it gives what was known then.',
} as const;

/** A write that has nothing to say. */
export const DONE = { description: 'Done and kept.', headers: KNOWN_AT } as const;

/** A write that answers what it made. */
export const MADE = { description: 'What was made, with its id.', headers: KNOWN_AT } as const;
