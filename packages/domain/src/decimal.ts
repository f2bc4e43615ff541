import { Decimal as LibraryDecimal } from 'decimal.js';
import { DomainError } from './errors.js';
import { quoted } from './quoted.js';

/**
 * The one configured decimal.js: 60 significant digits, half-even rounding, text without exponent.
 *
 * Sums and products of numbers within {@link canonicalDecimal}'s bounds are exact; only a division that has no finite
 * decimal result rounds, at the 60th digit.
 */
export const Decimal = LibraryDecimal.clone({
  precision: 60,
  rounding: LibraryDecimal.ROUND_HALF_EVEN,
  toExpNeg: -9e15,
  toExpPos: 9e15,
});
export type Decimal = LibraryDecimal;

/** Most digits a decimal carries before its point, on the wire and in the store. */
export const MAX_INTEGER_DIGITS = 12;

/** Most digits a decimal carries behind its point, on the wire and in the store. */
export const MAX_FRACTION_DIGITS = 6;

/** Most significant digits that every JSON number (an IEEE 754 double) keeps. */
const MAX_EXACT_NUMBER_DIGITS = 15;

/** What can be wrong with a decimal. */
export type InvalidDecimalCode =
  | 'decimal_syntax'
  | 'decimal_exponent'
  | 'decimal_not_finite'
  | 'decimal_inexact_number'
  | 'decimal_too_many_integer_digits'
  | 'decimal_too_many_fraction_digits';

/** The text or number is not a decimal within the agreed bounds. */
export class InvalidDecimalError extends DomainError {
  override readonly name = 'InvalidDecimalError';
  readonly code: InvalidDecimalCode;

  constructor(code: InvalidDecimalCode, message: string) {
    super(message);
    this.code = code;
  }
}

const DECIMAL_TEXT = /^([+-]?)(\d+)(?:\.(\d+))?$/;
const EXPONENT_TEXT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)e[+-]?\d+$/i;
const NOT_FINITE_TEXT = /^[+-]?(?:nan|inf|infinity)$/i;

/**
 * The one way to write a decimal: `1.50` is `1.5`, `+007` is `7`, `-0.0` is `0`.
 *
 * Text counts its digits as written: at most {@link MAX_INTEGER_DIGITS} before and {@link MAX_FRACTION_DIGITS} behind
 * the point. A number goes through its shortest decimal text, so 0.1 is `0.1`; one that needs more than 15 significant
 * digits is refused, because a double no longer says which decimal was meant.
 *
 * @param value decimal text with optional sign, or a finite number
 * @returns canonical text: no exponent, no plus, no leading or trailing zero, never `-0`; canonical text is unchanged
 * @throws InvalidDecimalError for anything else; exponent, NaN and infinity have codes of their own
 */
export function canonicalDecimal(value: string | number): string {
  return canonicalText(typeof value === 'number' ? shortestText(value) : value);
}

/**
 * Canonical text of a computed value: rounded half-even to {@link MAX_FRACTION_DIGITS}, the only rounding on the way out.
 *
 * @throws InvalidDecimalError `decimal_too_many_integer_digits` when it needs more than {@link MAX_INTEGER_DIGITS}
 */
export function decimalText(value: Decimal): string {
  return canonicalText(value.toDecimalPlaces(MAX_FRACTION_DIGITS).toFixed());
}

/** What a quantity is made of: text or number within the bounds of {@link canonicalDecimal}, or a Decimal as computed. */
export type Amount = string | number | Decimal;

/**
 * The exact value of an amount. A Decimal is taken as it is; its bounds are checked when it leaves as text.
 *
 * @throws InvalidDecimalError as {@link canonicalDecimal}; `decimal_not_finite` for a Decimal that is NaN or infinite
 */
export function decimalOf(amount: Amount): Decimal {
  if (typeof amount !== 'object') return new Decimal(canonicalDecimal(amount));
  if (!amount.isFinite()) throw notFinite(amount.toString());
  return amount;
}

function canonicalText(text: string): string {
  const match = DECIMAL_TEXT.exec(text);
  if (match === null) throw malformed(text);
  const [, sign = '', integer = '', fraction = ''] = match;
  if (integer.length > MAX_INTEGER_DIGITS) throw tooManyIntegerDigits(text);
  if (fraction.length > MAX_FRACTION_DIGITS) throw tooManyFractionDigits(text);
  return signed(sign, withoutLeadingZeros(integer), withoutTrailingZeros(fraction));
}

function shortestText(value: number): string {
  if (!Number.isFinite(value)) throw notFinite(String(value));
  const decimal = new Decimal(value);
  const text = decimal.toFixed();
  if (decimal.abs().gte(`1e${MAX_INTEGER_DIGITS}`)) throw tooManyIntegerDigits(text);
  if (decimal.precision() > MAX_EXACT_NUMBER_DIGITS) throw inexactNumber(text);
  if (decimal.decimalPlaces() > MAX_FRACTION_DIGITS) throw tooManyFractionDigits(text);
  return text;
}

function signed(sign: string, integer: string, fraction: string): string {
  const magnitude = fraction === '' ? integer : `${integer}.${fraction}`;
  return sign === '-' && magnitude !== '0' ? `-${magnitude}` : magnitude;
}

function withoutLeadingZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '');
}

function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

function malformed(text: string): InvalidDecimalError {
  if (EXPONENT_TEXT.test(text)) {
    return new InvalidDecimalError(
      'decimal_exponent',
      `${quoted(text)} has an exponent: write the digits out, like "1500" or "0.0015".`,
    );
  }
  if (NOT_FINITE_TEXT.test(text)) return notFinite(text);
  return new InvalidDecimalError(
    'decimal_syntax',
    `${quoted(text)} is not a decimal: write digits with an optional sign and a point, like "-12.5".`,
  );
}

function notFinite(text: string): InvalidDecimalError {
  return new InvalidDecimalError(
    'decimal_not_finite',
    `${quoted(text)} is not a finite number: send a decimal like "12.5", or leave the value out.`,
  );
}

function inexactNumber(text: string): InvalidDecimalError {
  return new InvalidDecimalError(
    'decimal_inexact_number',
    `The number ${text} has more than ${MAX_EXACT_NUMBER_DIGITS} significant digits, which a JSON number does not keep: send it as a string.`,
  );
}

function tooManyIntegerDigits(text: string): InvalidDecimalError {
  return new InvalidDecimalError(
    'decimal_too_many_integer_digits',
    `${quoted(text)} has more than ${MAX_INTEGER_DIGITS} digits before the point: check the unit.`,
  );
}

function tooManyFractionDigits(text: string): InvalidDecimalError {
  return new InvalidDecimalError(
    'decimal_too_many_fraction_digits',
    `${quoted(text)} has more than ${MAX_FRACTION_DIGITS} digits behind the point: round it, or choose a smaller unit.`,
  );
}
