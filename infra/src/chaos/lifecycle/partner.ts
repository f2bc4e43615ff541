import { partnerVhost } from '@quarterhour/contracts';
import type { TradingAction } from '@quarterhour/domain';
import { openBroker, type Broker } from '@quarterhour/messaging';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import type { Arena } from '../arena.js';
import { Load, type Mix } from '../load.js';
import type { ChaosOrganisation } from '../organisations.js';
import { Publishing } from '../publishing.js';
import type { Answer, ControlApi } from './control-api.js';
import { planSteps } from './plan.js';

/** Everything that a partner may send; dispatches are not its own to send. */
const MIX: Mix = { realtime: 70, meter: 8, config: 8, duplicate: 4, conflict: 1, correction: 2, poison: 3 };

const CONFIG = {
  esmApiUrl: 'https://esm.partner.example/api/v1/voke-esm',
  esmClientId: 'chaos',
  esmClientSecret: 'not much of a secret',
};
const KEY = { name: 'chaos', scopes: ['vcp:connect', 'vcp:read', 'vcp:write:config'] };
const LOGIN_AGAIN_AFTER_MS = 500;

const minted = z.looseObject({ id: z.string(), key: z.string() });

/** A step as it was answered. */
export interface StepRecord extends Answer {
  readonly action: TradingAction;
}

const PATHS: Readonly<Record<TradingAction, string>> = {
  enable: '/api/v1/trading/config/enable',
  disable: '/api/v1/trading/config/disable',
  pause: '/quarterhour/v1/trading/pause',
  resume: '/quarterhour/v1/trading/resume',
  drain: '/quarterhour/v1/trading/drain',
};

/** A partner with a key of its own that publishes whenever it is let in, and its trader. */
export class LifecyclePartner {
  readonly organisation: ChaosOrganisation;
  readonly keyId: string;
  /** Steps that were answered, in order. */
  readonly steps: StepRecord[] = [];
  readonly #arena: Arena;
  readonly #api: ControlApi;
  readonly #key: string;
  #onStep: () => void = () => undefined;

  private constructor(arena: Arena, api: ControlApi, organisation: ChaosOrganisation, key: z.output<typeof minted>) {
    this.#arena = arena;
    this.#api = api;
    this.organisation = organisation;
    this.keyId = key.id;
    this.#key = key.key;
  }

  /** Saves its configuration and mints its key. */
  static async prepare(
    arena: Arena,
    api: ControlApi,
    organisation: ChaosOrganisation,
    signal: AbortSignal,
  ): Promise<LifecyclePartner> {
    await api.ask(organisation.id, '/api/v1/trading/config', CONFIG, signal);
    const answer = await api.ask(organisation.id, '/api/v1/partner/api-keys', KEY, signal);
    return new LifecyclePartner(arena, api, organisation, minted.parse(answer?.body));
  }

  /** Calls back when a step is about to be asked for. One listener. */
  onStep(listener: () => void): void {
    this.#onStep = listener;
  }

  /** Publishes so many messages a second while its virtual host lets it in, until the signal is aborted. */
  async publish(seed: string, perSecond: number, signal: AbortSignal): Promise<void> {
    const broker = await this.#login(signal);
    if (broker === null) return;
    const { slug } = this.organisation;
    const load = new Load(`${seed} ${slug}`, [this.organisation], systemClock.nowMillis(), MIX);
    const publishing = new Publishing(broker, this.#arena.ledger, 'unless it is refused');
    await publishing.run(load, perSecond, signal);
    // What was sent is still settled: the broker's word counts, whenever it comes.
    await broker.close();
    await publishing.confirmed();
  }

  /**
   * Has its trader do what was planned until the time is over, and then disable its trading. A step that was begun is asked
   * for to its end: nobody would know otherwise whether it was decided.
   */
  async trade(seed: string, over: AbortSignal, interrupted: AbortSignal): Promise<void> {
    for (const { action, afterMs } of planSteps(seed, this.organisation.slug)) {
      await sleep(afterMs, over);
      if (over.aborted) break;
      await this.#step(action, interrupted);
    }
    if (this.steps.at(-1)?.action !== 'disable') await this.#step('disable', interrupted);
  }

  async #step(action: TradingAction, interrupted: AbortSignal): Promise<void> {
    this.#onStep();
    const answer = await this.#api.ask(this.organisation.id, PATHS[action], { reason: 'chaos' }, interrupted);
    if (answer !== null) this.steps.push({ action, ...answer });
  }

  /** Nobody is let in before trading is enabled. */
  async #login(signal: AbortSignal): Promise<Broker | null> {
    const { slug } = this.organisation;
    const { amqpPorts } = this.#arena.servers.rabbitmq;
    const url = `amqp://${slug}:${encodeURIComponent(this.#key)}@127.0.0.1:${amqpPorts[0] ?? 0}/${partnerVhost(this.keyId)}`;
    const log = createLogger({ name: slug, level: 'fatal' });
    while (!signal.aborted) {
      try {
        return await openBroker({ url, applicationName: slug, log, signal });
      } catch {
        await sleep(LOGIN_AGAIN_AFTER_MS, signal);
      }
    }
    return null;
  }
}
