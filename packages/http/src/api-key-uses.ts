import type { Clock, Logger } from '@quarterhour/runtime';

/** That a key was used, at an instant as canonical text. */
export interface NotedUse {
  readonly orgId: string;
  readonly keyId: string;
  readonly at: string;
}

/** Keeps when keys were last used, for people who look for keys that nobody uses. */
export interface ApiKeyUses {
  /** Notes a use. Never waits and never throws. */
  note(key: { readonly id: string; readonly orgId: string }): void;
  /** Writes what was noted since, now. Never rejects: what could not be written is written next time. */
  flush(): Promise<void>;
  /** Writes once more and stops. */
  close(): Promise<void>;
}

/** What {@link keepApiKeyUses} needs. */
export interface ApiKeyUsesOptions {
  /** Writes uses, each key once. */
  readonly write: (uses: readonly NotedUse[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a use may wait to be written. Default 10 s. */
  readonly everyMs?: number;
}

const COARSE_MS = 60_000;
const EVERY_MS = 10_000;
const MOST_KEYS = 10_000;

/**
 * Notes when keys are used: for each key at most once a minute, and beside the requests that use them, so that neither a
 * busy key nor a slow database costs a request anything. Of more than 10,000 keys the oldest notes are forgotten.
 */
export function keepApiKeyUses({ write, clock, log, everyMs = EVERY_MS }: ApiKeyUsesOptions): ApiKeyUses {
  const notedAt = new Map<string, number>();
  const waiting = new Map<string, NotedUse>();
  let writing: Promise<void> = Promise.resolve();

  const writeWaiting = async (): Promise<void> => {
    const uses = [...waiting.values()];
    if (uses.length === 0) return;
    waiting.clear();
    try {
      await write(uses);
    } catch (error) {
      log.warn({ err: error, keys: uses.length }, 'the use of API keys could not be noted');
      for (const use of uses) if (!waiting.has(use.keyId)) waiting.set(use.keyId, use);
    }
  };
  const flush = (): Promise<void> => (writing = writing.then(writeWaiting));
  const timer = setInterval(() => void flush(), everyMs);
  timer.unref();

  return {
    note({ id: keyId, orgId }) {
      const now = clock.nowMillis();
      const before = notedAt.get(keyId);
      if (before !== undefined && now >= before && now - before < COARSE_MS) return;
      notedAt.delete(keyId);
      notedAt.set(keyId, now);
      waiting.set(keyId, { orgId, keyId, at: clock.nowInstantText() });
      forgetOldest(notedAt);
      forgetOldest(waiting);
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

function forgetOldest(notes: Map<string, unknown>): void {
  for (const oldest of notes.keys()) {
    if (notes.size <= MOST_KEYS) return;
    notes.delete(oldest);
  }
}
