import { z } from 'zod';
import type { RequestIssue, RequestPart } from './refusal.js';

/** What a schema may attach to a rule of its own, as `params` of a custom issue. */
const ownRule = z.object({
  type: z.string(),
  ctx: z.record(z.string(), z.unknown()).optional(),
});

/**
 * Turns what zod found into complaints, in order. Unknown names become one complaint each.
 *
 * Codes follow pydantic's vocabulary, which clients of the asset API know; a rule of ours sets its own with
 * `params: { type, ctx }` of a custom issue.
 *
 * @param input what was parsed, so that a complaint can repeat what was sent
 */
export function issuesOf(error: z.ZodError, part: RequestPart, input: unknown): RequestIssue[] {
  return error.issues.flatMap((issue) => complaintsOf(issue, part, input));
}

function complaintsOf(issue: z.core.$ZodIssue, part: RequestPart, input: unknown): RequestIssue[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      in: part,
      path: [...path, key],
      code: 'extra_forbidden',
      message: `${key} is not known here`,
      ...inputAt(input, [...path, key]),
    }));
  }
  const sent = inputAt(input, path);
  // An item of a list that a query has as one text is found under no index.
  const isLeftOut = sent.input === undefined && typeof path.at(-1) === 'string';
  const isRepeated = part !== 'body' && Array.isArray(sent.input) && WRONG_KIND.has(issue.code);
  return [{ in: part, path, ...(isRepeated ? REPEATED : meaningOf(issue, sent.input, isLeftOut)), ...sent }];
}

const WRONG_KIND: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value']);
const REPEATED: Meaning = { code: 'repeated', message: 'Give this once' };

type Meaning = Pick<RequestIssue, 'code' | 'message' | 'context'>;

function meaningOf(issue: z.core.$ZodIssue, sent: unknown, isLeftOut: boolean): Meaning {
  const { message } = issue;
  switch (issue.code) {
    case 'custom':
      return meaningOfOwnRule(issue.params, message);
    case 'invalid_type':
      return meaningOfType(issue.expected, sent, message);
    case 'too_small':
      return bounded(issue.origin, 'min', issue.minimum, issue.inclusive, message);
    case 'too_big':
      return bounded(issue.origin, 'max', issue.maximum, issue.inclusive, message);
    case 'invalid_value':
      return isLeftOut ? MISSING : { code: 'literal_error', message, context: { expected: issue.values } };
    case 'invalid_union':
      return isLeftOut ? MISSING : { code: 'value_error', message };
    case 'invalid_format':
      return { code: FORMAT_CODES[issue.format] ?? 'string_pattern_mismatch', message };
    default:
      return { code: 'value_error', message };
  }
}

function meaningOfOwnRule(params: unknown, message: string): Meaning {
  const rule = ownRule.safeParse(params);
  if (!rule.success) return { code: 'value_error', message };
  const { type, ctx } = rule.data;
  return { code: type, message, ...(ctx === undefined ? {} : { context: ctx }) };
}

const MISSING: Meaning = { code: 'missing', message: 'Field required' };

function meaningOfType(expected: string, sent: unknown, message: string): Meaning {
  if (sent === undefined) return MISSING;
  return { code: TYPE_CODES[expected] ?? `${expected}_type`, message };
}

function bounded(
  origin: string,
  side: 'min' | 'max',
  bound: number | bigint,
  isInclusive: boolean | undefined,
  message: string,
): Meaning {
  const limit = Number(bound);
  if (origin === 'string') {
    const code = side === 'min' ? 'string_too_short' : 'string_too_long';
    return { code, message, context: { [`${side}_length`]: limit } };
  }
  if (origin === 'array' || origin === 'set' || origin === 'map') {
    return { code: side === 'min' ? 'too_short' : 'too_long', message, context: { [`${side}_length`]: limit } };
  }
  const [code, name] = (isInclusive ?? true) ? INCLUSIVE[side] : EXCLUSIVE[side];
  return { code, message, context: { [name]: limit } };
}

const INCLUSIVE = { min: ['greater_than_equal', 'ge'], max: ['less_than_equal', 'le'] } as const;
const EXCLUSIVE = { min: ['greater_than', 'gt'], max: ['less_than', 'lt'] } as const;

const TYPE_CODES: Readonly<Record<string, string>> = {
  int: 'int_parsing',
  number: 'float_parsing',
  string: 'string_type',
  array: 'list_type',
  object: 'dict_type',
  boolean: 'bool_parsing',
};

const FORMAT_CODES: Readonly<Record<string, string>> = {
  guid: 'uuid_parsing',
  uuid: 'uuid_parsing',
  datetime: 'datetime_parsing',
  date: 'date_parsing',
};

function inputAt(input: unknown, path: readonly PropertyKey[]): { input?: unknown } {
  let found = input;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return {};
    found = Reflect.get(found, step);
  }
  return found === undefined ? {} : { input: found };
}
