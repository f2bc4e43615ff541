import { type Amount, Decimal, MAX_FRACTION_DIGITS, decimalOf, decimalText } from '../decimal.js';
import { DomainError } from '../errors.js';
import type { Duration } from '../time/duration.js';
import { Power } from './power.js';

/** Watt-hours of one unit of energy, coarsest first. */
const WATT_HOURS = { MWh: 1_000_000, kWh: 1_000, Wh: 1 } as const;

/** MWh for what is agreed, kWh for plants, Wh for devices. */
export type EnergyUnit = keyof typeof WATT_HOURS;

const MICROS_PER_HOUR = 3_600_000_000;

/** Something is asked per unit of time, of no time at all. */
export class EmptyDurationError extends DomainError {
  override readonly name = 'EmptyDurationError';
  readonly code = 'empty_duration';
}

/**
 * Energy that passed during a span, or that is stored.
 *
 * Passing energy has the sign of {@link Power}: positive is injected, discharged or produced. Kept as watts times
 * microseconds, so that every power times every duration is exact; a mean power is exact wherever it has a finite decimal.
 * Text is rounded half-even to six fraction digits of the unit asked for.
 */
export class Energy {
  readonly #wattMicros: Decimal;

  private constructor(wattMicros: Decimal) {
    this.#wattMicros = wattMicros;
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static of(amount: Amount, unit: EnergyUnit): Energy {
    return new Energy(decimalOf(amount).times(WATT_HOURS[unit] * MICROS_PER_HOUR));
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static fromMegawattHours(amount: Amount): Energy {
    return Energy.of(amount, 'MWh');
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static fromKilowattHours(amount: Amount): Energy {
    return Energy.of(amount, 'kWh');
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static fromWattHours(amount: Amount): Energy {
    return Energy.of(amount, 'Wh');
  }

  /** The energy that a power, held for a while, amounts to. Exact. */
  static ofPower(power: Power, duration: Duration): Energy {
    return new Energy(power.in('W').times(duration.toMicros()));
  }

  static zero(): Energy {
    return new Energy(new Decimal(0));
  }

  /** Exact; zero of no parts. */
  static sum(parts: Iterable<Energy>): Energy {
    let total = Energy.zero();
    for (const part of parts) total = total.plus(part);
    return total;
  }

  /**
   * The mean power that moves this energy in so much time.
   *
   * @throws EmptyDurationError when the duration is zero
   */
  over(duration: Duration): Power {
    const micros = duration.toMicros();
    if (micros === 0) throw new EmptyDurationError('No mean power over a duration of zero: give it a length.');
    return Power.of(this.#wattMicros.dividedBy(micros), 'W');
  }

  plus(other: Energy): Energy {
    return new Energy(this.#wattMicros.plus(other.#wattMicros));
  }

  minus(other: Energy): Energy {
    return new Energy(this.#wattMicros.minus(other.#wattMicros));
  }

  /** The same energy in the other direction. */
  negated(): Energy {
    return new Energy(this.#wattMicros.negated());
  }

  /** Negative when below the other, zero when equal, positive when above; charged is below discharged. */
  compare(other: Energy): number {
    return this.#wattMicros.comparedTo(other.#wattMicros);
  }

  /**
   * Cuts this energy pro rata to durations; the parts add up to it exactly and none has the other sign.
   *
   * Each part but the last is a whole number of millionths of the unit, so the canonical texts of the parts in that unit
   * add up too, if this energy itself has at most six fraction digits in it.
   *
   * @param durations at least one longer than zero
   * @param unit the unit that the parts will be written in
   * @returns one part per duration, in order
   * @throws EmptyDurationError when all durations together are zero
   */
  splitBy(durations: readonly Duration[], unit: EnergyUnit): Energy[] {
    const total = durations.reduce((micros, duration) => micros + duration.toMicros(), 0);
    if (total === 0) throw new EmptyDurationError('Energy is not split over a duration of zero: give it a length.');
    let elapsed = 0;
    let given = Energy.zero();
    return durations.map((duration) => {
      elapsed += duration.toMicros();
      const until = elapsed === total ? this : this.#share(elapsed, total, unit);
      const part = until.minus(given);
      given = until;
      return part;
    });
  }

  /** The exact amount, for further arithmetic; 60 significant digits where a third of an hour makes it endless. */
  in(unit: EnergyUnit): Decimal {
    return this.#wattMicros.dividedBy(WATT_HOURS[unit] * MICROS_PER_HOUR);
  }

  /**
   * Canonical decimal text, at most six fraction digits.
   *
   * @throws InvalidDecimalError `decimal_too_many_integer_digits` when the unit is too small for the amount
   */
  to(unit: EnergyUnit): string {
    return decimalText(this.in(unit));
  }

  /** Canonical decimal text in MWh, see {@link Energy.to}. */
  toMegawattHours(): string {
    return this.to('MWh');
  }

  /** Canonical decimal text in kWh, see {@link Energy.to}. */
  toKilowattHours(): string {
    return this.to('kWh');
  }

  /** Canonical decimal text in Wh, see {@link Energy.to}. */
  toWattHours(): string {
    return this.to('Wh');
  }

  /** Rounded towards zero: the rest never has to be taken back from a later part. */
  #share(elapsed: number, total: number, unit: EnergyUnit): Energy {
    const amount = this.in(unit).times(elapsed).dividedBy(total);
    return Energy.of(amount.toDecimalPlaces(MAX_FRACTION_DIGITS, Decimal.ROUND_DOWN), unit);
  }
}
