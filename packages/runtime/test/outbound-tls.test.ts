import { createServer, type Server, type ServerOptions } from 'node:https';
import type { SecureVersion } from 'node:tls';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { GuardedClient, OutboundError, systemClock } from '@quarterhour/runtime';
import { aCertificate, type TestCertificate } from '@quarterhour/testkit';

const HOST = 'esm.partner.example';

let good: TestCertificate;
beforeAll(async () => {
  good = await aCertificate(HOST);
});
const servers: Server[] = [];
const clients: GuardedClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Asks a server with a certificate for `esm.partner.example`, which an injected resolver finds on this machine. */
async function ask(
  { cert, key }: Pick<TestCertificate, 'cert' | 'key'>,
  { ca, host = HOST, maxVersion }: { ca?: string; host?: string; maxVersion?: SecureVersion } = {},
): Promise<string> {
  const names: unknown[] = [];
  const old: ServerOptions =
    maxVersion === undefined ? {} : { maxVersion, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
  const server = createServer({ cert, key, ...old }, (req, res) => {
    names.push('servername' in req.socket ? req.socket.servername : null);
    res.end(JSON.stringify(names));
  });
  server.on('tlsClientError', () => undefined);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const origin = `https://${host}:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const client = new GuardedClient({
    rules: { allowsHttp: false, ownHosts: [], testOrigins: [origin] },
    clock: systemClock,
    limits: { jitterMs: 0 },
    resolve: () => Promise.resolve(['127.0.0.1']),
    ...(ca === undefined ? {} : { ca }),
  });
  clients.push(client);
  try {
    return (await client.request('org', { method: 'GET', baseUrl: origin, path: '/' })).text;
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return `${error.code} ${error.mayHaveArrived}`;
  }
}

const REFUSED = 'ESM_UNREACHABLE false';

test('a certificate for the name is accepted, whatever address the name has; the name is what it is asked for', async () => {
  expect(await ask(good, good)).toBe(`["${HOST}"]`);
});

test('a certificate for another name is refused', async () => {
  expect(await ask(good, { ...good, host: 'other.partner.example' })).toBe(REFUSED);
});

test('a certificate for the address alone is refused', async () => {
  const forAddress = await aCertificate('127.0.0.1');
  expect(await ask(forAddress, forAddress)).toBe(REFUSED);
});

test('a certificate of an authority that nobody trusts is refused', async () => {
  expect(await ask(good)).toBe(REFUSED);
});

test('a certificate that expired is refused', async () => {
  const expired = await aCertificate(HOST, { issuedDaysAgo: 400 });
  expect(await ask(expired, expired)).toBe(REFUSED);
});

test('TLS 1.0 and 1.1 are refused', async () => {
  for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
    expect(await ask(good, { ...good, maxVersion })).toBe(REFUSED);
  }
});
