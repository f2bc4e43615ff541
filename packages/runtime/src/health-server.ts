import { createServer } from 'node:http';
import type { RequestListener, Server, ServerResponse } from 'node:http';
import { readiness } from './health.js';
import type { HealthCheck } from './health.js';
import type { Metrics } from './metrics.js';

/** What {@link startHealthServer} needs. */
export interface HealthServerOptions {
  /** Address to listen on; loopback unless the network around is trusted. */
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** Asked anew by every request for `/readyz`. */
  checks: readonly HealthCheck[];
  metrics: Metrics;
}

/** A health page that listens. */
export interface HealthServer {
  /** The port in use. */
  port: number;
  /** `http://host:port` */
  url: string;
  /** Stops at once, cutting open connections. */
  close(): Promise<void>;
}

/**
 * Serves three pages over plain HTTP: `/healthz` (200 while the process runs its event loop), `/readyz` (200 when every
 * check is ok, else 503, with each check's answer) and `/metrics` (Prometheus text). Anything else is 404, another method
 * than GET or HEAD 405.
 *
 * @throws the listening socket's error, for example `EADDRINUSE`
 */
export async function startHealthServer({ host, port, checks, metrics }: HealthServerOptions): Promise<HealthServer> {
  const server = createServer(
    {
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 5_000,
      maxHeaderSize: 16_384,
      requireHostHeader: true,
    },
    answer(checks, metrics),
  );
  server.maxHeadersCount = 100;
  server.maxRequestsPerSocket = 1_000;
  server.maxConnections = 100;
  const usedPort = await listen(server, host, port);
  return {
    port: usedPort,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${usedPort}`,
    close: () => close(server),
  };
}

function answer(checks: readonly HealthCheck[], metrics: Metrics): RequestListener {
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    '/healthz': () => Promise.resolve(json(200, { status: 'ok', uptimeSeconds: Math.floor(process.uptime()) })),
    '/readyz': async () => {
      const { ok, checks: reports } = await readiness(checks);
      return json(ok ? 200 : 503, { status: ok ? 'ready' : 'not ready', checks: reports });
    },
    '/metrics': async () => ({ status: 200, contentType: metrics.contentType, text: await metrics.render() }),
  };
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined) send(response, json(404, { error: 'not found' }));
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      send(response, json(405, { error: 'method not allowed' }));
    } else {
      page().then(
        (found) => send(response, found),
        () => send(response, json(500, { error: 'internal error' })),
      );
    }
  };
}

interface Page {
  status: number;
  contentType: string;
  text: string;
}

function json(status: number, body: unknown): Page {
  return { status, contentType: 'application/json; charset=utf-8', text: `${JSON.stringify(body)}\n` };
}

function send(response: ServerResponse, { status, contentType, text }: Page): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
