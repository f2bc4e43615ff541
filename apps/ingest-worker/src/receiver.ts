import type { Delivery, ReceiveContext, Received, RegisterWatch, Stream } from '@quarterhour/ingestion';
import type { Clock, Logger } from '@quarterhour/runtime';

/** What deliveries are understood by. */
export interface ReceiverContext {
  readonly register: RegisterWatch;
  readonly clock: Clock;
  readonly log: Logger;
  /** What streams may know besides register and time. */
  readonly receiving?: Omit<ReceiveContext, 'register' | 'nowMillis'>;
}

/** How deliveries of one stream are understood, as things stand at the moment. */
export class Receiver<Fact> {
  readonly #ctx: ReceiverContext;
  readonly #stream: Stream<Fact>;

  constructor(ctx: ReceiverContext, stream: Stream<Fact>) {
    this.#ctx = ctx;
    this.#stream = stream;
  }

  /** @returns what understands deliveries by the register and the time of this moment, for all that is read in one go */
  asOfNow(): (delivery: Delivery) => Received<Fact> {
    const { clock, register, receiving } = this.#ctx;
    const now = { ...receiving, register: register.current, nowMillis: clock.nowMillis() };
    return (delivery) => this.#stream.receive(delivery, now);
  }

  /** Whose a delivery is as far as its routing key tells; it is not looked at any further. Null when that does not tell. */
  ownerOf(delivery: Delivery): string | null {
    return this.#stream.ownerOf(delivery, this.#ctx.register.current);
  }

  /** Somebody unknown may have been registered a moment ago: looks once before a message is set aside for it. */
  async knownByNow(batch: readonly Received<Fact>[]): Promise<readonly Received<Fact>[]> {
    if (!batch.some(isOfUnknown)) return batch;
    await this.#ctx.register.refresh().catch((error: unknown) => {
      this.#ctx.log.warn({ err: error }, 'register not read again');
    });
    const receive = this.asOfNow();
    return batch.map((received) => (isOfUnknown(received) ? receive(received.delivery) : received));
  }
}

function isOfUnknown(received: Received<unknown>): boolean {
  return received.kind === 'refused' ? received.fault.waitsFor !== null : received.isOfUnknown === true;
}
