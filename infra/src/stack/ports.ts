import { createServer } from 'node:net';
import { once } from 'node:events';

/** Asks the system for ports of 127.0.0.1 that nobody listens on. All are held until all are known, so they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port');
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** One free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new RangeError('no free port');
  return port;
}

/** The port that was used last, or another one when somebody else has it now. */
export async function asBefore(last: number | undefined, free: number): Promise<number> {
  return last !== undefined && (await isFree(last)) ? last : free;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const listening = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (listening) await once(server.close(), 'close');
  return listening;
}
