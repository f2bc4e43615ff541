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
  /** How long a connection may be idle, in milliseconds. Default 5,000. */
  readonly idleTimeoutMs?: number;
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
/** Node looks once more before it calls a socket that is written to still; so it is twice this at the most. */
const STILL_SOCKET_MS = 15_000;
const CHECK_EVERY_MS = 1_000;
/** Room for 500 asset ids of the longest form in the address. */
const MAX_HEAD_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;
/** What is left of the head for the address when the headers are as long as they may be. */
const MAX_TARGET_BYTES = MAX_HEAD_BYTES - MAX_HEADER_BYTES;
const MAX_HEADERS = 100;
const MAX_REQUESTS_PER_CONNECTION = 1_000;
/** Requests on one connection that are not answered yet. */
const MAX_PIPELINED = 16;
const MAX_CONNECTIONS = 2_000;
/** Room for connections that are being closed, and for answers in hand. */
const SPARE_CONNECTIONS = 200;
const CLOSE_BUDGET_MS = 8_000;

/**
 * Serves an app with limits against slow and oversized clients: an address of at most 48 KiB, 100 headers of 16 KiB
 * together, all of it within 5 s; the request within 10 s; an answer of which nothing is read is given up within 30 s, an
 * idle connection after 5 s. A connection may have 16 requests in hand and serves 1,000. Beyond 2,000 connections the
 * oldest without a request in hand gives way.
 *
 * @throws the listening socket's error, for example `EADDRINUSE`
 */
export async function listen(app: RequestListener, options: ListenOptions): Promise<Listener> {
  const { host, port, closeBudgetMs = CLOSE_BUDGET_MS, idleTimeoutMs = IDLE_TIMEOUT_MS } = options;
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: idleTimeoutMs,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: true,
  });
  server.timeout = STILL_SOCKET_MS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.maxConnections = MAX_CONNECTIONS + SPARE_CONNECTIONS;
  const connections = trackConnections(server);
  server.on('request', withBounds(app, connections));
  server.on('timeout', (socket: Socket) => cutUnlessWorking(socket, connections));
  await listening(server, host, port);
  const usedPort = portOf(server);
  return {
    port: usedPort,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${usedPort}`,
    close: () => closeGracefully(server, connections, closeBudgetMs),
  };
}

/** Node bounds the address and the headers together only, leaves out headers beyond a number in silence, and takes any Host. */
function withBounds(app: RequestListener, connections: Connections): RequestListener {
  return (request, response) => {
    const isPipelining = connections.inHand(request.socket) > MAX_PIPELINED;
    const status = isPipelining ? 429 : refusalOfHead(request);
    if (status === undefined) app(request, response);
    else response.writeHead(status, { connection: 'close', ...(isPipelining ? { 'retry-after': '1' } : {}) }).end();
  };
}

function refusalOfHead({ url = '', rawHeaders, headersDistinct }: IncomingMessage): 400 | 414 | 431 | undefined {
  if (url.length > MAX_TARGET_BYTES) return 414;
  if (rawHeaders.length > 2 * MAX_HEADERS) return 431;
  if (rawHeaders.reduce((bytes, text) => bytes + text.length, 0) > MAX_HEADER_BYTES) return 431;
  return (headersDistinct['host']?.length ?? 0) > 1 ? 400 : undefined;
}

/** Nothing to send and a request in hand: the answer is being made, for which others set the time. */
function cutUnlessWorking(socket: Socket, connections: Connections): void {
  if (socket.writableLength === 0 && connections.inHand(socket) > 0) socket.setTimeout(STILL_SOCKET_MS);
  else socket.destroy();
}

interface Connections {
  /** Requests of a connection that are not answered yet. */
  inHand(socket: Socket): number;
  /** Ends connections without an answer in hand now, and the others after their answers. */
  drain(): void;
}

/**
 * Node's own notion of idle leaves out connections that never sent a request. Of too many connections the oldest idle one
 * is given up: sockets that are opened and left standing push out each other, not somebody who comes to ask.
 */
function trackConnections(server: Server): Connections {
  const open = new Map<Socket, number>();
  const inHand = (socket: Socket): number => open.get(socket) ?? 0;
  let isDraining = false;
  server.on('connection', (socket: Socket) => {
    open.set(socket, 0);
    socket.once('close', () => open.delete(socket));
    if (open.size > MAX_CONNECTIONS) oldestIdle(open)?.destroy();
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    open.set(socket, inHand(socket) + 1);
    response.once('close', () => {
      if (open.has(socket)) open.set(socket, inHand(socket) - 1);
      if (isDraining && inHand(socket) === 0) socket.destroySoon();
    });
  });
  return {
    inHand,
    drain() {
      isDraining = true;
      for (const [socket, unanswered] of open) if (unanswered === 0) socket.destroySoon();
    },
  };
}

function oldestIdle(open: ReadonlyMap<Socket, number>): Socket | undefined {
  for (const [socket, unanswered] of open) if (unanswered === 0) return socket;
  return undefined;
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
