import { type Amount, type Decimal, decimalOf, decimalText } from '../decimal.js';
import { DomainError } from '../errors.js';
import type { Energy } from './energy.js';

/** Currency of each unit of price. */
const CURRENCIES = { 'EUR/MWh': 'EUR', 'PLN/MWh': 'PLN' } as const;

export type PriceUnit = keyof typeof CURRENCIES;
export type Currency = (typeof CURRENCIES)[PriceUnit];

/** An amount of money: canonical decimal text with at most six fraction digits, not yet rounded to cents. */
export interface Money {
  readonly amount: string;
  readonly currency: Currency;
}

/** Two prices of different currencies meet; nobody here knows the rate. */
export class CurrencyMismatchError extends DomainError {
  override readonly name = 'CurrencyMismatchError';
  readonly code = 'currency_mismatch';
}

/**
 * Price of energy per MWh. Negative prices are ordinary: who delivers pays.
 *
 * Prices of different currencies are neither added nor compared.
 */
export class Price {
  readonly unit: PriceUnit;
  readonly #perMegawattHour: Decimal;

  private constructor(perMegawattHour: Decimal, unit: PriceUnit) {
    this.#perMegawattHour = perMegawattHour;
    this.unit = unit;
  }

  /** @throws InvalidDecimalError when the amount is out of the bounds of a decimal */
  static of(amount: Amount, unit: PriceUnit): Price {
    return new Price(decimalOf(amount), unit);
  }

  get currency(): Currency {
    return CURRENCIES[this.unit];
  }

  /**
   * What energy costs at this price; has the sign of price times energy, so injected energy at a positive price earns.
   *
   * @throws InvalidDecimalError `decimal_too_many_integer_digits` from a million million on
   */
  times(energy: Energy): Money {
    return { amount: decimalText(this.#perMegawattHour.times(energy.in('MWh'))), currency: this.currency };
  }

  /** @throws CurrencyMismatchError when the currencies differ */
  plus(other: Price): Price {
    return new Price(this.#perMegawattHour.plus(this.#sameCurrency(other)), this.unit);
  }

  /** The spread. @throws CurrencyMismatchError when the currencies differ */
  minus(other: Price): Price {
    return new Price(this.#perMegawattHour.minus(this.#sameCurrency(other)), this.unit);
  }

  negated(): Price {
    return new Price(this.#perMegawattHour.negated(), this.unit);
  }

  /**
   * Negative when lower than the other, zero when equal, positive when higher.
   *
   * @throws CurrencyMismatchError when the currencies differ
   */
  compare(other: Price): number {
    return this.#perMegawattHour.comparedTo(this.#sameCurrency(other));
  }

  /** Canonical decimal text in {@link Price.unit}, at most six fraction digits. */
  toText(): string {
    return decimalText(this.#perMegawattHour);
  }

  #sameCurrency(other: Price): Decimal {
    if (other.unit === this.unit) return other.#perMegawattHour;
    throw new CurrencyMismatchError(`${this.unit} and ${other.unit} do not mix: convert one of them first.`);
  }
}
