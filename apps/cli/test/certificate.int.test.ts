import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { commandLine } from './command-line.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

const quarterhour = commandLine({});
const at = (name: string) => path.join(folder, name);

test('certificate makes one for the hosts that are named, and a copy of what partners are given', async () => {
  const made = () =>
    quarterhour('certificate', at('tls'), '--host', 'amqp.example', '--host', '192.0.2.1', '--ca-file', at('ca.pem'));
  expect(await made()).toMatchObject({
    status: 0,
    stdout: [at('tls/ca.pem'), at('tls/server.pem'), at('tls/server.key')].join('\n'),
  });

  const certificate = new X509Certificate(await readFile(at('tls/server.pem')));
  expect(certificate.checkHost('amqp.example')).toBe('amqp.example');
  expect(certificate.checkIP('192.0.2.1')).toBe('192.0.2.1');
  expect(certificate.verify(new X509Certificate(await readFile(at('ca.pem'))).publicKey)).toBe(true);

  await made();
  expect(new X509Certificate(await readFile(at('tls/server.pem'))).serialNumber).toBe(certificate.serialNumber);
});

test('certificate for no host is refused', async () => {
  expect(await quarterhour('certificate', at('other'))).toMatchObject({ status: 2 });
});
