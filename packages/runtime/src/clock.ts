/**
 * Where time comes from. Code that needs the time is handed a clock, so that a test can set it.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. May jump when the machine's clock is set. */
  nowMillis(): number;
  /**
   * Wall-clock time as canonical text: RFC 3339 in UTC with `Z`, no fraction when the second is whole, else
   * three digits (`2026-03-29T01:00:00Z`, `2026-03-29T01:00:00.250Z`).
   */
  nowInstantText(): string;
  /** Milliseconds since an arbitrary start, with a fraction; never goes back. Only differences mean something. */
  monotonicMillis(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMillis: () => Date.now(),
  nowInstantText: () => instantText(Date.now()),
  monotonicMillis: () => performance.now(),
};

/** A clock that stands still until told otherwise. */
export interface FixedClock extends Clock {
  /**
   * Moves both times forward.
   *
   * @param millis how far, zero or more
   * @throws RangeError when negative: a monotonic clock does not go back
   */
  advance(millis: number): void;
  /**
   * Sets the wall clock, as an operator would; the monotonic time stays.
   *
   * @param instant RFC 3339 text with an offset
   * @throws RangeError when the text is no instant
   */
  setTo(instant: string): void;
}

/**
 * Makes a clock for tests. Its monotonic time starts at zero.
 *
 * @param instant RFC 3339 text with an offset, to the millisecond
 * @throws RangeError when the text is no instant
 */
export function fixedClock(instant: string): FixedClock {
  let wall = millisOf(instant);
  let monotonic = 0;
  return {
    nowMillis: () => wall,
    nowInstantText: () => instantText(wall),
    monotonicMillis: () => monotonic,
    advance(millis) {
      if (!(millis >= 0)) throw new RangeError('a clock advances by zero or more milliseconds');
      wall += millis;
      monotonic += millis;
    },
    setTo(other) {
      wall = millisOf(other);
    },
  };
}

/**
 * Waits.
 *
 * @param millis how long, zero or more, at most 2^31 - 1
 * @param signal ends the wait early: the promise then resolves at once (it never rejects), so that a loop asks
 *   `signal.aborted` in one place
 */
export function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const wakeUp = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wakeUp);
      resolve();
    };
    const timer = setTimeout(wakeUp, millis);
    signal?.addEventListener('abort', wakeUp);
  });
}

/**
 * Waits for something that may fail or never end, where going on is all that matters.
 *
 * @returns whether it ended well within the time
 */
export async function endsWithin(millis: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const overdue = sleep(millis, ended.signal).then(() => false);
  const done = work.then(
    () => true,
    () => false,
  );
  const isDone = await Promise.race([done, overdue]);
  ended.abort();
  return isDone;
}

function instantText(millis: number): string {
  return new Date(millis).toISOString().replace('.000Z', 'Z');
}

function millisOf(instant: string): number {
  const millis = Date.parse(instant);
  if (Number.isNaN(millis) || !/(Z|[+-]\d\d:\d\d)$/.test(instant)) {
    throw new RangeError('expected an RFC 3339 instant with an offset');
  }
  return millis;
}
