import { z } from 'zod';
import { dateText, instantText } from '../scalars.js';

const INTEGER_TEXT = /^-?\d{1,15}$/;

/**
 * An integer in a query string: decimal digits with an optional minus, nothing else (no `1e3`, no `1.0`, no blanks).
 *
 * Anything else is refused with `params.type` `int_parsing`, a repeated parameter with `repeated`.
 *
 * @param bounds smallest and largest value, both allowed; a value outside is refused, never clamped, and then no rule is
 *   applied that compares it with other members
 */
export function queryInteger(bounds: { readonly min: number; readonly max?: number }): z.ZodType<number> {
  const integer = z.int().min(bounds.min, { abort: true });
  return z.preprocess(integerOf, bounds.max === undefined ? integer : integer.max(bounds.max, { abort: true }));
}

/**
 * How many rows an export has at most: any number, and all of them when nothing is said.
 *
 * @param ofPage what the document says of the same parameter where it is asked for a page of JSON
 */
export function exportLimit(ofPage: string) {
  return queryInteger({ min: 1 })
    .optional()
    .meta({ description: `Most rows. Of an export any number, all of them when left out. ${ofPage}` });
}

/**
 * A list in a query string: the parameter repeated, comma-separated, or both.
 *
 * @param item schema of one item; blank items are handed to it as they are
 * @param maxItems most items, counted before any deduplication; at least one is required
 */
export function queryList<T extends z.ZodType<string>>(item: T, maxItems: number): z.ZodType<z.output<T>[]> {
  return z.preprocess(listOf, z.array(item).min(1).max(maxItems));
}

/** `true` or `false` in a query string, and nothing else. @see queryInteger for what is refused how */
export const queryBoolean: z.ZodType<boolean> = z.preprocess(booleanOf, z.boolean());

/** An instant in a query string. A `+` of an offset has to be written `%2B`: a plain `+` means a blank there. */
export const queryInstant = instantText.meta({ format: 'date-time' });

/**
 * Up to when the answer may know things. An instant that a response carried in `Quarterhour-Known-At` gives that answer
 * again, for ever; one that lies ahead of the database's clock is refused.
 */
export const queryAsOf = queryInstant.meta({
  format: 'date-time',
  description:
    'Answer as it was known then: what arrived later does not count. The header Quarterhour-Known-At of an answer gives ' +
    'the same answer again. Must not lie in the future.',
});

/** Id of a message, as it was published: 1 to 200 characters, of whatever kind. */
export const queryMessageId = z.string().min(1).max(200);

/** A calendar date in a query string, `YYYY-MM-DD`. */
export const queryDate = dateText;

/** An opaque position in a list, taken from a `Link` header. It fits only the request that it came from. */
export const queryCursor = z
  .string()
  .min(1, { abort: true })
  .max(2_000)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({
    description:
      'Position taken from the Link header of the page before, or from the last line of an export that has one. Excludes offset.',
  });

function integerOf(text: unknown, ctx: z.core.$RefinementCtx): unknown {
  if (typeof text === 'string' && INTEGER_TEXT.test(text)) return Number(text);
  const isRepeated = Array.isArray(text);
  ctx.addIssue({
    code: 'custom',
    message: isRepeated ? 'Give this once' : 'Give an integer in plain digits',
    params: { type: isRepeated ? 'repeated' : 'int_parsing' },
  });
  return z.NEVER;
}

function booleanOf(text: unknown, ctx: z.core.$RefinementCtx): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const isRepeated = Array.isArray(text);
  ctx.addIssue({
    code: 'custom',
    message: isRepeated ? 'Give this once' : 'Give true or false',
    params: { type: isRepeated ? 'repeated' : 'bool_parsing' },
  });
  return z.NEVER;
}

function listOf(values: unknown): unknown {
  if (values === undefined) return values;
  return [values].flat().flatMap((value) => (typeof value === 'string' ? value.split(',') : [value]));
}
