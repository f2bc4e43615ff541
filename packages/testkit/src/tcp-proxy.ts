import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** Stands between a process and one of its servers, so that the server can vanish and come back. */
export interface TcpProxy {
  /** The server's URL, by way of the proxy. */
  readonly url: string;
  /** Cuts what is open and refuses what comes. */
  refuse(): Promise<void>;
  /** A black hole: what is open stays open, what comes is taken, and nothing passes in either direction. */
  swallow(): void;
  /** As if nothing had been. What was swallowed stays lost: its connections are cut. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** @param url of any server that speaks over TCP, with its port */
export async function openTcpProxy(url: string): Promise<TcpProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isSwallowing = false;

  const start = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer((near) => {
        const far = connect(Number(target.port), target.hostname);
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          sockets.add(from);
          from.on('error', () => to.destroy());
          from.on('close', () => {
            sockets.delete(from);
            if (!isSwallowing) to.destroy();
          });
          from.on('data', (bytes) => {
            if (!isSwallowing && to.writable) to.write(bytes);
          });
        }
      });
      server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
    });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = (server: Server | null) =>
    new Promise<void>((resolve) => {
      if (server === null) return resolve();
      server.close(() => resolve());
      cut();
    });

  let server: Server | null = await start(0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String(port);
  return {
    url: proxied.href,
    async refuse() {
      const stopping = server;
      server = null;
      await stop(stopping);
    },
    swallow() {
      isSwallowing = true;
    },
    async restore() {
      if (isSwallowing) cut();
      isSwallowing = false;
      server ??= await start(port);
    },
    async close() {
      await stop(server);
      server = null;
    },
  };
}
