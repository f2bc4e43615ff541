import type { RabbitApi } from '@quarterhour/messaging';
import { sleep, type Logger } from '@quarterhour/runtime';

/** The broker goes by what it was told about a partner for 5 seconds: as long, a revoked key may still open a connection. */
const LATE_LOGIN_MS = 8_000;
const EVERY_MS = 1_000;

/** What a partner has open on the broker with one key. */
export interface PartnerSessions {
  /**
   * Closes what the key has open, and goes on for as long as the broker may still let its holder in. Never rejects: a
   * broker that cannot be reached now is asked again.
   *
   * @returns when they were closed for the first time
   */
  end(key: { readonly vhost: string; readonly user: string }): Promise<void>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** What {@link partnerSessions} needs. */
export interface SessionsOptions {
  readonly log: Logger;
  /** How long the broker may still let a key's holder in. Default 8 s. */
  readonly lateLoginMs?: number;
  /** Default 1 s. */
  readonly everyMs?: number;
}

/** @param rabbit closes connections by the broker's HTTP API */
export function partnerSessions(
  rabbit: Pick<RabbitApi, 'listConnections' | 'closeConnection'>,
  { log, lateLoginMs = LATE_LOGIN_MS, everyMs = EVERY_MS }: SessionsOptions,
): PartnerSessions {
  const stopping = new AbortController();
  const watches = new Set<Promise<void>>();

  /** Our own workers are in the same virtual host, as another user. */
  const closeOpen = async ({ vhost, user }: { readonly vhost: string; readonly user: string }): Promise<void> => {
    try {
      const open = await rabbit.listConnections(vhost);
      const theirs = open.filter((connection) => connection.user === user);
      await Promise.all(theirs.map(({ name }) => rabbit.closeConnection(name, 'the API key was revoked')));
    } catch (error) {
      log.warn({ err: error, vhost }, 'connections of a revoked API key could not be closed');
    }
  };
  const watch = async (key: { readonly vhost: string; readonly user: string }): Promise<void> => {
    for (let passed = 0; passed < lateLoginMs && !stopping.signal.aborted; passed += everyMs) {
      await sleep(everyMs, stopping.signal);
      await closeOpen(key);
    }
  };

  return {
    async end(key) {
      await closeOpen(key);
      const watching = watch(key).finally(() => watches.delete(watching));
      watches.add(watching);
    },
    async close() {
      stopping.abort();
      await Promise.all(watches);
    },
  };
}
