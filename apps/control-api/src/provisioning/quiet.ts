import type { Clock } from '@quarterhour/runtime';

interface Observed {
  /** When nothing more could come in, at the latest. */
  readonly closedAt: number;
  /** When it was first seen empty by a count that is younger than that. */
  emptyAt: number | null;
}

/**
 * Finds out by counts that are some time old whether queues are empty for good.
 *
 * A count that says nothing about what was there a moment ago proves nothing; so queues count as empty when they were seen
 * so twice, each time by a count of its own, the first of them taken after nothing more could come in. The second sees what
 * was on its way from one queue to another when the first was taken.
 *
 * What was observed is forgotten with the process, and then observed anew.
 */
export class Quiet {
  readonly #samplingMs: number;
  readonly #clock: Pick<Clock, 'monotonicMillis'>;
  readonly #observed = new Map<string, Observed>();

  /** @param samplingMs how old a count may be */
  constructor(samplingMs: number, clock: Pick<Clock, 'monotonicMillis'>) {
    this.#samplingMs = samplingMs;
    this.#clock = clock;
  }

  /**
   * Tells what was counted after nothing more could come in.
   *
   * @param place what was counted, under a name that changes whenever something can come in again
   * @returns whether it is empty
   */
  isEmpty(place: string, counted: number): boolean {
    const now = this.#clock.monotonicMillis();
    const observed = this.#observed.get(place) ?? { closedAt: now, emptyAt: null };
    this.#observed.set(place, observed);
    if (counted > 0) observed.emptyAt = null;
    else if (now - observed.closedAt >= this.#samplingMs) observed.emptyAt ??= now;
    return observed.emptyAt !== null && now - observed.emptyAt >= this.#samplingMs;
  }

  /**
   * The same where nothing can be on its way from one place to another: one count, taken after nothing more could come in, is
   * enough.
   */
  wasEmpty(place: string, counted: number): boolean {
    this.isEmpty(place, counted);
    return (this.#observed.get(place)?.emptyAt ?? null) !== null;
  }

  /** Forgets places whose name begins like this. */
  forget(start: string): void {
    for (const place of this.#observed.keys()) if (place.startsWith(start)) this.#observed.delete(place);
  }
}
