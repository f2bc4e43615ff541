import { INBOUND_FAMILIES, partnerTopology, partnerVhost, type InboundFamily } from '@quarterhour/contracts';
import {
  dropOutgoing,
  findTradingConfig,
  forgetPartnerVhost,
  keepPartnerVhost,
  listPartnerVhosts,
  lockTradingConfig,
  recordAudit,
  recordProvisioned,
  recordProvisionTrouble,
  setTradingStanding,
  type Database,
  type TradingConfigRecord,
} from '@quarterhour/db';
import { disabledWhenEmpty } from '@quarterhour/domain';
import { BrokerApiError, type QueueStatus, type RabbitApi } from '@quarterhour/messaging';
import type { Clock, Logger } from '@quarterhour/runtime';
import { nameOfStanding } from '../trading/decide.js';
import { recordTradingEvent } from '../trading/record-event.js';
import { aimsOf, type Aims, type VhostAim } from './aims.js';
import {
  addedUp,
  centralPlace,
  centralQueues,
  closeConnections,
  confirmed,
  dropStillborn,
  holdingOf,
  howMade,
  isShut,
  keyPlace,
  makeCentral,
  makeVhost,
  mismatched,
  removeCentral,
  removeVhost,
  shutVhost,
  type Holding,
  type PlaceToBe,
} from './places.js';
import type { Quiet } from './quiet.js';

/** What making the broker look as it has to takes. */
export interface ProvisioningContext {
  readonly db: Database;
  readonly api: RabbitApi;
  /** The central virtual host. */
  readonly vhost: string;
  /** The broker's user that our own processes are, and that may use every partner's virtual host. */
  readonly user: string;
  readonly quiet: Quiet;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * How a pass over one organisation ended: the broker looks as it has to; it will, with time, or because something was
 * decided meanwhile; or something stands in the way that no repetition removes.
 */
export type PassOutcome = 'settled' | 'pending' | 'troubled';

/** What only somebody can put right; the rest of the broker is made as it has to be all the same. */
class Troubles {
  readonly found: string[] = [];

  /**
   * Does something for one place. That the broker is out of reach is a trouble of none of them.
   *
   * @returns whether it is done
   */
  async collect(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BrokerApiError) || error.status === null || error.status >= 500) throw error;
      this.found.push(error.message);
      return false;
    }
  }
}

/**
 * Makes the broker look as Postgres says for one organisation. May be repeated, and broken off anywhere; but not done twice
 * at the same time.
 *
 * @throws BrokerApiError when the broker is out of reach
 */
export async function provision(ctx: ProvisioningContext, orgId: string): Promise<PassOutcome> {
  const found = await ctx.db.read([orgId], async (trx) => ({
    config: await findTradingConfig(trx, orgId),
    vhosts: await listPartnerVhosts(trx, orgId),
  }));
  const { config } = found;
  if (config === null) return 'settled';
  const aims = aimsOf(config, found.vhosts);
  const pass = new Pass(ctx, config, aims);
  return aims === null ? pass.conclude(true) : pass.run(aims);
}

class Pass {
  readonly #ctx: ProvisioningContext;
  readonly #config: TradingConfigRecord;
  readonly #troubles = new Troubles();
  /** What is left of everything that stays, for the event that says that trading is over. */
  readonly #held: Holding[] = [];
  readonly #vhosts: readonly string[];

  constructor(ctx: ProvisioningContext, config: TradingConfigRecord, aims: Aims | null) {
    this.#ctx = ctx;
    this.#config = config;
    this.#vhosts = aims?.vhosts.map(({ vhost }) => vhost) ?? [];
    if (!config.isClosing) ctx.quiet.forget(`${config.orgId} closing`);
    if (aims === null) ctx.quiet.forget(config.orgId);
  }

  async run(aims: Aims): Promise<PassOutcome> {
    const present = new Set(await this.#ctx.api.listVhosts());
    const done = await allEnded([
      this.#troubles.collect(() => this.#central(aims)),
      ...aims.vhosts.map((one) => this.#troubles.collect(() => this.#vhost(one, aims.prefix, present.has(one.vhost)))),
    ]);
    const isDone = done.every(Boolean);
    if (this.#config.isClosing && isDone && this.#troubles.found.length === 0) return this.#close();
    return this.conclude(isDone);
  }

  /** @param isDone whether nothing is left to wait for */
  async conclude(isDone: boolean): Promise<PassOutcome> {
    const { orgId, wantedVersion } = this.#config;
    const [trouble] = this.#troubles.found;
    if (trouble !== undefined) {
      const text = this.#troubles.found.join('; ');
      await this.#ctx.db.transaction([orgId], (trx) => recordProvisionTrouble(trx, orgId, text));
      return 'troubled';
    }
    if (!isDone) return 'pending';
    await this.#ctx.db.transaction([orgId], (trx) => recordProvisioned(trx, orgId, wantedVersion));
    return 'settled';
  }

  async #central({ central: aim, prefix }: Aims): Promise<boolean> {
    const { api, vhost } = this.#ctx;
    const place = centralPlace(vhost, prefix);
    const made = await howMade(api, place);
    if (aim.kind === 'there') {
      await makeCentral(api, place, { made, refused: aim.refused });
      const queues = await centralQueues(api, vhost, prefix);
      this.#reportMismatches(mismatched(queues, partnerTopology(prefix)));
      this.#held.push(await this.#heldIn(vhost, prefix, queues));
      return true;
    }
    if (made === 'never') await dropStillborn(api, place);
    const { toStore } = await confirmed(api, vhost, prefix, holdingOf(await centralQueues(api, vhost, prefix), prefix));
    if (toStore > 0) return this.#keepUnread(vhost, toStore);
    if (!(await this.#isStillWanted())) return false;
    await removeCentral(api, vhost, prefix);
    return true;
  }

  async #vhost(one: VhostAim, prefix: string, isPresent: boolean): Promise<boolean> {
    const { api } = this.#ctx;
    const { keyId, vhost, aim } = one;
    const place = keyPlace(vhost, prefix);
    const isGoing = isPresent && (await isShut(api, vhost));
    switch (aim.kind) {
      case 'there':
        // What is on its way out, and may be half gone, goes before it is made anew.
        if (isGoing && !(await this.#removed(keyId, vhost))) return false;
        return this.#makeThere(one, { place, refused: aim.refused, isPresent: isPresent && !isGoing });
      case 'gone':
        if (!isPresent) return this.#forget(keyId);
        if (!isGoing && !(await this.#mayGo(place))) return false;
        return (await this.#removed(keyId, vhost)) && this.#forget(keyId);
      case 'gone-when-empty': {
        if (!isPresent) return this.#forgetEnded(keyId, null);
        if (!isGoing && !(await this.#isDrained(keyId, place))) return false;
        const holding = holdingOf(await api.listQueues(vhost), prefix);
        this.#held.push(holding);
        return (await this.#removed(keyId, vhost)) && this.#forgetEnded(keyId, holding);
      }
    }
  }

  async #makeThere(
    { keyId, mayExist }: VhostAim,
    { place, refused, isPresent }: { place: PlaceToBe; refused: readonly InboundFamily[]; isPresent: boolean },
  ): Promise<true> {
    const { db, api, user } = this.#ctx;
    const { orgId } = this.#config;
    const { vhost, prefix, topology } = place;
    if (!mayExist) await db.transaction([orgId], (trx) => keepPartnerVhost(trx, orgId, keyId));
    const made = isPresent ? await howMade(api, place) : 'never';
    await makeVhost(api, place, { made, refused, user });
    const queues = await api.listQueues(vhost);
    this.#reportMismatches(mismatched(queues, topology));
    this.#held.push(await this.#heldIn(vhost, prefix, queues));
    return true;
  }

  /** Of a partner whose trading is over: whether everything that was to be stored of this virtual host is. */
  async #mayGo(place: PlaceToBe): Promise<boolean> {
    const { api } = this.#ctx;
    const { vhost, prefix } = place;
    if ((await howMade(api, place)) === 'never') await dropStillborn(api, place);
    const { toStore } = await confirmed(api, vhost, prefix, holdingOf(await api.listQueues(vhost), prefix));
    if (toStore > 0) return this.#keepUnread(vhost, toStore);
    return this.#isStillWanted();
  }

  /** Puts out the holder of a key that ended, takes nothing more in, and looks whether nothing is left to be stored. */
  async #isDrained(keyId: string, place: PlaceToBe): Promise<boolean> {
    const { api, user, quiet } = this.#ctx;
    const { vhost, prefix } = place;
    await closeConnections(api, vhost, user);
    await makeVhost(api, place, { made: await howMade(api, place), refused: INBOUND_FAMILIES, user });
    const { toStore } = await confirmed(api, vhost, prefix, holdingOf(await api.listQueues(vhost), prefix));
    return quiet.isEmpty(`${this.#config.orgId} vhost ${keyId}`, toStore);
  }

  /**
   * Removes a virtual host that nothing is to be stored of, once nobody but us is in it: the broker confirms to its publisher
   * what is on its way into a queue that is deleted.
   */
  async #removed(keyId: string, vhost: string): Promise<boolean> {
    const { api, user, quiet } = this.#ctx;
    const { orgId, wantedVersion } = this.#config;
    await shutVhost(api, vhost);
    const place = `${orgId} vhost ${keyId} shut ${wantedVersion}`;
    if (!quiet.wasEmpty(place, await closeConnections(api, vhost, user))) return false;
    await removeVhost(api, vhost, user);
    quiet.forget(place);
    return true;
  }

  /** What is gone with trading as a whole. */
  async #forget(keyId: string): Promise<true> {
    const { orgId } = this.#config;
    await this.#ctx.db.transaction([orgId], async (trx) => {
      await forgetPartnerVhost(trx, orgId, keyId);
      await dropOutgoing(trx, orgId, [partnerVhost(keyId)]);
    });
    return true;
  }

  /** What is gone because its key ended. @param holding what went with it; null when it was gone already */
  async #forgetEnded(keyId: string, holding: Holding | null): Promise<true> {
    const { orgId } = this.#config;
    this.#ctx.quiet.forget(`${orgId} vhost ${keyId}`);
    if (holding !== null) {
      this.#ctx.log.info(
        { organisation: orgId, vhost: partnerVhost(keyId), ...holding },
        "a key's virtual host is gone",
      );
    }
    const held = { unanswered: holding?.unanswered ?? null, undelivered: holding?.undelivered ?? null };
    await this.#ctx.db.transaction([orgId], async (trx) => {
      const isForgotten = await forgetPartnerVhost(trx, orgId, keyId);
      const detail = { ...held, unsent: await dropOutgoing(trx, orgId, [partnerVhost(keyId)]) };
      if (!isForgotten) return;
      await recordAudit(trx, [{ orgId, actor: ACTOR, action: 'trading.remove-vhost', subject: keyId, detail }]);
    });
    return true;
  }

  /** Only what closes is about to lose what it holds. */
  #heldIn(vhost: string, prefix: string, queues: readonly QueueStatus[]): Promise<Holding> {
    const holding = holdingOf(queues, prefix);
    return this.#config.isClosing ? confirmed(this.#ctx.api, vhost, prefix, holding) : Promise.resolve(holding);
  }

  /** Messages that were confirmed are not thrown away, whoever said that there are none. */
  #keepUnread(vhost: string, count: number): false {
    this.#troubles.found.push(`${count} messages in the queues of virtual host ${vhost} are not stored`);
    return false;
  }

  #reportMismatches(queues: readonly string[]): void {
    for (const queue of queues) this.#troubles.found.push(`queue ${queue} exists with other arguments`);
  }

  /** What is removed cannot be brought back: nobody may have decided otherwise since the pass began. */
  async #isStillWanted(): Promise<boolean> {
    const { orgId, wantedVersion } = this.#config;
    const now = await this.#ctx.db.read([orgId], (trx) => findTradingConfig(trx, orgId));
    return now?.wantedVersion === wantedVersion;
  }

  /** Disables trading once nothing is left to be stored. The queues go in the next pass. */
  async #close(): Promise<PassOutcome> {
    const { db, quiet, clock, log } = this.#ctx;
    const { orgId, wantedVersion, closingBy, closingReason: reason } = this.#config;
    const holding = addedUp(this.#held);
    if (!quiet.isEmpty(`${orgId} closing ${wantedVersion}`, holding.toStore)) return 'pending';
    const { unanswered, undelivered } = holding;
    await db.transaction([orgId], async (trx) => {
      const before = await lockTradingConfig(trx, orgId);
      if (before === null || before.wantedVersion !== wantedVersion) return;
      await setTradingStanding(trx, orgId, { state: disabledWhenEmpty(before).state, closing: null });
      const actor = closingBy ?? ACTOR;
      const unsent = await dropOutgoing(trx, orgId, this.#vhosts);
      const details = { from: nameOfStanding(before), to: 'DISABLED', unanswered, undelivered, unsent };
      await recordTradingEvent(trx, clock, before, { change: 'disabled', actor, reason, details });
      const detail = { ...details, reason };
      await recordAudit(trx, [{ orgId, actor, action: 'trading.disabled', subject: before.id, detail }]);
    });
    log.info({ organisation: orgId, unanswered, undelivered }, 'trading is disabled');
    return 'pending';
  }
}

/** Who does what follows from a decision without anybody asking. */
const ACTOR = 'control-api';

/** What all of them gave. Waits also for those that others have failed before: nothing goes on behind the back of the lock. */
async function allEnded<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}
