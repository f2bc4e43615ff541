import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Where to listen. */
export interface ListenOptions {
  /** Host name or address; loopback unless something in front takes care of TLS. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** How long answers in hand may take when closing, in milliseconds. Default 8,000. */
  readonly closeBudgetMs?: number;
}

/** A listening server. */
export interface Listener {
  readonly port: number;
  /** Base of every address: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Takes no more, lets answers in hand finish within the budget, then cuts what is left. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 5_000;
const STALLED_SOCKET_MS = 30_000;
const CHECK_EVERY_MS = 1_000;
/** Room for 500 asset ids of the longest form in the address. */
const MAX_HEAD_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 100;
const MAX_REQUESTS_PER_CONNECTION = 1_000;
const MAX_CONNECTIONS = 2_000;
const CLOSE_BUDGET_MS = 8_000;

/**
 * Serves an app with limits against slow and oversized clients: at most 100 headers of 16 KiB together, with the address
 * 64 KiB, all of it within 5 s; the request within 10 s, an unread answer 30 s, an idle connection 5 s.
 *
 * @throws the listening socket's error, for example `EADDRINUSE`
 */
export async function listen(app: RequestListener, options: ListenOptions): Promise<Listener> {
  const { host, port, closeBudgetMs = CLOSE_BUDGET_MS } = options;
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
      requireHostHeader: true,
    },
    withBoundedHeaders(app),
  );
  server.timeout = STALLED_SOCKET_MS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.maxConnections = MAX_CONNECTIONS;
  const connections = trackConnections(server);
  await listening(server, host, port);
  const usedPort = portOf(server);
  return {
    port: usedPort,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${usedPort}`,
    close: () => closeGracefully(server, connections, closeBudgetMs),
  };
}

/** Node bounds the address and the headers together only, leaves out headers beyond a number in silence, and takes any Host. */
function withBoundedHeaders(app: RequestListener): RequestListener {
  return (request, response) => {
    const status = refusalOfHeaders(request);
    if (status === undefined) app(request, response);
    else response.writeHead(status, { connection: 'close' }).end();
  };
}

function refusalOfHeaders({ rawHeaders, headersDistinct }: IncomingMessage): 400 | 431 | undefined {
  if (rawHeaders.length > 2 * MAX_HEADERS) return 431;
  if (rawHeaders.reduce((bytes, text) => bytes + text.length, 0) > MAX_HEADER_BYTES) return 431;
  return (headersDistinct['host']?.length ?? 0) > 1 ? 400 : undefined;
}

interface Connections {
  /** Ends connections without an answer in hand now, and the others after their answer. */
  drain(): void;
}

/** Node's own notion of idle leaves out connections that never sent a request. */
function trackConnections(server: Server): Connections {
  const open = new Set<Socket>();
  const answering = new Set<Socket>();
  let isDraining = false;
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    answering.add(socket);
    response.once('close', () => {
      answering.delete(socket);
      if (isDraining) socket.destroySoon();
    });
  });
  return {
    drain() {
      isDraining = true;
      for (const socket of open) if (!answering.has(socket)) socket.destroySoon();
    },
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new TypeError('the server does not listen on a port');
  return address.port;
}

function closeGracefully(server: Server, connections: Connections, budgetMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), budgetMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    connections.drain();
  });
}
