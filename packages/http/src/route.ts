import { z } from 'zod';
import type { ApiKeyScope, OperationDescription, ResponseDescription } from '@quarterhour/contracts';
import type { Weight } from './admission.js';
import { MEDIA_TYPES, type ExportFormat, type Format } from './formats.js';
import { parseQueryString, searchOf, type Spellings } from './query-string.js';
import { preconditionOf, type Precondition } from './precondition.js';
import { InvalidRequestError } from './refusal.js';
import type { Credentials, RequestIssue, RequestPart } from './refusal.js';
import { repetitionOf, type Repetition } from './repetition.js';
import type { Reply } from './reply.js';
import { issuesOf } from './request-issues.js';
import { isCapability } from './roles.js';
import type { Capability } from './roles.js';
import type { Scope } from './scope.js';
import type { Surface } from './surface.js';
import type { Principal } from './token.js';

/** HTTP methods of a route. GET answers HEAD as well. */
export type Method = OperationDescription['method'];

/** What a handler is given: nothing of it is unparsed. */
export interface ParsedRequest<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly principal: Principal;
  readonly scope: Scope;
  readonly requestId: string;
  /** Request target as sent, for links. */
  readonly url: string;
  /** What the caller says about the resource that the operation {@link RouteDeclaration.changes}. */
  readonly precondition: Precondition;
  /** How a repetition is known, where the operation {@link RouteDeclaration.isRepeatable} and the caller wants it. */
  readonly repetition: Repetition | undefined;
}

/** How a list is answered where CSV or NDJSON is asked for. */
export interface ExportDeclaration<Ctx, Params extends z.ZodObject, Query extends z.ZodObject> {
  /** Strict object, like the query of the route. The document shows the parameters of both, where they share one this one's. */
  readonly query: Query;
  handler(
    request: ParsedRequest<z.output<Params>, z.output<Query>, undefined>,
    ctx: Ctx,
    format: ExportFormat,
  ): Promise<Reply>;
}

/** One operation: everything that mounting, authorisation, document and tests are made from. */
export interface RouteDeclaration<
  Ctx,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  ExportQuery extends z.ZodObject,
> {
  readonly surface: Surface;
  readonly method: Method;
  /** Below the surface's base path, parameters in braces: `/plants/{plantId}/telemetry/latest`. */
  readonly path: `/${string}`;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  /** What the bearer of a token needs; null when no token is taken. */
  readonly capability: Capability | null;
  /** What an API key needs, shown in the header X-API-Key. Left out: no API key is taken. */
  readonly apiKeyScope?: ApiKeyScope;
  /** Strict object; its keys are the path's parameters. {@link noParameters} for none. */
  readonly params: Params;
  /** Strict object: a parameter that it does not name is refused. {@link noParameters} for none. */
  readonly query: Query;
  /** Other names under which parameters of the query are taken, with the name that each has here. */
  readonly spellings?: Spellings;
  /** Shape of the JSON body; {@link noBody} for none. */
  readonly body: Body;
  /** Code that this operation has for whatever is wrong with a request. Default: the surface's. */
  readonly invalidCode?: string;
  /** Successful answers by status; refusals are the surface's. */
  readonly responses: Readonly<Record<number, ResponseDescription>>;
  /** Operation id of the GET that answers the one thing that is changed here: `If-Match` may name its `ETag`. */
  readonly changes?: string;
  /** Whether a caller may give a key by which a repetition gets the first answer again. Default false. */
  readonly isRepeatable?: boolean;
  /** A GET that answers one thing, not a list: its answer carries an `ETag` and may be kept by its caller. Default false. */
  readonly answersOneResource?: boolean;
  /**
   * What this request costs. A heavy one takes a place until its answer has ended, and is refused with 503 when there is
   * none. Asked before the handler; an {@link InvalidRequestError} that it throws is answered. Default light.
   */
  weight?(request: ParsedRequest<z.output<Params>, z.output<Query>, z.output<Body>>, ctx: Ctx): Weight;
  handler(request: ParsedRequest<z.output<Params>, z.output<Query>, z.output<Body>>, ctx: Ctx): Promise<Reply>;
  /** For lists that can be had as CSV and NDJSON as well. */
  readonly exports?: ExportDeclaration<Ctx, Params, ExportQuery>;
}

/** A request that is authorised but not parsed. */
export interface IncomingRequest {
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: { readonly ifMatch: string | undefined; readonly idempotencyKey: string | undefined };
  readonly principal: Principal;
  readonly scope: Scope;
  readonly requestId: string;
  readonly url: string;
  /** Told once what the request costs. @throws RequestRefused `busy` when that is too much now */
  readonly admit: (weight: Weight) => void;
  readonly format: Format;
}

/** A declared operation, its types hidden. */
export interface Route<Ctx> {
  readonly surface: Surface;
  readonly method: Method;
  readonly path: string;
  readonly operationId: string;
  readonly capability: Capability | null;
  /** Null when no API key is taken. */
  readonly apiKeyScope: ApiKeyScope | null;
  /** Whether the address names one thing. */
  readonly namesOneThing: boolean;
  readonly hasBody: boolean;
  /** Whether the body may be left out. */
  readonly isBodyOptional: boolean;
  readonly invalidCode: string | undefined;
  readonly answersOneResource: boolean;
  /** Whether it answers CSV and NDJSON beside JSON. */
  readonly hasExports: boolean;
  readonly responses: Readonly<Record<number, ResponseDescription>>;
  readonly operation: OperationDescription;
  /** Parses, asks to be admitted, and answers. @throws InvalidRequestError with the complaints of all parts */
  answer(request: IncomingRequest, ctx: Ctx): Promise<Reply>;
}

/** A route was declared in a way that cannot be served. */
export class RouteDeclarationError extends Error {
  override readonly name = 'RouteDeclarationError';
  readonly code = 'ROUTE_DECLARATION';
}

/** For a path or a query without parameters. */
export const noParameters = z.strictObject({});

/** For an operation that takes no body; one that is sent is not read. */
export const noBody = z.undefined();

const PARAMETER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

const organisationHeader = z.object({
  'x-org-id': z.guid().optional().meta({
    format: 'uuid',
    description: 'Picks one organisation of the token. Without it, all of them.',
  }),
});

const conditionalHeaders = organisationHeader.extend({
  'if-none-match': z.string().optional().meta({ description: 'ETag of the answer that the caller has.' }),
});

const ifMatchHeader = z.object({
  'if-match': z.string().optional().meta({ description: 'ETag of what the caller has read: nothing else is changed.' }),
});

const idempotencyKeyHeader = z.object({
  'idempotency-key': z.string().min(1).max(200).optional().meta({
    description: 'Chosen by the caller. For 24 hours the same request with the same key gets the first answer again.',
  }),
});

const RATE_LIMIT_HEADERS = {
  RateLimit: 'What is left of the quota, and in how many seconds it is whole again.',
  'RateLimit-Policy': 'The quota, and its window in seconds.',
};

const RETRY_AFTER_HEADER = { 'Retry-After': 'Seconds to wait.' };

const RESOURCE_HEADERS = {
  ETag: "Names this answer, for this caller's organisations. Send it as If-None-Match.",
  'Cache-Control': 'private, no-cache: may be kept by the caller, who asks each time whether it still holds.',
};

/**
 * Declares an operation.
 *
 * @throws RouteDeclarationError when the capability is not in the role matrix, neither a token nor an API key is taken, the
 *   path's parameters are not the keys of `params`, or something else than a GET is said to answer one resource
 */
export function route<
  Ctx,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  ExportQuery extends z.ZodObject = z.ZodObject,
>(declaration: RouteDeclaration<Ctx, Params, Query, Body, ExportQuery>): Route<Ctx> {
  const { surface, method, path, operationId, capability, responses, answersOneResource = false } = declaration;
  const apiKeyScope = declaration.apiKeyScope ?? null;
  if (capability === null ? apiKeyScope === null : !isCapability(capability)) {
    throw new RouteDeclarationError(`${operationId}: nobody has the capability`);
  }
  const names = [...path.matchAll(PARAMETER)].map(([, name]) => name);
  const declared = Object.keys(declaration.params.shape);
  if (names.toSorted().join() !== declared.toSorted().join()) {
    throw new RouteDeclarationError(`${operationId}: the path and its parameter schema name different parameters`);
  }
  if (answersOneResource && method !== 'get') {
    throw new RouteDeclarationError(`${operationId}: only what is read can be kept`);
  }
  return {
    surface,
    method,
    path,
    operationId,
    capability,
    apiKeyScope,
    namesOneThing: names.length > 0,
    hasBody: takesBody(declaration.body),
    isBodyOptional: declaration.body.safeParse(undefined).success,
    invalidCode: declaration.invalidCode,
    hasExports: declaration.exports !== undefined,
    answersOneResource,
    responses,
    operation: operationOf(declaration),
    answer: (request, ctx) => answerTo(declaration, request, ctx),
  };
}

function answerTo<Ctx, P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, E extends z.ZodObject>(
  declaration: RouteDeclaration<Ctx, P, Q, B, E>,
  request: IncomingRequest,
  ctx: Ctx,
): Promise<Reply> {
  const { params, exports, spellings } = declaration;
  if (exports === undefined || request.format === 'json') {
    const asked = parsed(declaration, request);
    request.admit(declaration.weight?.(asked, ctx) ?? 'light');
    return declaration.handler(asked, ctx);
  }
  const { operationId } = declaration;
  const schemas = { operationId, params, query: exports.query, body: noBody, ...(spellings && { spellings }) };
  const asked = parsed(schemas, request);
  request.admit('heavy');
  return exports.handler(asked, ctx, request.format);
}

function parsed<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
  schemas: Pick<
    RouteDeclaration<never, Params, Query, Body, z.ZodObject>,
    'operationId' | 'params' | 'query' | 'body' | 'spellings' | 'changes' | 'isRepeatable'
  >,
  request: IncomingRequest,
): ParsedRequest<z.output<Params>, z.output<Query>, z.output<Body>> {
  const { principal, scope, requestId, url, headers } = request;
  const { operationId, changes = operationId, isRepeatable = false } = schemas;
  const sent = {
    path: { ...request.params },
    query: { ...parseQueryString(searchOf(url), schemas.spellings) },
    body: request.body,
  };
  const params = schemas.params.safeParse(sent.path);
  const query = schemas.query.safeParse(sent.query);
  const body = schemas.body.safeParse(takesBody(schemas.body) ? sent.body : undefined);
  if (params.success && query.success && body.success) {
    return {
      params: params.data,
      query: query.data,
      body: body.data,
      principal,
      scope,
      requestId,
      url,
      precondition: preconditionOf(headers.ifMatch, changes, scope.organisations),
      repetition: isRepeatable
        ? repetitionOf(headers.idempotencyKey, operationId, { params: params.data, body: body.data })
        : undefined,
    };
  }
  throw new InvalidRequestError([
    ...complaintsAbout(params, 'path', sent.path),
    ...complaintsAbout(query, 'query', sent.query),
    ...complaintsAbout(body, 'body', sent.body),
  ]);
}

function takesBody(body: z.ZodType): boolean {
  return body !== noBody;
}

function complaintsAbout(result: z.ZodSafeParseResult<unknown>, part: RequestPart, sent: unknown): RequestIssue[] {
  return result.success ? [] : issuesOf(result.error, part, sent);
}

/** By what an operation lets itself be told who asks. */
export function credentialsOf({
  capability,
  apiKeyScope = null,
}: {
  readonly capability: Capability | null;
  readonly apiKeyScope?: ApiKeyScope | null;
}): Credentials {
  if (apiKeyScope === null) return 'token';
  return capability === null ? 'api-key' : 'either';
}

function operationOf<Ctx, P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, E extends z.ZodObject>(
  declaration: RouteDeclaration<Ctx, P, Q, B, E>,
): OperationDescription {
  const { surface, operationId, method, path, summary, description, tag, params, body, exports } = declaration;
  const [query, responses] =
    exports === undefined
      ? [declaration.query, declaration.responses]
      : [z.strictObject({ ...declaration.query.shape, ...exports.query.shape }), withExports(declaration.responses)];
  return {
    operationId,
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    tag,
    params,
    query,
    headers: headersOf(declaration),
    credentials: credentialsOf(declaration),
    ...(takesBody(body) ? { body } : {}),
    responses: {
      ...answersOf({ ...declaration, responses }),
      ...refusalsOf(surface, {
        namesOneThing: path.includes('{'),
        hasBody: takesBody(body),
        isConditional: declaration.changes !== undefined,
      }),
    },
  };
}

function headersOf({
  answersOneResource = false,
  changes,
  isRepeatable = false,
}: {
  readonly answersOneResource?: boolean;
  readonly changes?: string;
  readonly isRepeatable?: boolean;
}): z.ZodObject {
  return z.object({
    ...(answersOneResource ? conditionalHeaders : organisationHeader).shape,
    ...(changes === undefined ? {} : ifMatchHeader.shape),
    ...(isRepeatable ? idempotencyKeyHeader.shape : {}),
  });
}

function answersOf({
  responses,
  answersOneResource = false,
}: {
  readonly responses: Readonly<Record<number, ResponseDescription>>;
  readonly answersOneResource?: boolean;
}): Record<number, ResponseDescription> {
  const common = { ...RATE_LIMIT_HEADERS, ...(answersOneResource ? RESOURCE_HEADERS : {}) };
  const described = Object.entries(responses).map(([status, one]): [string, ResponseDescription] => [
    status,
    { ...one, headers: { ...one.headers, ...common } },
  ]);
  return {
    ...Object.fromEntries(described),
    ...(answersOneResource
      ? { 304: { description: 'If-None-Match names what would be answered.', headers: common } }
      : {}),
  };
}

function withExports(responses: Readonly<Record<number, ResponseDescription>>): Record<number, ResponseDescription> {
  const otherForms = { [MEDIA_TYPES.csv]: csvText, [MEDIA_TYPES.ndjson]: ndjsonText };
  return Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [status, { ...response, otherForms }]),
  );
}

const CHECKPOINTS = 'cursor is empty but for lines after which the export can be taken up again.';
const csvText = z.string().meta({ description: `All rows, a header line first, streamed. ${CHECKPOINTS}` });
const ndjsonText = z.string().meta({ description: `All rows, one JSON object per line, streamed. ${CHECKPOINTS}` });

function refusalsOf(
  { invalidStatus, errorSchemas, errorContentType: contentType }: Surface,
  {
    namesOneThing,
    hasBody,
    isConditional,
  }: { readonly namesOneThing: boolean; readonly hasBody: boolean; readonly isConditional: boolean },
): Record<number, ResponseDescription> {
  const other = (description: string): ResponseDescription => ({
    description,
    schema: errorSchemas.other,
    contentType,
  });
  return {
    [invalidStatus]: {
      description: 'The request breaks a rule; every complaint is listed.',
      schema: errorSchemas.invalid,
      contentType,
    },
    401: other('Neither a valid token nor a valid API key, whichever is taken.'),
    403: other('What was shown does not allow this.'),
    ...(namesOneThing ? { 404: other("Not there, or another organisation's.") } : {}),
    406: other('No form of the answer suits the Accept header.'),
    ...(isConditional ? { 412: other('If-Match names something else than what is there.') } : {}),
    ...(hasBody ? { 413: other('Body too large.'), 415: other('Body not application/json.') } : {}),
    429: {
      ...other('More requests than the quota allows.'),
      headers: { ...RATE_LIMIT_HEADERS, ...RETRY_AFTER_HEADER },
    },
    500: other('Our fault.'),
    503: {
      ...other('A part that this needs is out of reach, or too much is asked at once.'),
      headers: RETRY_AFTER_HEADER,
    },
  };
}
