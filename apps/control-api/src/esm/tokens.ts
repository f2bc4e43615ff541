import type { EsmToken } from '@quarterhour/contracts';
import { Secret, type Clock } from '@quarterhour/runtime';
import type { EsmAccess } from './access.js';
import { EsmError } from './esm-error.js';

/** A token that says nothing of its life is used for this long, one that says too much for the other. */
const UNSAID_LIFETIME_MS = 300_000;
const LONGEST_LIFETIME_MS = 3_600_000;
/** A token that is about to end is not used any more. */
const MARGIN_MS = 30_000;
/** For how long credentials that were refused are not tried again. */
const REFUSED_FOR_MS = 30_000;

interface Kept {
  readonly version: string;
  readonly token: Secret<string>;
  readonly until: number;
}

interface Refused {
  readonly version: string;
  readonly until: number;
}

interface Asking {
  readonly version: string;
  readonly token: Promise<Secret<string>>;
}

/** Asks an ESM for a token. @throws EsmError */
export type AskForToken = (access: EsmAccess) => Promise<EsmToken>;

/** Tokens of ESMs: each is asked for once, however many need it at the same time, and used as long as it holds. */
export class EsmTokens {
  readonly #clock: Pick<Clock, 'monotonicMillis'>;
  readonly #ask: AskForToken;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Asking>();
  readonly #refused = new Map<string, Refused>();

  constructor({ clock, ask }: { readonly clock: Pick<Clock, 'monotonicMillis'>; readonly ask: AskForToken }) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** @throws EsmError also when these credentials were refused a moment ago */
  async tokenFor(access: EsmAccess): Promise<Secret<string>> {
    const { orgId, version } = access;
    const now = this.#clock.monotonicMillis();
    const kept = this.#kept.get(orgId);
    if (kept?.version === version && now < kept.until) return kept.token;
    const refused = this.#refused.get(orgId);
    if (refused?.version === version && now < refused.until) {
      throw new EsmError('ESM_UNAUTHORIZED', { mayHaveHappened: false });
    }
    const asking = this.#asking.get(orgId);
    if (asking?.version === version) return asking.token;
    const token = this.#renew(access).finally(() => {
      if (this.#asking.get(orgId)?.token === token) this.#asking.delete(orgId);
    });
    this.#asking.set(orgId, { version, token });
    return token;
  }

  /** The ESM does not take this token any more. */
  forget({ orgId }: Pick<EsmAccess, 'orgId'>, token: Secret<string>): void {
    if (this.#kept.get(orgId)?.token === token) this.#kept.delete(orgId);
  }

  async #renew(access: EsmAccess): Promise<Secret<string>> {
    const { orgId, version } = access;
    try {
      const { token: text, lifetimeSeconds } = await this.#ask(access);
      const token = new Secret(text);
      this.#refused.delete(orgId);
      this.#kept.set(orgId, { version, token, until: this.#clock.monotonicMillis() + usedFor(lifetimeSeconds) });
      return token;
    } catch (error) {
      if (error instanceof EsmError && error.code === 'ESM_UNAUTHORIZED') {
        this.#refused.set(orgId, { version, until: this.#clock.monotonicMillis() + REFUSED_FOR_MS });
      }
      throw error;
    }
  }
}

/** Nothing that a partner says makes us keep a token for ever. One that does not last is for those who wait for it. */
function usedFor(lifetimeSeconds: number | null): number {
  if (lifetimeSeconds === null) return UNSAID_LIFETIME_MS;
  return Math.max(0, Math.min(lifetimeSeconds * 1_000, LONGEST_LIFETIME_MS) - MARGIN_MS);
}
