import type { Tap } from './tcp-proxy.js';

/** A message of a client of Postgres. */
export interface FrontendMessage {
  /** Empty for those at the start, which have no type. */
  readonly type: string;
  /** Of a Bind: name of the prepared statement. */
  readonly statement: string | null;
}

const BIND = 'B';
/** The name of the statement follows that of the portal, each ended by a zero. Longer names are cut off. */
const NAMES_BYTES = 128;
const LENGTH_BYTES = 4;
/** Requests at the start after which another start follows: TLS and GSSAPI. */
const NEGOTIATION_BYTES = 8;

/** Finds the messages in what a client of Postgres sends, wherever the network has cut it. */
export class FrontendReader {
  #hasStarted = false;
  #rest: Buffer = Buffer.alloc(0);
  #toSkip = 0;

  read(bytes: Buffer): FrontendMessage[] {
    const skipped = Math.min(this.#toSkip, bytes.length);
    this.#toSkip -= skipped;
    let data = Buffer.concat([this.#rest, bytes.subarray(skipped)]);
    const found: FrontendMessage[] = [];
    for (;;) {
      const typeBytes = this.#hasStarted ? 1 : 0;
      const bodyAt = typeBytes + LENGTH_BYTES;
      if (data.length < bodyAt) break;
      const type = data.toString('latin1', 0, typeBytes);
      const length = data.readInt32BE(typeBytes);
      const total = typeBytes + length;
      if (type === BIND && data.length < Math.min(total, bodyAt + NAMES_BYTES)) break;
      if (!this.#hasStarted) this.#hasStarted = length !== NEGOTIATION_BYTES;
      found.push({ type, statement: type === BIND ? statementOf(data.subarray(bodyAt, total)) : null });
      this.#toSkip = Math.max(0, total - data.length);
      data = data.subarray(total);
    }
    this.#rest = data;
    return found;
  }
}

function statementOf(bind: Buffer): string {
  const begin = bind.indexOf(0) + 1;
  return bind.toString('utf8', begin, bind.indexOf(0, begin));
}

/** What is done when the database has answered a COMMIT, before its client hears of it. */
export type OnCommitted = () => void;

/**
 * Swallows the answer to one COMMIT, which only a transaction that writes ends with, and cuts the connection: the
 * transaction is durable and its client does not know.
 */
export class CommitReplyTrap {
  #armed: OnCommitted | null = null;

  /**
   * Waits for the next COMMIT.
   *
   * @param onCommitted called when the database has answered and the client has not heard it
   * @returns whether one came in time
   */
  spring(withinMs: number, onCommitted: OnCommitted): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#armed = null;
        resolve(false);
      }, withinMs);
      this.#armed = () => {
        clearTimeout(timer);
        onCommitted();
        resolve(true);
      };
    });
  }

  /** One per connection. */
  tap(): Tap {
    const reader = new FrontendReader();
    let onReply: OnCommitted | null = null;
    return {
      toServer: (bytes) => {
        for (const { statement } of reader.read(bytes)) {
          if (statement !== 'commit' || this.#armed === null) continue;
          onReply = this.#armed;
          this.#armed = null;
        }
        return 'pass';
      },
      toClient: () => {
        if (onReply === null) return 'pass';
        onReply();
        return 'cut';
      },
    };
  }
}
