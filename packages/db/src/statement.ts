import { createHash } from 'node:crypto';
import type { Compilable } from 'kysely';

/**
 * One SQL statement with its parameters.
 *
 * With a `name` it is parsed once per connection and its plan may be kept; one name stands for one text. Without a name
 * it is planned anew each time, with the values known.
 */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement that is parsed once per connection. */
export interface NamedStatement extends Statement {
  readonly name: string;
}

/** A statement named after its own text, so that the same text is prepared once per connection. */
export function prepared(text: string, values: readonly unknown[]): NamedStatement {
  return { name: nameOf(text), text, values };
}

/** A statement from a query that kysely built. */
export function fromKysely(query: Compilable): Statement {
  const { sql, parameters } = query.compile();
  return prepared(sql, parameters);
}

/** Collects the parameters of a statement while its text is put together. */
export class StatementParameters {
  readonly #values: unknown[];

  /** @param first values of the placeholders that are written out: `$1` and so on */
  constructor(...first: readonly unknown[]) {
    this.#values = [...first];
  }

  /** Adds a value and returns its placeholder, for example `$3`. */
  bind(value: unknown): string {
    this.#values.push(value);
    return `$${this.#values.length}`;
  }

  get values(): readonly unknown[] {
    return this.#values;
  }
}

const MOST_NAMES_REMEMBERED = 500;
const names = new Map<string, string>();

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `q_${createHash('sha256').update(text).digest('hex').slice(0, 20)}`;
  if (names.size < MOST_NAMES_REMEMBERED) names.set(text, name);
  return name;
}
