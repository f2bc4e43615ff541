import { assetProblem } from '@quarterhour/contracts';

/** What a write says in its description that the present state may not allow. */
export const CONFLICT_RESPONSE = {
  409: { description: 'The present state does not allow it.', schema: assetProblem },
} as const;
