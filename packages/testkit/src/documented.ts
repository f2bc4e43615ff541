import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ajv, { type ValidateFunction } from '@redocly/ajv';
import { z } from 'zod';

/** One exchange with an API. */
export interface Exchange {
  readonly method: string;
  /** Path and query, as asked. */
  readonly url: string;
  /** Undefined for none. */
  readonly requestBody?: unknown;
  readonly answer: {
    readonly status: number;
    /** Media type without parameters; empty for an answer without a body. */
    readonly type: string;
    /** Of an answer in JSON. */
    readonly body: unknown;
  };
}

/** An exchange is not as the document of its surface says. */
export class UndocumentedError extends Error {
  override readonly name = 'UndocumentedError';
  readonly code = 'UNDOCUMENTED';
}

const node = z.record(z.string(), z.unknown());
type Node = z.infer<typeof node>;

const parameter = z.object({
  name: z.string(),
  in: z.enum(['path', 'query', 'header', 'cookie']),
  required: z.boolean().default(false),
  schema: node,
});
type Parameter = z.infer<typeof parameter>;

const JSON_TYPE = 'application/json';
const FORMATS = {
  date: /^\d{4}-\d{2}-\d{2}$/,
  'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
};

/** The library is made for another kind of modules. */
const { default: Ajv } = ajv;

/**
 * Compares exchanges with the committed OpenAPI document of a surface: that operation, status and media type are in it, that an
 * answer fits its schema, and that a request that was carried out did.
 *
 * @param surface name of its document, for example `asset`
 * @returns a function that throws {@link UndocumentedError} for an exchange that is not as the document says
 */
export function documentOfSurface(surface: string): (exchange: Exchange) => void {
  const file = fileURLToPath(new URL(`../../../docs/openapi/${surface}.json`, import.meta.url));
  const document = node.parse(JSON.parse(readFileSync(file, 'utf8')));
  const basePath = z
    .array(z.object({ url: z.string() }))
    .min(1)
    .parse(document['servers'])
    .map(({ url }) => url)
    .join();
  const compiler = new Ajv({ strict: false, allErrors: true, formats: FORMATS });
  const coercing = new Ajv({ strict: false, allErrors: true, formats: FORMATS, coerceTypes: 'array' });
  for (const one of [compiler, coercing]) one.addSchema(document, 'document');
  const compiled = new Map<string, ValidateFunction>();
  const schemaAt = (pointer: string): ValidateFunction => {
    const known = compiled.get(pointer) ?? compiler.compile({ $ref: `document#${pointer}` });
    compiled.set(pointer, known);
    return known;
  };

  return ({ method: named, url, requestBody, answer: { status, type, body } }) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const place = `${named.toUpperCase()} ${pathname} ${status}`;
    const path = pathname.slice(basePath.length);
    const template = templateOf(Object.keys(node.parse(document['paths'])), path);
    const item = template === undefined ? undefined : node.parse(node.parse(document['paths'])[template]);
    const method = named.toLowerCase();
    if (template === undefined || item?.[method] === undefined) throw new UndocumentedError(`${place}: no operation`);
    const operation = node.parse(item[method]);
    const pointer = `/paths/${escaped(template)}/${method}`;

    const answer = node.optional().parse(node.parse(operation['responses'])[status]);
    if (answer === undefined) throw new UndocumentedError(`${place}: the status is not documented`);
    const content = node.optional().parse(answer['content']);
    if (content === undefined ? type !== '' : content[type] === undefined) {
      throw new UndocumentedError(`${place}: ${type} is not documented`);
    }
    if (type === JSON_TYPE) {
      const schema = `${pointer}/responses/${status}/content/${escaped(JSON_TYPE)}/schema`;
      assertFits(schemaAt(schema), body, `${place}: the answer`);
    }

    if (status >= 300) return;
    if (operation['requestBody'] !== undefined) {
      const schema = `${pointer}/requestBody/content/${escaped(JSON_TYPE)}/schema`;
      assertFits(schemaAt(schema), requestBody, `${place}: the request`);
    }
    const parameters = z.array(parameter).parse(operation['parameters'] ?? []);
    const query = parameters.filter((one) => one.in === 'query');
    assertFits(coercing.compile(schemaOfQuery(query)), sentOf(query, searchParams), `${place}: the query`);
  };
}

function templateOf(templates: readonly string[], path: string): string | undefined {
  const matching = templates.filter((template) =>
    new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path),
  );
  return matching.toSorted((left, right) => left.split('{').length - right.split('{').length)[0];
}

function escaped(key: string): string {
  return encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));
}

function schemaOfQuery(query: readonly Parameter[]): Node {
  return {
    type: 'object',
    additionalProperties: false,
    required: query.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(query.map(({ name, schema }) => [name, absolute(schema)])),
  };
}

/** A reference within the document, as seen from outside of it. */
function absolute(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(absolute);
  const found = node.safeParse(value);
  if (!found.success) return value;
  return Object.fromEntries(
    Object.entries(found.data).map(([key, member]) => [
      key,
      key === '$ref' ? `document${String(member)}` : absolute(member),
    ]),
  );
}

function sentOf(query: readonly Parameter[], search: URLSearchParams): Record<string, unknown> {
  const isList = (name: string): boolean =>
    query.some((one) => one.name === name && [one.schema['type']].flat().includes('array'));
  return Object.fromEntries(
    [...new Set(search.keys())].map((name) => {
      const values = search.getAll(name);
      return [name, isList(name) ? values.flatMap((value) => value.split(',')) : values.join(',')];
    }),
  );
}

function assertFits(validate: ValidateFunction, value: unknown, what: string): void {
  if (validate(value)) return;
  const faults = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
  throw new UndocumentedError(`${what} does not fit: ${faults.join('; ')}`);
}
