import { hash } from 'node:crypto';
import { classifyError, forgetSuspect, lowerSuspect, raiseSuspect, type Database, type Suspect } from '@quarterhour/db';
import type { Logger } from '@quarterhour/runtime';

/** A message that was delivered in vain so often may be what ends our processes. */
export const SUSPECT_FROM_FAILED_DELIVERIES = 3;

/** A message that was alone in hand when so many processes died is not read again. */
export const MOST_DEATHS = 3;

export function suspectOf({ queue, body }: { queue: string; body: Buffer }): Suspect {
  return { queue, bodySha256: hash('sha256', body, 'buffer') };
}

/**
 * Keeps the record of messages that may end a process, for all streams of this one.
 *
 * A high count of failed deliveries proves nothing: an outage raises it for everything in hand. So a suspect is handled
 * while nothing else is, and on record: the count goes up, committed, before anything looks at the message, and down
 * afterwards whatever came of it, an error included. What stays is the number of processes that died with it.
 */
export class Suspects {
  readonly #db: Database;
  readonly #log: Logger;
  /** What could not be taken off the record yet. */
  readonly #owed = new Map<string, number>();
  #beside = 0;
  #isAlone = false;
  #waiting: (() => void)[] = [];

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /** Whether a suspect is in hand, or about to be: nothing else should be read now. */
  get isTrying(): boolean {
    return this.#isAlone;
  }

  /** Does what need not be alone, but not while a suspect is in hand. */
  async besideOthers<T>(work: () => T | Promise<T>): Promise<T> {
    while (this.#isAlone) await this.#change();
    this.#beside += 1;
    try {
      return await work();
    } finally {
      this.#beside -= 1;
      this.#changed();
    }
  }

  /**
   * Handles a suspect, alone and on record. Short: an attempt, not the waiting for the next.
   *
   * @param work told how many processes died with it in hand so far
   */
  async onRecord<T>(suspect: Suspect, work: (deaths: number) => T | Promise<T>): Promise<T> {
    return this.#alone(async () => {
      const attempts = await this.#raise(suspect);
      try {
        return await work(attempts - 1);
      } finally {
        await this.#lower(suspect);
      }
    });
  }

  /** The suspect is settled. */
  async forget(suspect: Suspect): Promise<void> {
    this.#owed.delete(keyOf(suspect));
    await forgetSuspect(this.#db, suspect).catch((error: unknown) => {
      this.#log.warn({ err: error, queue: suspect.queue }, 'a settled suspect stays on record');
    });
  }

  async #raise(suspect: Suspect): Promise<number> {
    try {
      const attempts = await raiseSuspect(this.#db, suspect);
      const owed = this.#owed.get(keyOf(suspect)) ?? 0;
      if (owed > 0) await this.#lower(suspect, 0);
      return attempts - owed;
    } catch (error) {
      if (classifyError(error) === 'commit-unknown') this.#owe(suspect, 1);
      throw error;
    }
  }

  /** Rather too low than too high: that costs a restart, the other a message. */
  async #lower(suspect: Suspect, by = 1): Promise<void> {
    this.#owe(suspect, by);
    try {
      await lowerSuspect(this.#db, suspect, this.#owed.get(keyOf(suspect)));
      this.#owed.delete(keyOf(suspect));
    } catch (error) {
      this.#log.warn({ err: error, queue: suspect.queue }, 'a suspect cannot be taken off the record yet');
    }
  }

  #owe(suspect: Suspect, times: number): void {
    this.#owed.set(keyOf(suspect), (this.#owed.get(keyOf(suspect)) ?? 0) + times);
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#isAlone) await this.#change();
    this.#isAlone = true;
    try {
      while (this.#beside > 0) await this.#change();
      return await work();
    } finally {
      this.#isAlone = false;
      this.#changed();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}

function keyOf({ queue, bodySha256 }: Suspect): string {
  return `${queue} ${bodySha256.toString('hex')}`;
}
