import { findApiKey, findPartnerLogin, type Database, type PartnerLogin } from '@quarterhour/db';

/** Looks up who asks to be let in to the broker, as it stands at this moment. */
export interface PartnerLogins {
  /** @returns null unless the password is a live key of the organisation that the name says */
  byKey(slug: string, key: string): Promise<PartnerLogin | null>;
  /** @returns null unless it is a live key of the organisation that the name says */
  byId(slug: string, keyId: string): Promise<PartnerLogin | null>;
}

/** @param digestOf by what keys are kept and found */
export function partnerLogins(db: Database, digestOf: (key: string) => Buffer): PartnerLogins {
  const byId = (slug: string, keyId: string) => findPartnerLogin(db, { slug, keyId });
  return {
    byId,
    byKey: async (slug, key) => {
      const found = await findApiKey(db, digestOf(key));
      return found === null ? null : byId(slug, found.id);
    },
  };
}
