import { DomainError } from '../errors.js';
import { epochMicros } from './instant.js';
import { assertForward, type Span } from './span.js';

/** The number is no length of time: negative, broken, or beyond what a double counts in microseconds. */
export class InvalidDurationError extends DomainError {
  override readonly name = 'InvalidDurationError';
  readonly code = 'invalid_duration';
}

/**
 * A length of time, zero or more, exact to the microsecond: what passes between two instants, whatever clocks on walls do.
 */
export class Duration {
  readonly #micros: number;

  private constructor(micros: number) {
    if (!Number.isSafeInteger(micros) || micros < 0) {
      throw new InvalidDurationError(
        `${micros} microseconds are no duration: give whole units, not negative, up to 285 years.`,
      );
    }
    this.#micros = micros;
  }

  /** @throws InvalidDurationError unless whole and not negative */
  static ofMicros(micros: number): Duration {
    return new Duration(micros);
  }

  /** @throws InvalidDurationError when negative, or finer than a microsecond in binary; whole seconds always pass */
  static ofSeconds(seconds: number): Duration {
    return new Duration(seconds * 1_000_000);
  }

  /** @throws InvalidDurationError when negative; whole minutes always pass */
  static ofMinutes(minutes: number): Duration {
    return new Duration(minutes * 60_000_000);
  }

  /**
   * The length of a span.
   *
   * @throws BackwardSpanError when the span ends before it starts
   * @throws InvalidInstantError when an end is too far away for microseconds, see {@link epochMicros}
   */
  static between(span: Span): Duration {
    assertForward(span);
    return new Duration(epochMicros(span.end) - epochMicros(span.start));
  }

  plus(other: Duration): Duration {
    return new Duration(this.#micros + other.#micros);
  }

  /** Negative when shorter than the other, zero when equal, positive when longer. */
  compare(other: Duration): number {
    return this.#micros - other.#micros;
  }

  toMicros(): number {
    return this.#micros;
  }
}
