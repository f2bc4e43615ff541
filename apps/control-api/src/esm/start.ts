import type { Database } from '@quarterhour/db';
import {
  GuardedClient,
  periodically,
  type Clock,
  type HealthCheck,
  type KeyRing,
  type Logger,
  type PartnerUrlRules,
} from '@quarterhour/runtime';
import { alone, jobCheck } from '../jobs.js';
import { EsmClient } from './client.js';
import { findOutResults, type PlantConfigContext } from './plant-config.js';
import { syncWhoIsDue, type SyncContext } from './sync.js';

/** What {@link startEsm} needs. */
export interface EsmOptions {
  readonly db: Database;
  /** A pool of its own for locks, which are held while ESMs are asked. */
  readonly locks: Database;
  readonly keyRing: Pick<KeyRing, 'open'>;
  readonly partnerUrls: PartnerUrlRules;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often plants are synchronised. */
  readonly syncEveryMs: number;
  /** How often it is asked what became of a configuration, and for how long. */
  readonly resultEveryMs: number;
  readonly resultWithinMs: number;
}

/** Everything that speaks with ESMs. */
export type EsmContext = SyncContext & PlantConfigContext & { readonly client: EsmClient };

/** The reverse channel, at work. */
export interface Esm {
  readonly context: EsmContext;
  readonly checks: readonly HealthCheck[];
  /** Ends the jobs when their run is over, and all connections. */
  stop(): Promise<void>;
}

/** Who is due is looked for this often at least. */
const LOOK_EVERY_MS = 60_000;
/** Longer than a request may take that is sent again with another token. */
const ASKED_WITHIN_MS = 60_000;

/** Begins to synchronise plants and to find out what became of configurations, each in one process at a time. */
export function startEsm(options: EsmOptions): Esm {
  const { db, locks, keyRing, partnerUrls, clock, log, syncEveryMs, resultEveryMs, resultWithinMs } = options;
  const stopping = new AbortController();
  const outbound = new GuardedClient({ rules: partnerUrls, clock });
  const client = new EsmClient({ client: outbound, clock });
  const context: EsmContext = { db, locks, keyRing, client, clock, log, stopping: stopping.signal };
  const job = (name: string, everyMs: number, work: () => Promise<void>) =>
    periodically({ clock, log }, { name, everyMs, job: () => alone(locks, name, work), stopping: stopping.signal });
  const syncing = job('esm-sync', Math.min(syncEveryMs, LOOK_EVERY_MS), () =>
    syncWhoIsDue(context, { everyMs: syncEveryMs }),
  );
  const asking = job('esm-results', resultEveryMs, () =>
    findOutResults(context, { overdueAfterMs: resultWithinMs, askedWithinMs: ASKED_WITHIN_MS }),
  );
  return {
    context,
    // An ESM that is out of reach is told in its organisation's configuration; it is not we who are not ready then.
    checks: [jobCheck('esm-sync', syncing.state), jobCheck('esm-results', asking.state)],
    async stop() {
      stopping.abort();
      await outbound.close();
      await Promise.all([syncing.done, asking.done]);
    },
  };
}
