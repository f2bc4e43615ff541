import { signingKeyPlace, type PartnerKeyRow } from '@quarterhour/db';
import { signingKeyBytes, type Register, type SigningKeys } from '@quarterhour/ingestion';
import type { KeyRing } from '@quarterhour/runtime';

/** This process has no key ring, so it cannot tell who signed a command. */
export class NoKeyRingError extends Error {
  override readonly name = 'NoKeyRingError';
}

/** A command cannot be verified with a key that nobody knows any more. */
export class UnknownKeyError extends Error {
  override readonly name = 'UnknownKeyError';
}

/** Signing keys of partners. One that was opened is remembered as long as it is sealed the same. */
export class OpenedSigningKeys implements SigningKeys {
  readonly #keyRing: KeyRing | null;
  readonly #opened = new Map<string, { readonly sealed: string; readonly bytes: Buffer }>();

  constructor(keyRing: KeyRing | null) {
    this.#keyRing = keyRing;
  }

  /** @throws NoKeyRingError, SealedValueError, KeyRingError */
  of({ orgId, id, sealedSigningKey: sealed }: PartnerKeyRow): Buffer {
    const known = this.#opened.get(id);
    if (known?.sealed === sealed) return known.bytes;
    if (this.#keyRing === null)
      throw new NoKeyRingError('QUARTERHOUR_KEY_RING names no key ring: nobody can be verified');
    const bytes = signingKeyBytes(this.#keyRing.open(sealed, signingKeyPlace(orgId, id)));
    this.#opened.set(id, { sealed, bytes });
    return bytes;
  }

  /** Opens a key, and lets go of those that ended. @throws as {@link of}, and UnknownKeyError */
  assertOpens(register: Register, orgId: string, keyId: string): void {
    const key = register.key(orgId, keyId);
    if (key === undefined) {
      this.#opened.delete(keyId);
      throw new UnknownKeyError(`key ${keyId} is not registered`);
    }
    this.of(key);
  }
}
