import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createProxyServer } from 'httpxy';
import {
  maxBodyBytesOf,
  ownSurface,
  pathAndQueryOf,
  requestIdOr,
  RETRY_AFTER_SECONDS,
  SURFACES,
} from '@quarterhour/http';
import type { Refusal, Surface } from '@quarterhour/http';
import { readiness, type HealthCheck, type Logger } from '@quarterhour/runtime';
import { APPS, createRouter, type App, type Destination, type RouteMap } from './route-map.js';

/** What the gateway needs. */
export interface GatewayOptions {
  readonly map: RouteMap;
  /** Where each process is: `http://127.0.0.1:8080`. */
  readonly addresses: Readonly<Record<App, string>>;
  readonly log: Logger;
}

/** Whoever reads nothing for so long, or is sent nothing by a process, is given up. */
export const SILENCE_MS = 60_000;
/** The processes take two seconds to find out whether they are ready. */
const READINESS_TIMEOUT_MS = 4_000;
/** What a client says about itself on the way to us, and about its connection to us, is not said to the processes. */
export const DROPPED_HEADERS = [
  'forwarded',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

/**
 * Makes one address out of the processes: hands each request to the one that answers it, streaming both ways, and says on
 * its behalf when it is out of reach. What nobody answers is refused here, in the shape of its surface. Of the pages beside
 * the surfaces it has `/docs`, `/healthz` and `/readyz`, which is ready when all processes are.
 */
export function createGateway({ map, addresses, log }: GatewayOptions): RequestListener {
  const route = createRouter(map);
  const pass = createPass(addresses, log);
  const checks = APPS.map((app) => readinessOf(app, addresses[app]));
  return (req, res) => {
    const target = pathAndQueryOf(req.url ?? '/');
    const [path = ''] = target.split('?', 1);
    const destination = pageOf(req.method ?? '', path) ?? route(req.method ?? '', path);
    switch (destination.kind) {
      case 'health':
        sendJson(res, 200, 'application/json', { status: 'ok' });
        return;
      case 'readiness':
        void readiness(checks, READINESS_TIMEOUT_MS).then(({ ok, checks: found }) =>
          sendJson(res, ok ? 200 : 503, 'application/json', { status: ok ? 'ready' : 'not ready', checks: found }),
        );
        return;
      case 'app':
        req.url = target;
        void pass(req, res, destination.app, path);
        return;
      case 'other-methods':
        refuse(req, res, path, { kind: 'method-not-allowed', allow: destination.allow });
        return;
      case 'nowhere':
        refuse(req, res, path, { kind: 'not-found' });
        return;
    }
  };
}

/** The process that shows the reference; any of them shows all of it. */
export const DOCS_APP: App = 'read-api';

function pageOf(
  method: string,
  path: string,
): Destination | { readonly kind: 'health' } | { readonly kind: 'readiness' } | undefined {
  if (path === '/docs' || path.startsWith('/docs/')) return { kind: 'app', app: DOCS_APP };
  if (path !== '/healthz' && path !== '/readyz') return undefined;
  if (method !== 'GET' && method !== 'HEAD') return { kind: 'other-methods', allow: ['GET', 'HEAD'] };
  return { kind: path === '/healthz' ? 'health' : 'readiness' };
}

type Pass = (req: IncomingMessage, res: ServerResponse, app: App, path: string) => Promise<void>;

/**
 * Each request has a connection of its own to its process, which we close: on one that is used again a request may meet its
 * end, and nobody knows then whether it was read.
 */
function createPass(addresses: Readonly<Record<App, string>>, log: Logger): Pass {
  const agent = new Agent({ keepAlive: false });
  const proxy = createProxyServer({ agent, proxyTimeout: SILENCE_MS });
  proxy.on('proxyRes', ({ headers }) => {
    delete headers.connection;
    delete headers['keep-alive'];
  });
  return async (req, res, app, path) => {
    try {
      const body = await bodyOf(req, maxBodyBytesOf(surfaceAt(path)));
      if (body === 'too-large') {
        refuse(req, res, path, { kind: 'too-large' });
        return;
      }
      for (const name of DROPPED_HEADERS) Reflect.deleteProperty(req.headers, name);
      const headers = {
        connection: 'keep-alive',
        'x-forwarded-for': req.socket.remoteAddress ?? '',
        ...(body === undefined ? {} : { 'content-length': String(body.length) }),
      };
      await proxy.web(req, res, {
        target: addresses[app],
        headers,
        ...(body === undefined ? {} : { buffer: Readable.from([body]) }),
      });
    } catch (error) {
      if (res.destroyed) return;
      log.error({ app, path, err: error }, 'a process did not answer');
      if (res.headersSent) res.destroy();
      else refuse(req, res, path, { kind: 'unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
  };
}

/**
 * The whole body; undefined when there is none. No process is troubled with half a body, and one that refuses early never
 * loses its answer to bytes that are still on their way.
 */
async function bodyOf(req: IncomingMessage, maxBytes: number): Promise<Buffer | 'too-large' | undefined> {
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers;
  if (length === undefined && coding === undefined) return undefined;
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    req.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= maxBytes) pieces.push(piece);
      else resolve('too-large');
    });
    req.once('end', () => resolve(Buffer.concat(pieces)));
    req.once('error', reject);
  });
}

function readinessOf(app: App, address: string): HealthCheck {
  return {
    name: app,
    async check() {
      const response = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(READINESS_TIMEOUT_MS) });
      const detail: unknown = await response.json();
      return { ok: response.ok, detail: { found: detail } };
    },
  };
}

function refuse(req: IncomingMessage, res: ServerResponse, path: string, refusal: Refusal): void {
  const offered = req.headers['x-request-id'];
  const requestId = requestIdOr(typeof offered === 'string' ? offered : undefined, randomUUID);
  const { status, contentType, headers, body } = surfaceAt(path).present(refusal, requestId);
  for (const [name, value] of Object.entries({ ...headers, 'x-request-id': requestId })) res.setHeader(name, value);
  sendJson(res, status, contentType, body);
}

function surfaceAt(path: string): Surface {
  return SURFACES.find(({ basePath }) => path === basePath || path.startsWith(`${basePath}/`)) ?? ownSurface;
}

function sendJson(res: ServerResponse, status: number, contentType: string, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, {
    'content-type': `${contentType}; charset=utf-8`,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(bytes);
}
