import express from 'express';
import type { Express, Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { Clock, HealthCheck, Logger, Metrics } from '@quarterhour/runtime';
import { accessLog } from './access-log.js';
import { createAdmission, Place } from './admission.js';
import type { Admission, Weight } from './admission.js';
import type { ApiKeyVerifier } from './api-key-verifier.js';
import { authenticate } from './authenticate.js';
import { compressAnswers } from './compress.js';
import { docsRouter } from './docs.js';
import type { DocsOptions } from './docs.js';
import { entityTagOf, matchingTag, tagCodings } from './entity-tag.js';
import { errorResponder } from './error-responder.js';
import type { ErrorClassifier } from './error-responder.js';
import { keepNumbers, refuseInexactNumbers } from './exact-numbers.js';
import { beginExchange, exchangeOf } from './exchange.js';
import { formatFor } from './formats.js';
import { healthRouter } from './health.js';
import { surfacesOf } from './openapi.js';
import type { EventLoopWatch } from './overload.js';
import { refuseOtherMethods } from './pages.js';
import type { ProtectionSettings } from './protection.js';
import { createRateLimits, RATE_LIMITS } from './rate-limits.js';
import type { RateLimits } from './rate-limits.js';
import { RequestRefused } from './refusal.js';
import type { Reply, StreamedReply, TextReply } from './reply.js';
import { isAllowed } from './roles.js';
import { RouteDeclarationError } from './route.js';
import type { Route } from './route.js';
import { scopeOf } from './scope.js';
import type { Scope } from './scope.js';
import { sendChunks } from './send-chunks.js';
import { maxBodyBytesOf } from './surface.js';
import type { Surface } from './surface.js';
import { ownSurface } from './surfaces/own.js';
import type { Principal, TokenVerifier } from './token.js';

/** What {@link createApi} needs. */
export interface ApiOptions<Ctx> {
  readonly routes: readonly Route<Ctx>[];
  /** Handed to every handler. */
  readonly context: Ctx;
  readonly verifier: TokenVerifier;
  /** Needed where a route takes API keys. */
  readonly apiKeys?: ApiKeyVerifier;
  readonly classifyError: ErrorClassifier;
  /** Id under which data without an organisation is kept. */
  readonly unownedOrganisation: string;
  readonly checks: readonly HealthCheck[];
  readonly docs: DocsOptions;
  readonly protection: ProtectionSettings;
  readonly eventLoop: Pick<EventLoopWatch, 'delayMs'>;
  /** How many transactions wait for a connection. */
  readonly databaseQueue: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** What every route passes, made once. */
interface Gates {
  authenticate(route: Route<never>): RequestHandler;
  readonly limits: RateLimits;
  readonly admission: Admission;
}

/**
 * Builds the Express app of an API from its routes: authentication, authorisation, parsing, answers, errors, health pages
 * and `/docs`. Nothing is served that is not declared, every declared operation asks for its capability, and all but the
 * health pages is limited.
 *
 * @throws RouteDeclarationError when two routes share method and path, or an operation id, or one takes API keys and nobody
 *   verifies them
 */
export function createApi<Ctx>(options: ApiOptions<Ctx>): Express {
  const { routes, log, metrics, clock, protection } = options;
  assertDistinct(routes);
  assertVerified(routes, options.apiKeys);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', protection.trustedProxies);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);

  app.use(beginExchange());
  app.use(accessLog({ log, metrics, clock, operations: routes.map(({ operationId }) => operationId) }));
  app.use(securityHeaders());
  app.use(healthRouter(options.checks, metrics));
  app.use(tagCodings());
  app.use(compressAnswers());
  const gates = gatesOf(options);
  const { address } = gates.limits;
  app.use(docsRouter(surfacesOf(routes), routes, options.docs, address));
  for (const [path, sharing] of routesByPath(routes)) mount(app, path, sharing, options, gates);
  app.use(address, () => {
    throw new RequestRefused({ kind: 'not-found' });
  });
  app.use(errorResponder({ log, classifyError: options.classifyError, surfaceOf: surfaceFinder(surfacesOf(routes)) }));
  return app;
}

function gatesOf<Ctx>(options: ApiOptions<Ctx>): Gates {
  const { protection, eventLoop, databaseQueue, verifier, apiKeys, metrics } = options;
  const limits = createRateLimits(
    protection.rates,
    metrics.counter({
      name: 'quarterhour_http_rate_limited_total',
      help: 'Requests refused with 429, by the limit that they met.',
      labels: { limit: RATE_LIMITS },
    }),
  );
  const pressure = { eventLoopDelayMs: () => eventLoop.delayMs(), databaseQueue };
  return {
    limits,
    authenticate: (route) => authenticate(route, { verifier, apiKeys, limits }),
    admission: createAdmission({ limits: protection.heavyReads, pressure, metrics }),
  };
}

function assertDistinct(routes: readonly Pick<Route<never>, 'operationId' | 'method' | 'path' | 'surface'>[]): void {
  const seen = new Set<string>();
  for (const { operationId, method, path, surface } of routes) {
    for (const name of [operationId, `${method} ${surface.basePath}${path}`]) {
      if (seen.has(name)) throw new RouteDeclarationError(`${name} is declared twice`);
      seen.add(name);
    }
  }
}

function assertVerified(routes: readonly Route<never>[], apiKeys: ApiKeyVerifier | undefined): void {
  const unverified = routes.find(({ apiKeyScope }) => apiKeyScope !== null && apiKeys === undefined);
  if (unverified === undefined) return;
  throw new RouteDeclarationError(`${unverified.operationId} takes API keys, and nobody verifies them`);
}

/** API answers run nothing, so their policy allows nothing; `/docs` sets its own. */
function securityHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
  });
}

function routesByPath<Ctx>(routes: readonly Route<Ctx>[]): Map<string, Route<Ctx>[]> {
  const paths = new Map<string, Route<Ctx>[]>();
  for (const route of routes) {
    const path = `${route.surface.basePath}${route.path}`;
    paths.set(path, [...(paths.get(path) ?? []), route]);
  }
  return paths;
}

function mount<Ctx>(
  app: Express,
  path: string,
  routes: readonly Route<Ctx>[],
  options: ApiOptions<Ctx>,
  gates: Gates,
): void {
  const address = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
  for (const route of routes) {
    const steps = [
      begin(route, gates.admission),
      gates.authenticate(route),
      authorise(route),
      ...(route.hasBody ? [requireJson(route), jsonBody(route.surface), refuseInexactNumbers()] : []),
      answer(route, options, gates.admission),
    ];
    address[route.method](...steps);
  }
  const allow = routes.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
  address.all(gates.limits.address, refuseOtherMethods(allow));
}

function begin<Ctx>({ operationId, invalidCode }: Route<Ctx>, admission: Admission): RequestHandler {
  return (req, _res, next) => {
    Object.assign(exchangeOf(req), { operationId, invalidCode });
    admission.admitAny();
    next();
  };
}

function authorise<Ctx>(route: Route<Ctx>): RequestHandler {
  const { hasExports } = route;
  return (req, res, next) => {
    if (!mayAsk(principalOf(req), route)) throw new RequestRefused({ kind: 'forbidden' });
    if (hasExports) res.vary('Accept');
    exchangeOf(req).format = formatFor(req, hasExports);
    next();
  };
}

function mayAsk({ roles, apiKey }: Principal, { capability, apiKeyScope }: Route<never>): boolean {
  if (apiKey === undefined) return isAllowed(roles, capability);
  return apiKeyScope !== null && apiKey.scopes.includes(apiKeyScope);
}

function principalOf(req: Request): Principal {
  const { principal } = exchangeOf(req);
  if (principal === undefined) throw new RequestRefused({ kind: 'unauthenticated', isTokenInvalid: false });
  return principal;
}

function requireJson<Ctx>({ isBodyOptional }: Route<Ctx>): RequestHandler {
  return (req, _res, next) => {
    const found = req.is('application/json');
    const isJson = found === 'application/json' && isUtf8(req.get('content-type') ?? '');
    const isLeftOut = isBodyOptional && (found === null || req.get('content-length') === '0');
    if (!isJson && !isLeftOut) throw new RequestRefused({ kind: 'unsupported-media-type' });
    next();
  };
}

function isUtf8(contentType: string): boolean {
  const [, charset = 'utf-8'] = /;\s*charset="?([^";\s]*)/i.exec(contentType) ?? [];
  return charset.toLowerCase() === 'utf-8';
}

function jsonBody(surface: Surface): RequestHandler {
  return express.json({ limit: maxBodyBytesOf(surface), strict: true, inflate: false, verify: keepNumbers });
}

function answer<Ctx>(
  route: Route<Ctx>,
  { context, unownedOrganisation, log }: ApiOptions<Ctx>,
  admission: Admission,
): RequestHandler {
  return async (req, res) => {
    const { requestId, target, format } = exchangeOf(req);
    const principal = principalOf(req);
    const scope = scopeOf(principal, {
      organisationHeader: req.get('x-org-id'),
      namesOneThing: route.namesOneThing,
      unownedOrganisation,
    });
    const body: unknown = req.body;
    const place = new Place(admission, scope.owners);
    const admit = (weight: Weight): void => place.admit(weight);
    const headers = { ifMatch: req.get('if-match'), idempotencyKey: req.get('idempotency-key') };
    const incoming = { params: req.params, body, headers, principal, scope, requestId, url: target, format, admit };
    try {
      const reply = await route.answer(incoming, context);
      if ('chunks' in reply) await sendLines(req, res, reply, log);
      else sendText(res, route.answersOneResource ? conditional(req, route, scope, reply) : reply);
    } finally {
      place.leaveAfter(req, res);
    }
  };
}

const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

/** A caller may keep one resource, and asks each time whether it still has the right one. */
function conditional<Ctx>(req: Request, { operationId }: Route<Ctx>, scope: Scope, reply: TextReply): TextReply {
  const tag = entityTagOf(operationId, scope.organisations, reply.text);
  const held = matchingTag(req.get('if-none-match'), tag);
  const headers = {
    ...reply.headers,
    etag: held ?? tag,
    'cache-control': 'private, no-cache',
    vary: 'Accept-Encoding',
  };
  return held === undefined ? { ...reply, headers } : { ...reply, status: NOT_MODIFIED, headers, text: '' };
}

/** Not by Express' `send`, which answers 304 by a rule of its own, also to `If-None-Match: *` of a list. */
function sendText(res: Response, reply: TextReply): void {
  writeHead(res, reply);
  if (reply.status === NOT_MODIFIED || reply.status === NO_CONTENT) {
    res.end();
    return;
  }
  const bytes = Buffer.from(reply.text);
  res.type(reply.contentType).set('content-length', String(bytes.length)).end(bytes);
}

async function sendLines(req: Request, res: Response, reply: StreamedReply, log: Logger): Promise<void> {
  writeHead(res, reply);
  res.type(reply.contentType);
  await sendChunks(req, res, reply, log);
}

function writeHead(res: Response, { status, headers }: Reply): void {
  res.status(status).set({ 'cache-control': 'no-store', ...headers });
}

function surfaceFinder(surfaces: readonly Surface[]): (path: string) => Surface {
  return (path) => surfaces.find(({ basePath }) => isBelow(path, basePath)) ?? ownSurface;
}

function isBelow(path: string, basePath: string): boolean {
  return path === basePath || path.startsWith(`${basePath}/`) || path.startsWith(`${basePath}?`);
}
