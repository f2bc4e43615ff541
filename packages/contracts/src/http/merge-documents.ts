import { isDeepStrictEqual } from 'node:util';
import type { OpenApiDocument } from './openapi.js';

/** Two documents say different things about the same. */
export class DocumentConflictError extends Error {
  override readonly name = 'DocumentConflictError';
  readonly code = 'DOCUMENT_CONFLICT';
}

/**
 * One document of a surface that several processes serve: the operations, tags and components of all of them. Members keep
 * the order in which they are met; components are sorted by name.
 *
 * @param documents of one surface, at least one
 * @throws DocumentConflictError when one member is described in two ways
 */
export function mergeDocuments(documents: readonly [OpenApiDocument, ...OpenApiDocument[]]): OpenApiDocument {
  const [first, ...others] = documents;
  const merged = others.reduce((all, one) => mergeObjects(all, one, []), first);
  return { ...merged, ...(isObject(merged['components']) ? { components: sortedWithin(merged['components']) } : {}) };
}

type JsonObject = Readonly<Record<string, unknown>>;

function mergeObjects(left: JsonObject, right: JsonObject, path: readonly string[]): JsonObject {
  const added = Object.entries(right).map(([name, value]) => {
    return [name, Object.hasOwn(left, name) ? mergeValues(left[name], value, [...path, name]) : value] as const;
  });
  return { ...left, ...Object.fromEntries(added) };
}

function mergeValues(left: unknown, right: unknown, path: readonly string[]): unknown {
  if (isDeepStrictEqual(left, right)) return left;
  if (path.join() === 'tags' && Array.isArray(left) && Array.isArray(right)) return union(left, right);
  if (path.length <= DEEPEST_MERGED && isObject(left) && isObject(right)) return mergeObjects(left, right, path);
  throw new DocumentConflictError(`${path.join(' > ')} is described in two ways`);
}

/** `paths > one path`, `components > schemas`: what lies deeper is one thing and is taken whole. */
const DEEPEST_MERGED = 2;

function union(left: readonly unknown[], right: readonly unknown[]): unknown[] {
  return [...left, ...right.filter((one) => !left.some((other) => isDeepStrictEqual(one, other)))];
}

function sortedWithin(components: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(components).map(([kind, members]) => [kind, isObject(members) ? sorted(members) : members]),
  );
}

function sorted(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).sort(([left], [right]) => left.localeCompare(right, 'en')));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
