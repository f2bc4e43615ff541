import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import type { ResponseConfig, RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';

/** One answer of an operation. */
export interface ResponseDescription {
  readonly description: string;
  /** Absent when there is no body. */
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Other forms of the same answer, by media type. */
  readonly otherForms?: Readonly<Record<string, z.ZodType>>;
  /** What each header says, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One operation as its document shows it. The schemas are the ones that requests are parsed with. */
export interface OperationDescription {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below the base path, parameters in braces: `/plants/{plantId}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** By what it lets itself be told who asks. Default: a bearer token. */
  readonly credentials?: 'token' | 'api-key' | 'either';
  readonly body?: z.ZodType;
  readonly responses: Readonly<Record<number, ResponseDescription>>;
}

/** An API as its document shows it. */
export interface ApiDescription {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly basePath: string;
  readonly operations: readonly OperationDescription[];
}

/** An OpenAPI document, ready to be written as JSON. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

/**
 * Builds the OpenAPI 3.1 document of an API. Same description, same document, to the byte.
 *
 * Schemas with an `id` in their metadata become components. Every operation asks for a bearer token or an API key.
 */
export function openApiDocument({
  title,
  version,
  description,
  basePath,
  operations,
}: ApiDescription): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'bearerAuth', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
  if (operations.some(({ credentials = 'token' }) => credentials !== 'token')) {
    registry.registerComponent('securitySchemes', 'apiKey', { type: 'apiKey', in: 'header', name: 'X-API-Key' });
  }
  for (const operation of operations) registry.registerPath(pathOf(operation));
  const generator = new OpenApiGeneratorV31(registry.definitions, { sortComponents: 'alphabetically' });
  return {
    ...generator.generateDocument({
      openapi: '3.1.0',
      info: { title, version, description },
      servers: [{ url: basePath }],
      security: [{ bearerAuth: [] }],
      tags: tagsOf(operations),
    }),
  };
}

const SECURITY = {
  'api-key': [{ apiKey: [] }],
  either: [{ bearerAuth: [] }, { apiKey: [] }],
};

function tagsOf(operations: readonly OperationDescription[]): { name: string }[] {
  return [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name }));
}

function pathOf(operation: OperationDescription): RouteConfig {
  const { operationId, method, path, summary, description, tag, responses, credentials = 'token' } = operation;
  return {
    operationId,
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(credentials === 'token' ? {} : { security: SECURITY[credentials] }),
    request: requestOf(operation),
    responses: Object.fromEntries(Object.entries(responses).map(([status, one]) => [status, responseOf(one)])),
  };
}

function requestOf({ params, query, headers, body }: OperationDescription): NonNullable<RouteConfig['request']> {
  return {
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body: { required: true, content: { 'application/json': { schema: body } } } }),
  };
}

function responseOf({
  description,
  schema,
  contentType = 'application/json',
  otherForms = {},
  headers,
}: ResponseDescription): ResponseConfig {
  const content = { ...(schema === undefined ? {} : { [contentType]: { schema } }), ...contentOf(otherForms) };
  return {
    description,
    ...(headers === undefined ? {} : { headers: headersOf(headers) }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

function contentOf(forms: Readonly<Record<string, z.ZodType>>): Record<string, { schema: z.ZodType }> {
  return Object.fromEntries(Object.entries(forms).map(([mediaType, schema]) => [mediaType, { schema }]));
}

function headersOf(
  headers: Readonly<Record<string, string>>,
): Record<string, { description: string; schema: { type: 'string' } }> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}
