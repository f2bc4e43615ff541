import { z } from 'zod';
import { instantText, plainText } from '../../scalars.js';

/*
 * What members of requests may be. None has an id of its own but those that are never null: the document of a schema that
 * is null in one place would say so in every other.
 */

/** Most digits of a decimal before its point, behind it, and of one that is sent as a JSON number. */
const WHOLE_DIGITS = 12;
const DECIMAL_PLACES = 6;
const EXACT_NUMBER_DIGITS = 15;

const DECIMAL_TEXT = /^[+-]?(\d+)(?:\.(\d+))?$/;
const PATTERN = `^[+-]?[0-9]{1,${WHOLE_DIGITS}}(\\.[0-9]{1,${DECIMAL_PLACES}})?$`;

/**
 * A decimal as the asset API takes it: a JSON number of at most 15 significant digits, or a string without exponent; at most
 * 12 digits before and 6 behind the point.
 *
 * What it gives is text that the domain reads as a decimal and has nothing to say against.
 */
export const decimalInput = z
  .union([z.number(), z.string().meta({ pattern: PATTERN })], {
    error: 'Give a decimal: a number, or a string such as "12.5"',
  })
  .transform(decimalText)
  .meta({ description: 'A number, or a decimal text without exponent.' });

function decimalText(value: string | number, ctx: z.RefinementCtx): string {
  const text = typeof value === 'number' ? numberText(value) : value;
  const [, whole, places = ''] = DECIMAL_TEXT.exec(text) ?? [];
  if (whole === undefined) {
    return complain(ctx, 'decimal_parsing', 'Write the digits out, with a sign and a point at most, such as "-12.5"');
  }
  if (whole.length > WHOLE_DIGITS) {
    const message = `At most ${WHOLE_DIGITS} digits before the point`;
    return complain(ctx, 'decimal_whole_digits', message, { whole_digits: WHOLE_DIGITS });
  }
  if (places.length > DECIMAL_PLACES) {
    const message = `At most ${DECIMAL_PLACES} digits behind the point`;
    return complain(ctx, 'decimal_max_places', message, { decimal_places: DECIMAL_PLACES });
  }
  if (typeof value === 'number' && significantDigits(whole, places) > EXACT_NUMBER_DIGITS) {
    const message = `A JSON number keeps ${EXACT_NUMBER_DIGITS} digits: send this one as a string`;
    return complain(ctx, 'decimal_max_digits', message, { max_digits: EXACT_NUMBER_DIGITS });
  }
  return text;
}

/** A number that JavaScript writes with an exponent has more digits than are taken, on one side of its point or the other. */
function numberText(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return Math.abs(value) < 1 ? `0.${'0'.repeat(DECIMAL_PLACES)}1` : '1'.padEnd(WHOLE_DIGITS + 1, '0');
}

function significantDigits(whole: string, places: string): number {
  return `${whole}${places}`.replace(/^0+/, '').replace(/0+$/, '').length;
}

/** A share of what goes in that comes out: above 0, at most 1. */
export const efficiencyInput = decimalInput
  .refine((text) => Number(text) > 0 && Number(text) <= 1, {
    error: 'An efficiency is above 0 and at most 1',
    params: { type: 'efficiency_range', ctx: { gt: 0, le: 1 } },
  })
  .meta({ description: 'A decimal above 0 and at most 1.' });

/** Units of agreed quantities. */
export type QuantityUnit = 'MW' | 'MWh' | 'EUR/MWh' | 'PLN/MWh';

/**
 * An amount with its unit, of one dimension: any other unit is refused as `unit_mismatch`.
 *
 * @param units all units of the dimension
 */
export function quantityInput<const U extends QuantityUnit>(...units: readonly [U, ...U[]]) {
  const unit = z
    .string()
    .transform((text, ctx): U => {
      const found = units.find((one) => one === text);
      if (found !== undefined) return found;
      return complain(ctx, 'unit_mismatch', `Give the amount in ${units.join(' or ')}`, { expected: units });
    })
    .meta({ enum: [...units] });
  return z.strictObject({ amount: decimalInput, unit });
}

/** Power in MW; positive is injected or discharged. */
export const powerInput = quantityInput('MW');

/** Energy in MWh. */
export const energyInput = quantityInput('MWh');

/** A price in the currency of the region. */
export const priceInput = quantityInput('EUR/MWh', 'PLN/MWh');

const HAS_FRACTION = /\.\d*[1-9]/;
const MILLIS_PER_QUARTER_HOUR = 900_000;
const END_OF_TIME = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * An instant of a request: RFC 3339 with seconds and an offset, at most microseconds, from 1970 to the end of the year 9999
 * in UTC. The domain reads it and has nothing to say against it.
 */
export const instantInput = instantText
  .pipe(
    z.string().refine((text) => isReadable(Date.parse(text)), {
      error: 'Instants are from 1970-01-01T00:00:00Z to the end of the year 9999',
      ...typed('datetime_range'),
    }),
  )
  .meta({ format: 'date-time' });

/** An instant exactly on :00, :15, :30 or :45. */
export const quarterHourInput = instantInput
  .pipe(
    z.string().refine((text) => Date.parse(text) % MILLIS_PER_QUARTER_HOUR === 0 && !HAS_FRACTION.test(text), {
      error: 'Give a quarter hour: :00, :15, :30 or :45, without seconds',
      ...typed('off_quarter_hour'),
    }),
  )
  .meta({ format: 'date-time' });

function isReadable(millis: number): boolean {
  return millis >= 0 && millis <= END_OF_TIME;
}

/** Id of something that is registered, as a request names it: whether there is such a thing is another question. */
export const idInput = plainText(160).meta({ id: 'Id' });

/** A short code that ids are made from, in upper case. */
export const codeInput = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, { error: 'Letters, digits, - and _, a letter or digit first' })
  .meta({ id: 'Code' });

/** A name for people. */
export const nameInput = plainText(200);

function typed(type: string): { readonly params: { readonly type: string } } {
  return { params: { type } };
}

function complain(
  ctx: z.RefinementCtx,
  type: string,
  message: string,
  context?: Readonly<Record<string, unknown>>,
): never {
  ctx.addIssue({ code: 'custom', message, params: { type, ...(context === undefined ? {} : { ctx: context }) } });
  return z.NEVER;
}
