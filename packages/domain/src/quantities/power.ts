import type { Decimal } from '../decimal.js';
import { type Amount, decimalOf, decimalText } from '../decimal.js';
import type { Duration } from '../time/duration.js';
import { Energy } from './energy.js';

/** Watts of one unit of power, coarsest first. */
const WATTS = { MW: 1_000_000, kW: 1_000, W: 1 } as const;

/** MW for what is agreed, kW for plants, W for devices. */
export type PowerUnit = keyof typeof WATTS;

/**
 * Electric power at an instant, or its mean over a span.
 *
 * Positive is injected into the grid, discharged or produced; negative is drawn, charged or consumed. A source with
 * another sign is turned once, where it comes in. Values are exact decimals; text is rounded half-even to six fraction
 * digits of the unit asked for, which is the only rounding.
 */
export class Power {
  readonly #watts: Decimal;

  private constructor(watts: Decimal) {
    this.#watts = watts;
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static of(amount: Amount, unit: PowerUnit): Power {
    return new Power(decimalOf(amount).times(WATTS[unit]));
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static fromMegawatts(amount: Amount): Power {
    return Power.of(amount, 'MW');
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static fromKilowatts(amount: Amount): Power {
    return Power.of(amount, 'kW');
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static fromWatts(amount: Amount): Power {
    return Power.of(amount, 'W');
  }

  /**
   * The energy that this power, held for a while, amounts to: 1 MW over a delivery period is 0.25 MWh. Exact.
   */
  over(duration: Duration): Energy {
    return Energy.ofPower(this, duration);
  }

  plus(other: Power): Power {
    return new Power(this.#watts.plus(other.#watts));
  }

  minus(other: Power): Power {
    return new Power(this.#watts.minus(other.#watts));
  }

  /** The same power in the other direction. */
  negated(): Power {
    return new Power(this.#watts.negated());
  }

  /** Negative when below the other, zero when equal, positive when above; charging is below discharging. */
  compare(other: Power): number {
    return this.#watts.comparedTo(other.#watts);
  }

  /** The exact amount, for further arithmetic. */
  in(unit: PowerUnit): Decimal {
    return this.#watts.dividedBy(WATTS[unit]);
  }

  /**
   * Canonical decimal text, at most six fraction digits.
   *
   * @throws InvalidDecimalError `decimal_too_many_integer_digits` when the unit is too small for the amount
   */
  to(unit: PowerUnit): string {
    return decimalText(this.in(unit));
  }

  /** Canonical decimal text in MW, see {@link Power.to}. */
  toMegawatts(): string {
    return this.to('MW');
  }

  /** Canonical decimal text in kW, see {@link Power.to}. */
  toKilowatts(): string {
    return this.to('kW');
  }

  /** Canonical decimal text in W, see {@link Power.to}. */
  toWatts(): string {
    return this.to('W');
  }
}
