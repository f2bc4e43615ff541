const KNOWN_AT = {
  'Quarterhour-Known-At': 'When this became known. As as_of it gives what is known from then on.',
} as const;

/** How the document describes a write that has nothing to say. */
export const DONE = { description: 'Done and kept.', headers: KNOWN_AT } as const;

/** The same for one that answers what it made. */
export const MADE = { description: 'What was made, with its id.', headers: KNOWN_AT } as const;
