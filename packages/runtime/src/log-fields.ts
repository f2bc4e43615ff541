import { types } from 'node:util';
import { Secret } from './secret.js';

/** What varies in a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

const LONGEST_TEXT = 2048;
const DEEPEST = 6;
const MOST_ITEMS = 100;
const MOST_CAUSES = 8;

const REDACTED = '[redacted]';
const SECRET_NAME =
  /pass(word|phrase|wd)?$|secret|token$|authori[sz]ation|cookie|credential|api[-_]?key|(private|signing)[-_]?key|signature$|cursor[-_]?key/i;
const SECRET_IN_TEXT: readonly [RegExp, string][] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"]+@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\bvcp_live_\w+/g, REDACTED],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, REDACTED],
];
/** What JSON leaves as it is but a terminal or a viewer obeys: DEL, C1 controls, line separators, bidi marks. */
const UNRULY = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Fields of an error that say something beside its message. */
const TELLING = ['code', 'status', 'errno', 'syscall', 'address', 'port', 'schema', 'table', 'column', 'constraint'];

/** The fields as plain JSON values, bounded, without secrets. */
export function describeFields(fields: LogFields): Record<string, unknown> {
  return describeEntries(Object.entries(fields), 0);
}

/** A text without secrets or unruly characters, cut at a bound. */
export function harmlessText(text: string): string {
  const withoutSecrets = SECRET_IN_TEXT.reduce(
    (rest, [pattern, replacement]) => rest.replace(pattern, replacement),
    cut(text, 2 * LONGEST_TEXT),
  );
  return cut(withoutSecrets.replace(UNRULY, escapeCharacter), LONGEST_TEXT);
}

function describeEntries(entries: readonly [string, unknown][], depth: number): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  for (const [name, value] of entries.slice(0, MOST_ITEMS)) {
    described[name] = SECRET_NAME.test(name) && value != null ? REDACTED : describe(value, depth);
  }
  return described;
}

function describe(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return harmlessText(value);
    case 'bigint':
      return value.toString();
    case 'function':
    case 'symbol':
      return undefined;
    case 'object':
      return value === null ? null : describeObject(value, depth);
    default:
      return value;
  }
}

function describeObject(value: object, depth: number): unknown {
  if (isError(value)) return describeError(value, 0);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Secret) return String(value);
  if (value instanceof URL) return harmlessText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEEPEST) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => describe(item, depth + 1));
  if (value instanceof Map) return describeEntries(mapEntries(value), depth + 1);
  if (value instanceof Set) return describe([...value], depth);
  return describeEntries(Object.entries(value), depth + 1);
}

function mapEntries(map: ReadonlyMap<unknown, unknown>): [string, unknown][] {
  return [...map].map(([key, value]) => [harmlessText(String(key)), value]);
}

function describeError(error: Error, chainLength: number): Record<string, unknown> {
  const described: Record<string, unknown> = { type: error.name, message: harmlessText(error.message) };
  for (const [name, value] of Object.entries(error)) {
    if (TELLING.includes(name) && value !== undefined) described[name] = describe(value, DEEPEST);
  }
  if (error.stack !== undefined) described['stack'] = harmlessText(error.stack);
  if (chainLength >= MOST_CAUSES) return described;
  if (error instanceof AggregateError) {
    described['errors'] = error.errors.slice(0, MOST_CAUSES).map((inner) => describeCause(inner, chainLength));
  }
  if (error.cause !== undefined) described['cause'] = describeCause(error.cause, chainLength);
  return described;
}

function describeCause(cause: unknown, chainLength: number): unknown {
  return isError(cause) ? describeError(cause, chainLength + 1) : describe(cause, DEEPEST - 1);
}

/** Also true for an error of another realm, as a library in a sandbox throws it. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length - longest} more)`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
