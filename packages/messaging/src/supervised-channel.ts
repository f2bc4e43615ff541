import type { Channel } from 'amqplib';
import type { Reporting } from './reporting.js';
import { backOff, endsWithin, SETTLED_AFTER_MS, sleep } from './timing.js';

/** What a channel is for, told anew to each one that is opened. */
export interface ChannelPurpose<C extends Channel> {
  /** For log lines. */
  name: string;
  open(): Promise<C>;
  /** Unsettled deliveries at a time, asked anew for each channel; 0 on a channel that delivers nothing. */
  prefetch: () => number;
  /** Attaches listeners and starts work. A rejection costs this channel; another is opened. */
  prepare(channel: C): Promise<void>;
}

interface Life {
  /** Why it ended; undefined when nobody said. */
  reason: unknown;
  lastedMs: number;
}

/** The reason of a life that ended because its user wanted another channel, not because it failed. */
const REOPENING = Symbol('reopening');

const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Keeps one channel open. The broker closes channels on errors, and drops consumers, while the connection stays up; then
 * another channel is opened and prepared, after a delay that grows while it keeps failing.
 */
export class SupervisedChannel<C extends Channel> {
  readonly #purpose: ChannelPurpose<C>;
  readonly #reporting: Reporting;
  readonly #retired = new AbortController();
  #channel: C | null = null;
  #isClosed = false;
  #endLife: (reason: unknown) => void = () => undefined;
  #attempted: () => void = () => undefined;

  /** Resolves when the first channel is prepared, or could not be. */
  readonly firstAttempt: Promise<void>;

  constructor(purpose: ChannelPurpose<C>, reporting: Reporting) {
    this.#purpose = purpose;
    this.#reporting = reporting;
    this.firstAttempt = new Promise((resolve) => (this.#attempted = resolve));
    void this.#keepOpen();
  }

  /** Gives the present channel up at once, without waiting for the broker to agree, and opens another. */
  renew(reason: unknown): void {
    this.#endLife(reason);
  }

  /** Closes the present channel, which gives back what it delivered, and opens another as soon as it is closed. */
  reopen(): void {
    this.#endLife(REOPENING);
  }

  /** Opens no further channel. The present one stays. */
  retire(): void {
    this.#retired.abort();
  }

  /** Closes the present channel, after all that was written to it, and opens no further one. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.retire();
    if (this.#channel !== null) await closeQuietly(this.#channel);
  }

  async #keepOpen(): Promise<void> {
    let failures = 0;
    while (!this.#isRetired()) {
      const { reason, lastedMs } = await this.#liveOnce();
      this.#attempted();
      if (this.#isRetired()) return;
      if (reason === REOPENING) continue;
      failures = lastedMs > SETTLED_AFTER_MS ? 1 : failures + 1;
      const delayMs = backOff(failures);
      this.#reporting.onEvent('channel-lost');
      this.#reporting.log.warn({ channel: this.#purpose.name, delayMs, err: reason }, 'opening another channel');
      await sleep(delayMs, this.#retired.signal);
    }
  }

  #isRetired(): boolean {
    return this.#retired.signal.aborted;
  }

  async #liveOnce(): Promise<Life> {
    let channel: C;
    try {
      channel = await this.#purpose.open();
    } catch (error) {
      return { reason: error, lastedMs: 0 };
    }
    const openedAt = performance.now();
    const ended = this.#endOf(channel);
    try {
      // Also a proof of life: a channel that died before its listeners were attached refuses it.
      await channel.prefetch(this.#purpose.prefetch());
      this.#channel = channel;
      if (!this.#isRetired()) await this.#purpose.prepare(channel);
      if (this.#isClosed) await closeQuietly(channel);
      this.#attempted();
    } catch (error) {
      this.#endLife(error);
    }
    const reason = await ended;
    this.#channel = null;
    const closed = closeQuietly(channel);
    if (reason === REOPENING) await closed;
    return { reason, lastedMs: performance.now() - openedAt };
  }

  #endOf(channel: C): Promise<unknown> {
    let lastError: unknown;
    const { name } = this.#purpose;
    channel.on('error', (error) => (lastError = error));
    channel.on('handler-error', (error) =>
      this.#reporting.log.error({ channel: name, err: error }, 'a handler failed'),
    );
    return new Promise((resolve) => {
      this.#endLife = resolve;
      channel.on('close', () => resolve(lastError));
    });
  }
}

/** A channel that is closed already, or that nobody answers for any more, is closed enough. */
async function closeQuietly(channel: Channel): Promise<void> {
  const closed = new Promise<void>((resolve) => channel.on('close', () => resolve()));
  await endsWithin(CLOSE_TIMEOUT_MS, Promise.race([closed, channel.close()]));
}
