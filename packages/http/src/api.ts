import express from 'express';
import type { Express, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { Clock, HealthCheck, Logger, Metrics } from '@quarterhour/runtime';
import { accessLog } from './access-log.js';
import { docsRouter } from './docs.js';
import type { DocsOptions } from './docs.js';
import { errorResponder } from './error-responder.js';
import type { ErrorClassifier } from './error-responder.js';
import { beginExchange, exchangeOf } from './exchange.js';
import { formatFor } from './formats.js';
import { healthRouter } from './health.js';
import { surfacesOf } from './openapi.js';
import { refuseOtherMethods } from './pages.js';
import { RequestRefused } from './refusal.js';
import type { Reply } from './reply.js';
import { isAllowed } from './roles.js';
import { RouteDeclarationError } from './route.js';
import type { Route } from './route.js';
import { scopeOf } from './scope.js';
import { sendChunks } from './send-chunks.js';
import type { Surface } from './surface.js';
import { ownSurface } from './surfaces/own.js';
import type { TokenVerifier } from './token.js';

/** What {@link createApi} needs. */
export interface ApiOptions<Ctx> {
  readonly routes: readonly Route<Ctx>[];
  /** Handed to every handler. */
  readonly context: Ctx;
  readonly verifier: TokenVerifier;
  readonly classifyError: ErrorClassifier;
  /** Id under which data without an organisation is kept. */
  readonly unownedOrganisation: string;
  readonly checks: readonly HealthCheck[];
  readonly docs: DocsOptions;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Largest request body, in bytes. */
export const MAX_BODY_BYTES = 262_144;

/**
 * Builds the Express app of an API from its routes: authentication, authorisation, parsing, answers, errors, health pages
 * and `/docs`. Nothing is served that is not declared, and every declared operation asks for its capability.
 *
 * @throws RouteDeclarationError when two routes share method and path, or an operation id
 */
export function createApi<Ctx>(options: ApiOptions<Ctx>): Express {
  const { routes, log, metrics, clock } = options;
  assertDistinct(routes);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);

  app.use(beginExchange());
  app.use(accessLog({ log, metrics, clock, operations: routes.map(({ operationId }) => operationId) }));
  app.use(securityHeaders());
  app.use(healthRouter(options.checks, metrics));
  app.use(docsRouter(surfacesOf(routes), routes, options.docs));
  for (const [path, sharing] of routesByPath(routes)) mount(app, path, sharing, options);
  app.use(() => {
    throw new RequestRefused({ kind: 'not-found' });
  });
  app.use(errorResponder({ log, classifyError: options.classifyError, surfaceOf: surfaceFinder(surfacesOf(routes)) }));
  return app;
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

function mount<Ctx>(app: Express, path: string, routes: readonly Route<Ctx>[], options: ApiOptions<Ctx>): void {
  const address = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
  for (const route of routes) {
    const steps = [
      authorise(route, options),
      ...(route.hasBody ? [requireJson, jsonBody()] : []),
      answer(route, options),
    ];
    address[route.method](...steps);
  }
  const allow = routes.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
  address.all(refuseOtherMethods(allow));
}

function authorise<Ctx>(route: Route<Ctx>, { verifier }: ApiOptions<Ctx>): RequestHandler {
  return async (req, res, next) => {
    const exchange = exchangeOf(req);
    exchange.operationId = route.operationId;
    const principal = await verifier.verify(req.get('authorization'));
    exchange.principal = principal;
    if (!isAllowed(principal.roles, route.capability)) throw new RequestRefused({ kind: 'forbidden' });
    if (route.hasExports) res.vary('Accept');
    exchange.format = formatFor(req, route.hasExports);
    next();
  };
}

const requireJson: RequestHandler = (req, _res, next) => {
  const isJson = req.is('application/json') === 'application/json';
  if (!isJson || !isUtf8(req.get('content-type') ?? '')) throw new RequestRefused({ kind: 'unsupported-media-type' });
  next();
};

function isUtf8(contentType: string): boolean {
  const [, charset = 'utf-8'] = /;\s*charset="?([^";\s]*)/i.exec(contentType) ?? [];
  return charset.toLowerCase() === 'utf-8';
}

function jsonBody(): RequestHandler {
  return express.json({ limit: MAX_BODY_BYTES, strict: true, inflate: false });
}

function answer<Ctx>(route: Route<Ctx>, { context, unownedOrganisation, log }: ApiOptions<Ctx>): RequestHandler {
  return async (req, res) => {
    const { requestId, target, principal, format } = exchangeOf(req);
    if (principal === undefined) throw new RequestRefused({ kind: 'unauthenticated', isTokenInvalid: false });
    const scope = scopeOf(principal, {
      organisationHeader: req.get('x-org-id'),
      namesOneThing: route.namesOneThing,
      unownedOrganisation,
    });
    const body: unknown = req.body;
    const incoming = { params: req.params, body, principal, scope, requestId, url: target, format };
    const reply = await route.answer(incoming, context);
    send(res, reply);
    if ('chunks' in reply) await sendChunks(req, res, reply, log);
  };
}

/** A text at once; of what is streamed, what comes before it. */
function send(res: Response, reply: Reply): void {
  const { status, contentType, headers } = reply;
  res
    .status(status)
    .set({ 'cache-control': 'no-store', ...headers })
    .type(contentType);
  if ('text' in reply) res.send(reply.text);
}

function surfaceFinder(surfaces: readonly Surface[]): (path: string) => Surface {
  return (path) => surfaces.find(({ basePath }) => isBelow(path, basePath)) ?? ownSurface;
}

function isBelow(path: string, basePath: string): boolean {
  return path === basePath || path.startsWith(`${basePath}/`) || path.startsWith(`${basePath}?`);
}
