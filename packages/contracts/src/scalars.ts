import { z } from 'zod';

/** Most fractional digits an instant may carry: finer ones would round into another period. */
export const MAX_FRACTION_DIGITS = 6;

const FINER_THAN_MICROSECONDS = /\.\d{7,}/;
const UNSAFE_TEXT = /[\u0000-\u001f\u007f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/u;

const noFinerThanMicroseconds = (text: string): boolean => !FINER_THAN_MICROSECONDS.test(text);
const tooFine = { error: 'at most 6 fractional digits: finer instants would round into another period' };

/** An instant: RFC 3339 with an offset (`Z` or `+01:00`), a real calendar date, at most microseconds. */
export const instantText = z.iso
  .datetime({ offset: true, error: 'an instant with offset, for example 2026-01-15T10:00:00Z' })
  .refine(noFinerThanMicroseconds, tooFine);

/** An instant in UTC: like {@link instantText}, but only `Z` is accepted. */
export const utcInstantText = z.iso
  .datetime({ error: 'an instant in UTC, for example 2026-01-15T10:00:00Z' })
  .refine(noFinerThanMicroseconds, tooFine);

/** A calendar date, `YYYY-MM-DD`. */
export const dateText = z.iso.date({ error: 'a date, for example 2026-01-15' });

/** A UUID of any version, in lower or upper case; compared in lower case. */
export const uuidText = z.guid({ error: 'a UUID' }).toLowerCase();

/** Text from outside that will be stored and shown: bounded, no control, bidirectional or lone surrogate characters. */
export function plainText(maxLength: number): z.ZodString {
  return textWithout(faultOfText, maxLength);
}

const INVISIBLE = /\p{Cf}|\p{Default_Ignorable_Code_Point}/u;

/**
 * An id that others chose: {@link plainText} that looks like what it is. Two ids that are shown alike must be equal, so
 * there are no invisible characters in it, and it is composed (Unicode NFC).
 */
export function idText(maxLength: number): z.ZodString {
  return textWithout(faultOfId, maxLength);
}

/** Nothing can be wrong with them: most of what arrives, and not looked at any further. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/** @param faultOf what is wrong with a text that is not all printable ASCII; null when nothing is */
function textWithout(faultOf: (text: string) => string | null, maxLength: number): z.ZodString {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .check(({ value, issues }) => {
      if (PRINTABLE_ASCII.test(value)) return;
      const fault = faultOf(value);
      if (fault !== null) issues.push({ code: 'custom', message: fault, input: value });
    });
}

function faultOfText(text: string): string | null {
  return UNSAFE_TEXT.test(text) ? 'control and direction characters are not allowed' : null;
}

function faultOfId(text: string): string | null {
  const fault = faultOfText(text);
  if (fault !== null) return fault;
  if (INVISIBLE.test(text)) return 'an id has no invisible characters';
  return text.normalize('NFC') === text ? null : 'an id is composed, as Unicode NFC has it';
}

/** Id of an asset as the register makes it, for example `DE_50HZ_WU_1`. */
export const assetIdText = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, { error: 'an asset id, for example DE_50HZ_WU_1' });

/**
 * A decimal as a message may carry it: JSON number or decimal string without exponent.
 *
 * Bounds (12 integer and 6 fractional digits) and the canonical form belong to the domain, which reads the result.
 */
export const messageDecimal = z.union([z.number(), z.string().regex(/^[+-]?\d{1,40}(\.\d{1,40})?$/)], {
  error: 'a decimal: a number, or a string such as "12.5" without exponent',
});

/** A decimal as it is answered: a JSON string without exponent and without trailing zeros. */
export const decimalOutput = z.string().regex(/^-?\d+(\.\d+)?$/);

/** An amount with its unit, as a message may carry it. Each field takes one unit. */
export function messageQuantity<const U extends string>(
  unit: U,
): z.ZodObject<{ amount: typeof messageDecimal; unit: z.ZodLiteral<U> }> {
  return z.object({ amount: messageDecimal, unit: z.literal(unit, { error: `unit ${unit}` }) });
}

/** An amount with its unit, as it is answered. */
export function quantityOutput<const U extends string>(
  unit: U,
): z.ZodObject<{ amount: typeof decimalOutput; unit: z.ZodLiteral<U> }> {
  return z.object({ amount: decimalOutput, unit: z.literal(unit) });
}
