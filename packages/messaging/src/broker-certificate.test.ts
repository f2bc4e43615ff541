import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { keepBrokerCertificate } from './broker-certificate.js';
import type { BrokerCertificate } from './broker-certificate.js';

const DAY_MS = 86_400_000;
const NOW = Date.now();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-certificate-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const keep = (different: { hosts?: string[]; nowMillis?: number } = {}) =>
  keepBrokerCertificate({ folder, hosts: ['localhost', '127.0.0.1'], nowMillis: NOW, ...different });

describe('the certificate of a broker', () => {
  test('is accepted by a client that verifies it with the authority, by name and by address', async () => {
    const files = await keep();
    expect(await handshake(files, { host: '127.0.0.1', ca: await readFile(files.caFile) })).toBe('verified');
    expect(
      await handshake(files, { host: '127.0.0.1', servername: 'localhost', ca: await readFile(files.caFile) }),
    ).toBe('verified');
  });

  test.each([
    ['a client that does not know the authority', () => Promise.resolve({})],
    ['a client that knows another authority', async () => ({ ca: await readFile((await otherAuthority()).caFile) })],
    [
      'a client that wants another host',
      async (files: BrokerCertificate) => ({ servername: 'elsewhere', ca: await readFile(files.caFile) }),
    ],
  ])('is refused by %s', async (_case, optionsOf) => {
    const files = await keep();
    expect(await handshake(files, { host: '127.0.0.1', ...(await optionsOf(files)) })).not.toBe('verified');
  });

  test('has private keys that only their owner reads', async () => {
    const { keyFile } = await keep();
    for (const file of [keyFile, path.join(folder, 'ca.key')]) expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('is made once', async () => {
    const before = await contents(await keep());
    expect(await contents(await keep({ nowMillis: NOW + DAY_MS }))).toEqual(before);
  });

  test.each([
    ['when it is about to expire', { nowMillis: NOW + 340 * DAY_MS }],
    ['for a further host', { hosts: ['localhost', '127.0.0.1', 'broker.example'] }],
  ])('is made anew %s, by the authority that partners know', async (_case, different) => {
    const before = await contents(await keep());
    const after = await contents(await keep(different));
    expect(after.ca).toBe(before.ca);
    expect(after.certificate).not.toBe(before.certificate);
    expect(new X509Certificate(after.certificate).verify(new X509Certificate(before.ca).publicKey)).toBe(true);
  });

  test.each(['ca.pem', 'server.pem', 'server.key', 'ca.key'])('is made anew when %s is spoilt', async (name) => {
    const files = await keep();
    await writeFile(path.join(folder, name), 'spoilt');
    if (name === 'ca.key') await rm(files.certificateFile);
    await keep();
    expect(await handshake(files, { host: '127.0.0.1', ca: await readFile(files.caFile) })).toBe('verified');
  });

  test('is signed by an authority that may sign nothing below it, and lasts no longer', async () => {
    const files = await keep();
    const authority = new X509Certificate(await readFile(files.caFile));
    const certificate = new X509Certificate(await readFile(files.certificateFile));
    expect([authority.ca, certificate.ca]).toEqual([true, false]);
    expect(certificate.checkIssued(authority)).toBe(true);
    expect(Date.parse(certificate.validTo)).toBeLessThan(Date.parse(authority.validTo));
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });
});

function otherAuthority(): Promise<BrokerCertificate> {
  return keepBrokerCertificate({ folder: path.join(folder, 'other'), hosts: ['localhost'], nowMillis: NOW });
}

async function contents({ caFile, certificateFile }: BrokerCertificate) {
  return { ca: await readFile(caFile, 'utf8'), certificate: await readFile(certificateFile, 'utf8') };
}

/** What came of a client's verification of a server with these files. */
async function handshake(files: BrokerCertificate, options: object): Promise<string> {
  const server = createServer({ cert: await readFile(files.certificateFile), key: await readFile(files.keyFile) });
  server.on('tlsClientError', () => undefined).on('secureConnection', (socket) => socket.on('error', () => undefined));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  let client: TLSSocket | undefined;
  try {
    client = connect({ port, ...options });
    await once(client, 'secureConnect');
    return 'verified';
  } catch (error) {
    return error instanceof Error ? error.message : 'refused';
  } finally {
    client?.destroy();
    server.close();
  }
}
