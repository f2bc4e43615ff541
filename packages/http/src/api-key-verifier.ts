import { apiKeyDigest, isApiKey } from './api-key.js';
import { isWithin } from './networks.js';
import { RequestRefused } from './refusal.js';
import type { Principal } from './token.js';

/** Decides whether an `X-API-Key` header names somebody. */
export interface ApiKeyVerifier {
  /**
   * Asks the database each time: a key that was revoked a moment ago is not one any more.
   *
   * @param key the header's value; a key is looked for nowhere else
   * @param address where the request comes from
   * @throws RequestRefused `unauthenticated`, the same for a key that is mistyped, unknown, revoked, expired, or shown from
   *   an address that it is not for
   */
  verify(key: string, address: string): Promise<Principal>;
  /** Whether the key was verified before and is one of the last that were; it may be over by now. */
  hasAccepted(key: string): boolean;
}

/** A live key, as the database tells it. */
export interface FoundApiKey {
  readonly id: string;
  readonly orgId: string;
  readonly scopes: readonly string[];
  /** CIDR; none means from anywhere. */
  readonly allowedIps: readonly string[];
}

/** What {@link createApiKeyVerifier} needs. */
export interface ApiKeyVerifierOptions {
  /** 32 bytes that are not in the database. */
  readonly pepper: Uint8Array;
  /** Looks a live key up by its digest; null when there is none. */
  readonly find: (digest: Buffer) => Promise<FoundApiKey | null>;
  /** Told of each key that was accepted. Not waited for, and must not throw. */
  readonly noteUse: (key: FoundApiKey) => void;
}

const MOST_REMEMBERED = 1_000;

/**
 * Makes the verifier of API keys. Nothing about a key is kept that would let it in: only that it was accepted once, so that
 * whoever guesses from the same address does not lock its holder out.
 *
 * The look-up is by a keyed hash of the key: how long it takes tells nothing about a key that is nearly right.
 */
export function createApiKeyVerifier({ pepper, find, noteUse }: ApiKeyVerifierOptions): ApiKeyVerifier {
  const accepted = new Set<string>();
  const nameOf = (key: string): string => apiKeyDigest(pepper, key).toString('base64');

  return {
    async verify(key, address) {
      if (!isApiKey(key)) throw unauthenticated();
      const found = await find(apiKeyDigest(pepper, key));
      if (found === null || !isWithin(found.allowedIps, address)) throw unauthenticated();
      remember(accepted, nameOf(key));
      noteUse(found);
      return {
        subject: `api-key:${found.id}`,
        organisations: [found.orgId],
        roles: [],
        apiKey: { id: found.id, scopes: found.scopes },
      };
    },
    hasAccepted: (key) => isApiKey(key) && accepted.has(nameOf(key)),
  };
}

function remember(accepted: Set<string>, name: string): void {
  accepted.delete(name);
  accepted.add(name);
  for (const oldest of accepted) {
    if (accepted.size <= MOST_REMEMBERED) return;
    accepted.delete(oldest);
  }
}

function unauthenticated(): RequestRefused {
  return new RequestRefused({ kind: 'unauthenticated', isTokenInvalid: false });
}
