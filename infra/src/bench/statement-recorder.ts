import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { FrontendMessages, type RecordedStatement } from './frontend-messages.js';

/** Stands between a process and its database and writes down what the process asks. */
export interface StatementRecorder {
  /** The database's URL, by way of the recorder. */
  readonly url: string;
  /** What was asked since the last time, of all connections, in order. */
  take(): RecordedStatement[];
  close(): Promise<void>;
}

export async function openStatementRecorder(databaseUrl: string): Promise<StatementRecorder> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let recorded: RecordedStatement[] = [];
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    const messages = new FrontendMessages();
    near.on('data', (chunk) => recorded.push(...messages.push(chunk)));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    url: url.href,
    take: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
