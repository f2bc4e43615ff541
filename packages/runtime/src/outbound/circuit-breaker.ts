import type { Clock } from '../clock.js';

/** When {@link CircuitBreaker} stops asking, and for how long. */
export interface CircuitBreakerOptions {
  readonly clock: Pick<Clock, 'monotonicMillis'>;
  /** Failures in a row after which nobody asks any more. Default 5. */
  readonly failures?: number;
  /** How long nobody asks. Default 30,000. */
  readonly openMs?: number;
}

/** Leave to ask once. What came of it is told exactly once. */
export interface Attempt {
  ended(wentWell: boolean): void;
}

interface Circuit {
  failures: number;
  /** Null while closed. */
  openUntil: number | null;
  isProbed: boolean;
}

const FAILURES = 5;
const OPEN_MS = 30_000;

/**
 * Stops asking whoever failed again and again, so that nobody waits for it and it can recover: closed until some failures in
 * a row, then open for a while, then half-open, when one attempt decides which of both comes next.
 */
export class CircuitBreaker {
  readonly #clock: Pick<Clock, 'monotonicMillis'>;
  readonly #failures: number;
  readonly #openMs: number;
  /** Only of those that failed last. */
  readonly #circuits = new Map<string, Circuit>();

  constructor({ clock, failures = FAILURES, openMs = OPEN_MS }: CircuitBreakerOptions) {
    this.#clock = clock;
    this.#failures = failures;
    this.#openMs = openMs;
  }

  /**
   * Asks for leave.
   *
   * @param key whom to ask, for whom
   * @returns null where nobody asks at the moment
   */
  enter(key: string): Attempt | null {
    const circuit = this.#circuits.get(key);
    if (circuit === undefined || circuit.openUntil === null) return this.#attempt(key, false);
    if (circuit.isProbed || this.#clock.monotonicMillis() < circuit.openUntil) return null;
    circuit.isProbed = true;
    return this.#attempt(key, true);
  }

  #attempt(key: string, isProbe: boolean): Attempt {
    return {
      ended: (wentWell) => {
        const circuit = this.#circuits.get(key) ?? { failures: 0, openUntil: null, isProbed: false };
        // What began before it was opened says nothing new.
        if (circuit.openUntil !== null && !isProbe) return;
        if (wentWell) {
          this.#circuits.delete(key);
          return;
        }
        const failures = circuit.failures + 1;
        const openUntil = failures >= this.#failures ? this.#clock.monotonicMillis() + this.#openMs : null;
        this.#circuits.set(key, { failures, openUntil, isProbed: false });
      },
    };
  }
}
