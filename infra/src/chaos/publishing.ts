import {
  BrokerClosedError,
  ConfirmLostError,
  PublishRefusedError,
  UnroutableError,
  type Broker,
  type Publisher,
} from '@quarterhour/messaging';
import { sleep, systemClock } from '@quarterhour/runtime';
import type { CopyStatus, Ledger, Message } from './ledger.js';
import type { Load } from './load.js';

const WINDOW = 500;
const RESEND_AFTER_MS = 200;
const PACE_MS = 10;

/** After what a partner sends a message again: as long as nobody has it, or only while its fate is unknown. */
const AGAIN_AFTER = {
  'until it is taken': ['lost', 'refused', 'returned'],
  'unless it is refused': ['lost'],
} as const satisfies Record<string, readonly CopyStatus[]>;
export type Persistence = keyof typeof AGAIN_AFTER;

/** A partner that keeps the rules: it waits for the confirm of each message and sends again what it heard nothing of. */
export class Publishing {
  readonly #publisher: Publisher;
  readonly #ledger: Ledger;
  readonly #againAfter: readonly CopyStatus[];
  readonly #unsettled = new Set<Promise<void>>();

  constructor(broker: Broker, ledger: Ledger, persistence: Persistence = 'until it is taken') {
    this.#publisher = broker.publisher({ window: WINDOW });
    this.#ledger = ledger;
    this.#againAfter = AGAIN_AFTER[persistence];
  }

  /** Sends what the load makes, so many a second, until the signal is aborted. */
  async run(load: Load, perSecond: number, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    const began = systemClock.monotonicMillis();
    let due = 0;
    while (!signal.aborted) {
      const elapsed = systemClock.monotonicMillis() - began;
      // What could not be sent while the broker was away is not made up for: the load is a rate, not a number.
      due = Math.max(due, (elapsed - 1_000) * (perSecond / 1_000));
      if (due > (elapsed * perSecond) / 1_000) {
        await sleep(PACE_MS, signal);
        continue;
      }
      await Promise.race([this.#publisher.room(), aborted]);
      for (const message of load.next()) {
        due += 1;
        this.send(message);
      }
    }
  }

  /** Sends one message, until it is confirmed. */
  send(message: Message): void {
    const sending = this.#send(message).finally(() => this.#unsettled.delete(sending));
    this.#unsettled.add(sending);
  }

  /** Resolves when everything that was sent is confirmed. */
  async confirmed(): Promise<void> {
    await Promise.all(this.#unsettled);
  }

  get unsettled(): number {
    return this.#unsettled.size;
  }

  async #send(message: Message): Promise<void> {
    let messageId: string | undefined;
    for (;;) {
      const copy = this.#ledger.open(message);
      messageId ??= `copy-${copy.copy}`;
      const status = await this.#attempt(message, messageId);
      this.#ledger.settle(copy, status);
      if (!this.#againAfter.includes(status)) return;
      await sleep(RESEND_AFTER_MS);
    }
  }

  async #attempt({ exchange, routingKey, body }: Message, messageId: string): Promise<CopyStatus> {
    try {
      await this.#publisher.publish({ exchange, routingKey, body, messageId });
      return 'confirmed';
    } catch (error) {
      if (error instanceof ConfirmLostError) return 'lost';
      if (error instanceof PublishRefusedError) return 'refused';
      if (error instanceof UnroutableError) return 'returned';
      if (error instanceof BrokerClosedError) return 'sent';
      throw error;
    }
  }
}
