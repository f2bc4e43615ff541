import { hash } from 'node:crypto';
import {
  classifyError,
  forgetSuspects,
  keyOfSuspect,
  lowerSuspects,
  raiseSuspects,
  readAttempts,
  type Database,
  type Suspect,
} from '@quarterhour/db';
import type { Logger } from '@quarterhour/runtime';

/** A message that was delivered in vain so often may be what ends our processes. */
export const SUSPECT_FROM_FAILED_DELIVERIES = 3;

/** A message that was in hand when so many processes died, the first time with others and then alone, is not read again. */
export const MOST_DEATHS = 4;

export function suspectOf({ queue, body }: { queue: string; body: Buffer }): Suspect {
  return { queue, bodySha256: hash('sha256', body, 'buffer') };
}

/**
 * Keeps the record of messages that may end a process, for all streams of this one.
 *
 * A high count of failed deliveries proves nothing: an outage raises it for everything in hand. So suspects are handled
 * while nothing else is, a few together, and on record: the count of each goes up, committed, before anything looks at the
 * messages, and down afterwards whatever came of it, an error included. What stays is the number of processes that died
 * with it; one with which any did is handled alone from then on.
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

  /** How many processes died with each of these in hand so far, by position. */
  async deathsOf(suspects: readonly Suspect[]): Promise<number[]> {
    return this.#withoutOwed(suspects, await readAttempts(this.#db, suspects));
  }

  /**
   * Handles suspects together, beside nothing else and on record. Short: an attempt, not the waiting for the next.
   *
   * @param work told how many processes died with each of these in hand so far, by position
   */
  async onRecord<T>(suspects: readonly Suspect[], work: (deaths: readonly number[]) => T | Promise<T>): Promise<T> {
    return this.#alone(async () => {
      const attempts = await this.#raise(suspects);
      try {
        return await work(attempts.map((one) => one - 1));
      } finally {
        await this.#lower(suspects);
      }
    });
  }

  /** The suspects are settled. */
  async forget(suspects: readonly Suspect[]): Promise<void> {
    for (const suspect of suspects) this.#owed.delete(keyOfSuspect(suspect));
    await forgetSuspects(this.#db, suspects).catch((error: unknown) => {
      this.#log.warn({ err: error, suspects: suspects.length }, 'settled suspects stay on record');
    });
  }

  async #raise(suspects: readonly Suspect[]): Promise<number[]> {
    try {
      const attempts = this.#withoutOwed(suspects, await raiseSuspects(this.#db, suspects));
      await this.#payOwed(suspects);
      return attempts;
    } catch (error) {
      if (classifyError(error) === 'commit-unknown') this.#owe(suspects);
      throw error;
    }
  }

  /** Rather too low than too high: that costs a restart, the other a message. */
  async #lower(suspects: readonly Suspect[]): Promise<void> {
    this.#owe(suspects);
    await this.#payOwed(suspects);
  }

  async #payOwed(suspects: readonly Suspect[]): Promise<void> {
    const owed = distinct(suspects).flatMap((suspect) => {
      const times = this.#owed.get(keyOfSuspect(suspect));
      return times === undefined ? [] : [{ ...suspect, times }];
    });
    if (owed.length === 0) return;
    try {
      await lowerSuspects(this.#db, owed);
      for (const suspect of owed) this.#owed.delete(keyOfSuspect(suspect));
    } catch (error) {
      this.#log.warn({ err: error, suspects: owed.length }, 'suspects cannot be taken off the record yet');
    }
  }

  #owe(suspects: readonly Suspect[]): void {
    for (const suspect of distinct(suspects)) {
      const key = keyOfSuspect(suspect);
      this.#owed.set(key, (this.#owed.get(key) ?? 0) + 1);
    }
  }

  #withoutOwed(suspects: readonly Suspect[], attempts: readonly number[]): number[] {
    return suspects.map(
      (suspect, position) => (attempts[position] ?? 0) - (this.#owed.get(keyOfSuspect(suspect)) ?? 0),
    );
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

/** The same database, each of its transactions within what `around` does. */
export function transactionsWithin(db: Database, around: <T>(work: () => Promise<T>) => Promise<T>): Database {
  return { ...db, transaction: (organisations, work) => around(() => db.transaction(organisations, work)) };
}

function distinct(suspects: readonly Suspect[]): Suspect[] {
  return [...new Map(suspects.map((suspect) => [keyOfSuspect(suspect), suspect])).values()];
}
