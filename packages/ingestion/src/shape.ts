import type { Reason } from '@quarterhour/contracts';
import { DomainError, canonicalDecimal, parseInstant, type UtcInstant } from '@quarterhour/domain';
import { FaultError } from './received.js';

/** Anything that checks a value the way a zod schema does. */
interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly ShapeIssue[] } };
}

interface ShapeIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * Checks the agreed shape.
 *
 * @param at path of `value` within the body, empty for the body itself
 * @throws FaultError `schema`, naming the first member at fault
 */
export function shaped<T>(schema: Schema<T>, value: unknown, at: readonly string[] = []): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = [...at, ...(issue?.path ?? [])].map(String).join('.');
  throw new FaultError('schema', path === '' ? null : path, issue?.message ?? 'not the agreed shape');
}

/** An instant of a message in canonical form. @throws FaultError `schema` */
export function instantAt(text: string, path: string): UtcInstant {
  return fromDomain('schema', path, () => parseInstant(text));
}

/** A decimal of a message in canonical form. @throws FaultError `schema` */
export function decimalAt(value: string | number, path: string): string {
  return fromDomain('schema', path, () => canonicalDecimal(value));
}

/** What the domain makes of a message's value. @throws FaultError with the reason given, for an error of the domain */
export function fromDomain<T>(reason: Reason, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DomainError) throw new FaultError(reason, path, error.message);
    throw error;
  }
}

const UNSTORABLE = /\0|\p{Surrogate}/u;

/**
 * A value as JSON text that the database can keep.
 *
 * @throws FaultError `schema`, naming the first member whose text or name has a NUL or half a character in it
 */
export function jsonTextAt(value: object, path: string): string {
  refuseUnstorable(value, path);
  return JSON.stringify(value);
}

function refuseUnstorable(value: unknown, path: string): void {
  if (typeof value === 'string' && UNSTORABLE.test(value)) {
    throw new FaultError('schema', path, 'a NUL or half a character cannot be kept');
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (UNSTORABLE.test(name)) throw new FaultError('schema', path, 'a name with a NUL or half a character');
    refuseUnstorable(member, `${path}.${name}`);
  }
}
