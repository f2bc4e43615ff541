import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { sleep } from '@quarterhour/runtime';

/**
 * What a proxy does with connections.
 *
 * - `pass`: hands everything on
 * - `refuse`: resets whoever connects; what stands stays
 * - `black-hole`: takes everything and hands nothing on, without telling either side
 */
export type ProxyMode = 'pass' | 'refuse' | 'black-hole';

/** Looks at what passes on one connection, and may end the connection instead of handing the bytes on. */
export interface Tap {
  toServer(bytes: Buffer): 'pass' | 'cut';
  toClient(bytes: Buffer): 'pass' | 'cut';
}

export interface ProxyOptions {
  /** Ports on 127.0.0.1, the one to try first in front; asked anew for each connection. */
  readonly targets: () => readonly number[];
  readonly tap?: () => Tap;
}

/** How slowly bytes pass. */
export interface Slowness {
  readonly delayMs: number;
  /** Bytes are handed on in pieces of this size, each by itself. */
  readonly sliceBytes: number;
}

interface Link {
  readonly client: Socket;
  server: Socket | null;
  readonly tap: Tap | null;
  /** What was sent into a black hole is gone for good, so no later byte may be handed on. */
  isDoomed: boolean;
  isCut: boolean;
}

/** Stands between a client and a server on this machine, and misbehaves when told to. */
export class TcpProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #mode: ProxyMode = 'pass';
  #slowness: Slowness | null = null;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, allowHalfOpen: false }, (client) => void this.#take(client));
  }

  static async listen(options: ProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the proxy does not listen');
    return address.port;
  }

  /** Whether one of its connections is the one that a server sees coming from this port. */
  comesFrom(port: number): boolean {
    return [...this.#links].some(({ server }) => server?.localPort === port);
  }

  setMode(mode: ProxyMode): void {
    const wasHole = this.#mode === 'black-hole';
    this.#mode = mode;
    if (mode === 'black-hole') for (const link of this.#links) link.isDoomed = true;
    // The client's farewell comes through once there is a way again.
    if (wasHole && mode !== 'black-hole') {
      for (const link of [...this.#links]) if (link.client.destroyed) this.#cut(link);
    }
  }

  setSlowness(slowness: Slowness | null): void {
    this.#slowness = slowness;
  }

  /** Resets every connection, on both sides. @returns how many */
  cutAll(): number {
    const links = [...this.#links];
    for (const link of links) this.#cut(link);
    return links.length;
  }

  async close(): Promise<void> {
    this.#mode = 'refuse';
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cutAll();
    await closed;
  }

  async #take(client: Socket): Promise<void> {
    client.on('error', () => undefined);
    if (this.#mode === 'refuse') return void client.resetAndDestroy();
    const link: Link = {
      client,
      server: null,
      tap: this.#options.tap?.() ?? null,
      isDoomed: this.#mode === 'black-hole',
      isCut: false,
    };
    this.#links.add(link);
    client.on('close', () => this.#onClientClosed(link));
    if (link.isDoomed) return void client.resume();
    const server = await firstThatAnswers(this.#options.targets());
    if (server === null || link.isCut || client.destroyed) {
      server?.destroy();
      return this.#cut(link);
    }
    link.server = server;
    server.on('error', () => undefined);
    server.on('close', () => {
      if (!link.isDoomed) this.#cut(link);
    });
    client.on('data', (bytes) => void this.#pass(link, client, server, bytes));
    server.on('data', (bytes) => void this.#pass(link, server, client, bytes));
  }

  #onClientClosed(link: Link): void {
    if (link.isDoomed && this.#mode === 'black-hole') return;
    this.#cut(link);
  }

  async #pass(link: Link, from: Socket, to: Socket, bytes: Buffer): Promise<void> {
    if (link.isDoomed || link.isCut) return;
    const verdict = from === link.client ? link.tap?.toServer(bytes) : link.tap?.toClient(bytes);
    if (verdict === 'cut') return this.#cut(link);
    if (this.#slowness !== null) return this.#passSlowly(link, from, to, bytes, this.#slowness);
    if (!to.write(bytes)) await untilWritable(from, to);
  }

  /** Nothing more is read meanwhile, so the order stays. */
  async #passSlowly(link: Link, from: Socket, to: Socket, bytes: Buffer, slowness: Slowness): Promise<void> {
    from.pause();
    await sleep(slowness.delayMs);
    for (let at = 0; at < bytes.length; at += slowness.sliceBytes) {
      if (link.isDoomed || link.isCut) return;
      to.write(bytes.subarray(at, at + slowness.sliceBytes));
      await new Promise((resolve) => setImmediate(resolve));
    }
    from.resume();
  }

  #cut(link: Link): void {
    link.isCut = true;
    this.#links.delete(link);
    for (const socket of [link.client, link.server]) {
      if (socket !== null && !socket.destroyed) socket.resetAndDestroy();
    }
  }
}

async function untilWritable(from: Socket, to: Socket): Promise<void> {
  from.pause();
  await new Promise<void>((resolve) => {
    to.once('drain', resolve);
    to.once('close', () => resolve());
  });
  from.resume();
}

async function firstThatAnswers(ports: readonly number[]): Promise<Socket | null> {
  for (const port of ports) {
    const socket = await opened(port);
    if (socket !== null) return socket;
  }
  return null;
}

function opened(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

/** The same targets, beginning with another one: so connections spread, and find one that stands. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
