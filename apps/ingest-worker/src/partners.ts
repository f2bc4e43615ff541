import { partnerVhost } from '@quarterhour/contracts';
import type { RegisterWatch } from '@quarterhour/ingestion';
import type { Publisher } from '@quarterhour/messaging';
import { endsWithin, type HealthCheck, type HealthReport } from '@quarterhour/runtime';
import { AtMost } from './at-most.js';
import { CentralStrand, type CentralStrandContext } from './central-strand.js';
import { KeyStrand, type KeyStrandContext } from './key-strand.js';
import { PartnerQueues, type PartnerStreams } from './partner-queues.js';
import { wishOf, type PartnerStrand, type Wish } from './partner-strand.js';

/** How many strands are connected or declared at the same time. */
const AT_MOST = 8;
const CLOSE_MS = 2_000;

/** What following partners takes. */
export interface PartnersContext extends Omit<CentralStrandContext, 'atMost'>, Omit<KeyStrandContext, 'atMost'> {
  readonly register: Pick<RegisterWatch, 'current' | 'nowMillis'>;
}

/** A strand, what is wanted of it by now, and how it fares. */
interface Followed {
  readonly strand: PartnerStrand;
  /** Null when it is to be let go of. */
  wish: Wish | null;
  isBusy: boolean;
  trouble: Trouble | null;
}

interface Trouble {
  readonly name: string;
  readonly since: number;
  /** It lasts longer than it may. */
  readonly matters: boolean;
}

/**
 * Consumes what partners publish, as their trading stands: in our own virtual host and in that of each of their keys.
 *
 * One partner's trouble is not the others': each strand goes its own pace, its trouble is shown, and it is tried again at the
 * next call.
 */
export class Partners {
  readonly #ctx: PartnersContext;
  readonly #streams: PartnerStreams;
  readonly #atMost = new AtMost(AT_MOST);
  readonly #followed = new Map<string, Followed>();
  /** Those of keys, by virtual host: they are looked for with every message to a partner. */
  readonly #keyStrands = new Map<string, KeyStrand>();

  constructor(ctx: PartnersContext, streams: PartnerStreams) {
    this.#ctx = ctx;
    this.#streams = streams;
  }

  /**
   * Goes after the register: takes up who is new, lets go of who is gone, and tries again where something went wrong.
   * Resolves when every strand that was not busy has done what it could. Never rejects.
   */
  async follow(): Promise<void> {
    const wanted = this.#wanted();
    for (const [id, { make, wish }] of wanted) {
      const followed = this.#followed.get(id);
      if (followed !== undefined) followed.wish = wish;
      else this.#take(id, make(), wish);
    }
    for (const [id, followed] of this.#followed) if (!wanted.has(id)) followed.wish = null;
    await Promise.all([...this.#followed].map(([id, followed]) => this.#step(id, followed)));
  }

  /** What publishes into the virtual host of a key; null while that does not let us in, or nobody has such a key. */
  publisherIn(vhost: string): Publisher | null {
    return this.#keyStrands.get(vhost)?.publisher ?? null;
  }

  /** The same for telemetry that partners are told of. */
  fanOutPublisherIn(vhost: string): Publisher | null {
    return this.#keyStrands.get(vhost)?.fanOutPublisher ?? null;
  }

  /** Compares once what waits in the keys' virtual hosts with what arrives. Never rejects. */
  async look(): Promise<void> {
    await Promise.all([...this.#keyStrands.values()].map((strand) => strand.look()));
  }

  /** Lets go of everything, or of what can be let go of soon. */
  async close(): Promise<void> {
    const left = [...this.#followed.values()].map(({ strand }) => strand.leave());
    await endsWithin(CLOSE_MS, Promise.all(left));
  }

  get healthCheck(): HealthCheck {
    return { name: 'partners', check: () => Promise.resolve(this.#health()) };
  }

  #health(): HealthReport {
    const followed = [...this.#followed.values()];
    const central = followed.filter(({ strand }) => strand instanceof CentralStrand);
    const keys = [...this.#keyStrands.values()];
    return {
      ok: !followed.some(({ trouble }) => trouble?.matters === true),
      detail: {
        consumed: central.filter(({ wish }) => wish?.consumes === true).length,
        paused: central.filter(({ wish }) => wish?.consumes === false).length,
        keys: keys.length,
        keysConnected: keys.filter(({ isConnected }) => isConnected).length,
        troubles: Object.fromEntries(
          followed.flatMap(({ strand, trouble }) => (trouble === null ? [] : [[strand.name, trouble.name]])),
        ),
      },
    };
  }

  #take(id: string, strand: PartnerStrand, wish: Wish): void {
    this.#followed.set(id, { strand, wish, isBusy: false, trouble: null });
    if (strand instanceof KeyStrand) this.#keyStrands.set(strand.name, strand);
  }

  /** Under another prefix a key may have another strand already. */
  #forget(id: string, strand: PartnerStrand): void {
    this.#followed.delete(id);
    if (this.#keyStrands.get(strand.name) === strand) this.#keyStrands.delete(strand.name);
  }

  /** By what makes a strand another one: a partner whose prefix changed has other queues. */
  #wanted(): Map<string, { readonly make: () => PartnerStrand; readonly wish: Wish }> {
    const { current, nowMillis } = this.#ctx.register;
    const wanted = new Map<string, { make: () => PartnerStrand; wish: Wish }>();
    for (const partner of current.publishers) {
      const wish = wishOf(current.tradingState(partner.id));
      if (wish === null) continue;
      const { queuePrefix: prefix, id: orgId } = partner;
      const queues = new PartnerQueues(this.#streams, prefix);
      const ctx = { ...this.#ctx, atMost: this.#atMost };
      wanted.set(`${orgId} ${prefix}`, { make: () => new CentralStrand(ctx, prefix, queues), wish });
      for (const keyId of current.liveKeys(orgId, nowMillis)) {
        wanted.set(`${orgId} ${prefix} ${partnerVhost(keyId)}`, {
          make: () => new KeyStrand(ctx, { keyId, orgId }, queues),
          wish,
        });
      }
    }
    return wanted;
  }

  async #step(id: string, followed: Followed): Promise<void> {
    if (followed.isBusy) return;
    followed.isBusy = true;
    const { strand, wish } = followed;
    try {
      if (wish === null) {
        await strand.leave();
        this.#forget(id, strand);
      } else {
        await strand.follow(wish);
        followed.trouble = null;
      }
    } catch (error) {
      this.#report(followed, error);
    } finally {
      followed.isBusy = false;
    }
  }

  #report(followed: Followed, error: unknown): void {
    const { strand, trouble: before } = followed;
    const now = this.#ctx.clock.monotonicMillis();
    const name = error instanceof Error ? error.name : 'unknown';
    const since = before?.since ?? now;
    const matters = now - since >= strand.patienceMs;
    followed.trouble = { name, since, matters };
    if (before?.name === name && before.matters === matters) return;
    const line = { err: error, partner: strand.name };
    if (matters) this.#ctx.log.error(line, "a partner's queues are not as they should be, trying again");
    else this.#ctx.log.info(line, "a partner's virtual host does not let us in yet, trying again");
  }
}
