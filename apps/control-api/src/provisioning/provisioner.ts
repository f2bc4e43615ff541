import {
  findTradingConfig,
  listOrganisations,
  listUnprovisioned,
  recordProvisionTrouble,
  tryAlone,
  type Database,
} from '@quarterhour/db';
import { BrokerApiError } from '@quarterhour/messaging';
import { sleep } from '@quarterhour/runtime';
import { provision, type PassOutcome, type ProvisioningContext } from './pass.js';

/** What {@link Provisioner} needs. */
export interface ProvisionerOptions extends ProvisioningContext {
  /** A pool of its own for locks, which are held while the broker is asked. */
  readonly locks: Database;
  /** Ends all waiting. */
  readonly stopping: AbortSignal;
}

const RETRY_MS = 250;

/**
 * Makes the broker look as Postgres says, one organisation at a time in any process: as soon as something was decided, and
 * again and again for whatever was left undone.
 */
export class Provisioner {
  readonly #options: ProvisionerOptions;
  /** The last pass over each organisation that this process began. */
  readonly #passes = new Map<string, Promise<unknown>>();

  constructor(options: ProvisionerOptions) {
    this.#options = options;
  }

  /** @throws BrokerApiError when the broker is out of reach */
  async reach(): Promise<void> {
    await this.#options.api.overview();
  }

  /**
   * Works on an organisation until the broker looks as it has to, something stands in the way, or the time is up.
   *
   * @throws BrokerApiError when the broker is out of reach; what was decided is made up for later
   */
  async settle(orgId: string, { withinMs }: { readonly withinMs: number }): Promise<void> {
    const { clock, stopping } = this.#options;
    const deadline = clock.monotonicMillis() + withinMs;
    for (;;) {
      if ((await this.#alone(orgId)) !== 'pending') return;
      if (stopping.aborted || clock.monotonicMillis() >= deadline) return;
      await sleep(RETRY_MS, stopping);
    }
  }

  /** Begins to work on an organisation, for somebody who does not wait for it. Never rejects. */
  soon(orgId: string): void {
    this.#alone(orgId).catch((error: unknown) => this.#tell(error, orgId));
  }

  /** One pass over every organisation that is behind. @throws the first error, when every organisation had its turn */
  async round(): Promise<void> {
    const { db, stopping } = this.#options;
    const everybody = (await db.read([], listOrganisations)).map(({ id }) => id);
    const behind = await db.read(everybody, listUnprovisioned);
    const failures: unknown[] = [];
    for (const orgId of behind) {
      if (stopping.aborted) return;
      await this.#alone(orgId).catch((error: unknown) => {
        failures.push(error);
        this.#tell(error, orgId);
      });
    }
    if (failures.length > 0) throw failures[0];
  }

  /** How many organisations there are for which the broker may not look as it has to. */
  async behind(): Promise<number> {
    const { db } = this.#options;
    const everybody = (await db.read([], listOrganisations)).map(({ id }) => id);
    return (await db.read(everybody, listUnprovisioned)).length;
  }

  #alone(orgId: string): Promise<PassOutcome> {
    const before = this.#passes.get(orgId) ?? Promise.resolve();
    const pass = before.then(
      () => this.#pass(orgId),
      () => this.#pass(orgId),
    );
    this.#passes.set(orgId, pass);
    const done = () => {
      if (this.#passes.get(orgId) === pass) this.#passes.delete(orgId);
    };
    pass.then(done, done);
    return pass;
  }

  /** Among all processes; whoever has the turn already does what there is to do. */
  #pass(orgId: string): Promise<PassOutcome> {
    const { locks, db } = this.#options;
    return locks.transaction([], async (trx) => {
      if (await tryAlone(trx, `provisioning ${orgId}`)) return this.#provision(orgId);
      const config = await db.read([orgId], (read) => findTradingConfig(read, orgId));
      return config?.wantedVersion === config?.provisionedVersion ? 'settled' : 'pending';
    });
  }

  /** A broker that answers others and not for this organisation is a trouble of its own: somebody should see it. */
  async #provision(orgId: string): Promise<PassOutcome> {
    const { db, api } = this.#options;
    try {
      return await provision(this.#options, orgId);
    } catch (error) {
      if (error instanceof BrokerApiError && (await api.overview().then(isReached, isOutOfReach))) {
        await db.transaction([orgId], (trx) => recordProvisionTrouble(trx, orgId, error.message));
      }
      throw error;
    }
  }

  #tell(error: unknown, orgId: string): void {
    this.#options.log.warn({ err: error, organisation: orgId }, 'the broker could not be made to look as it has to');
  }
}

const isReached = () => true;
const isOutOfReach = () => false;
