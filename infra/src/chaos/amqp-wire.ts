import type { Tap } from './tcp-proxy.js';

/** A method that a client of RabbitMQ sends, by AMQP's numbers. */
export interface AmqpMethod {
  readonly channel: number;
  readonly classId: number;
  readonly methodId: number;
}

const PROTOCOL_HEADER_BYTES = 8;
const FRAME_HEADER_BYTES = 7;
const FRAME_END_BYTES = 1;
const METHOD_FRAME = 1;
const METHOD_ID_BYTES = 4;
const BASIC = 60;
const ACK = 80;

/** Finds the methods in what a client of RabbitMQ sends, wherever the network has cut it. */
export class AmqpReader {
  #toSkip = PROTOCOL_HEADER_BYTES;
  #rest: Buffer = Buffer.alloc(0);

  read(bytes: Buffer): AmqpMethod[] {
    const skipped = Math.min(this.#toSkip, bytes.length);
    this.#toSkip -= skipped;
    let data = Buffer.concat([this.#rest, bytes.subarray(skipped)]);
    const found: AmqpMethod[] = [];
    while (data.length >= FRAME_HEADER_BYTES) {
      const isMethod = data.readUInt8(0) === METHOD_FRAME;
      const total = FRAME_HEADER_BYTES + data.readUInt32BE(3) + FRAME_END_BYTES;
      if (isMethod && data.length < FRAME_HEADER_BYTES + METHOD_ID_BYTES) break;
      if (isMethod) {
        found.push({
          channel: data.readUInt16BE(1),
          classId: data.readUInt16BE(FRAME_HEADER_BYTES),
          methodId: data.readUInt16BE(FRAME_HEADER_BYTES + 2),
        });
      }
      this.#toSkip = Math.max(0, total - data.length);
      data = data.subarray(total);
    }
    this.#rest = data;
    return found;
  }
}

/** Loses one acknowledgement together with its connection: what was settled is delivered again. */
export class AckTrap {
  #armed: (() => void) | null = null;

  /** Waits for the next acknowledgement. @returns whether one came in time */
  spring(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#armed = null;
        resolve(false);
      }, withinMs);
      this.#armed = () => {
        this.#armed = null;
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** One per connection. */
  tap(): Tap {
    const reader = new AmqpReader();
    return {
      toServer: (bytes) => {
        const hasAck = reader.read(bytes).some(({ classId, methodId }) => classId === BASIC && methodId === ACK);
        if (!hasAck || this.#armed === null) return 'pass';
        this.#armed();
        return 'cut';
      },
      toClient: () => 'pass',
    };
  }
}
