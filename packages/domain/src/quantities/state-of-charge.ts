import { type Amount, type Decimal, decimalOf, decimalText } from '../decimal.js';
import { DomainError } from '../errors.js';
import { Energy } from './energy.js';

/** A state of charge below empty or above full. */
export class StateOfChargeRangeError extends DomainError {
  override readonly name = 'StateOfChargeRangeError';
  readonly code = 'state_of_charge_out_of_range';
}

/** A share is asked of a storage that holds nothing. */
export class CapacityNotPositiveError extends DomainError {
  override readonly name = 'CapacityNotPositiveError';
  readonly code = 'capacity_not_positive';
}

/**
 * How full a storage is at an instant: 0 percent is empty, 100 percent full.
 *
 * Percent and share are two ways to write the same value; which one a text is stands in the method's name. Stored energy
 * needs the capacity, which changes with age and is therefore always handed in.
 */
export class StateOfCharge {
  readonly #percent: Decimal;

  private constructor(percent: Decimal) {
    if (percent.lt(0) || percent.gt(100)) {
      throw new StateOfChargeRangeError(
        `${percent.toSignificantDigits(12).toString()} percent is no state of charge: it lies between 0 and 100 percent.`,
      );
    }
    this.#percent = percent;
  }

  /**
   * @param amount 0 to 100
   * @throws StateOfChargeRangeError outside; InvalidDecimalError when the amount is no decimal within bounds
   */
  static fromPercent(amount: Amount): StateOfCharge {
    return new StateOfCharge(decimalOf(amount));
  }

  /**
   * @param amount 0 to 1
   * @throws StateOfChargeRangeError outside; InvalidDecimalError when the amount is no decimal within bounds
   */
  static fromShare(amount: Amount): StateOfCharge {
    return new StateOfCharge(decimalOf(amount).times(100));
  }

  /**
   * @param stored zero up to the capacity
   * @param capacity usable energy of the full storage, more than zero
   * @throws StateOfChargeRangeError when more is stored than fits, or less than nothing
   * @throws CapacityNotPositiveError when the capacity is zero or less
   */
  static ofStoredEnergy(stored: Energy, capacity: Energy): StateOfCharge {
    if (capacity.compare(Energy.zero()) <= 0) {
      throw new CapacityNotPositiveError(`A capacity of ${capacity.toMegawattHours()} MWh stores nothing.`);
    }
    return new StateOfCharge(stored.in('MWh').times(100).dividedBy(capacity.in('MWh')));
  }

  /** The energy stored, given the usable energy of the full storage. */
  storedEnergy(capacity: Energy): Energy {
    return Energy.of(capacity.in('MWh').times(this.#percent).dividedBy(100), 'MWh');
  }

  /** Negative when emptier than the other, zero when equal, positive when fuller. */
  compare(other: StateOfCharge): number {
    return this.#percent.comparedTo(other.#percent);
  }

  /** Canonical decimal text, 0 to 100, at most six fraction digits. */
  toPercent(): string {
    return decimalText(this.#percent);
  }

  /** Canonical decimal text, 0 to 1, at most six fraction digits: two digits less than {@link StateOfCharge.toPercent}. */
  toShare(): string {
    return decimalText(this.#percent.dividedBy(100));
  }
}
