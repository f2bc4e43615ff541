import { hash } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Reason } from '@quarterhour/contracts';

/** What a message is about; each has a natural key of its own. */
export type Kind = 'dispatch' | 'config' | 'realtime' | 'meter';

/** What is agreed: of two contents under one key the first stands. Of what is measured all are kept as versions. */
export function isAgreed(kind: Kind): boolean {
  return kind === 'dispatch' || kind === 'config';
}

/**
 * What a copy was made to be.
 *
 * - `valid`: a new fact
 * - `duplicate`: bytes that were sent before
 * - `conflict`: a dispatch or config under an id that was sent before, with other content
 * - `correction`: telemetry of an instant that was sent before, with other content
 * - `poison`: not to be understood, or impossible
 * - `unknown`: of an asset or plant that nobody registered
 */
export type CopyClass = 'valid' | 'duplicate' | 'conflict' | 'correction' | 'poison' | 'unknown';

/** One message as it is to be sent, and what must become of it. */
export interface Message {
  /** Whose it is by its routing key; `NO_ORGANISATION` where that names nobody. */
  readonly orgId: string;
  readonly kind: Kind;
  readonly class: CopyClass;
  /** Its natural key after kind and organisation; null when it has none that anybody could read. */
  readonly id: string | null;
  /** Why it must be set aside; null when it must not, or only if another of its key came first. */
  readonly reason: Reason | null;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
}

/**
 * How the sending of a copy ended. Only what is `confirmed` is the broker's promise; of the others nothing is known, or that
 * nobody has them.
 */
export type CopyStatus = 'sent' | 'confirmed' | 'returned' | 'refused' | 'lost';

/** One sending of one message. */
export interface Copy extends Omit<Message, 'body' | 'exchange'> {
  readonly copy: number;
  /** Of the body, in hexadecimal. */
  readonly sha256: string;
  status: CopyStatus;
}

/** Everything that was sent, written down before it was sent. */
export class Ledger {
  readonly copies: Copy[] = [];
  readonly #file: WriteStream | null;

  /** @param file also takes a line per copy and per change, for looking at it afterwards */
  constructor(file: string | null = null) {
    this.#file = file === null ? null : createWriteStream(file, { mode: 0o600 });
  }

  /** To be called before the copy is sent. */
  open({ body, exchange, ...message }: Message): Copy {
    const copy: Copy = { ...message, copy: this.copies.length + 1, sha256: hash('sha256', body), status: 'sent' };
    this.copies.push(copy);
    this.#file?.write(`${JSON.stringify({ ...copy, exchange })}\n`);
    return copy;
  }

  settle(copy: Copy, status: CopyStatus): void {
    copy.status = status;
    this.#file?.write(`${JSON.stringify({ copy: copy.copy, status })}\n`);
  }

  get confirmed(): number {
    return this.copies.reduce((count, { status }) => count + (status === 'confirmed' ? 1 : 0), 0);
  }

  async close(): Promise<void> {
    if (this.#file === null) return;
    this.#file.end();
    await finished(this.#file);
  }
}
