import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openKeyRing } from '@quarterhour/runtime';
import { fixedClock } from '@quarterhour/runtime';
import { demoIssuer, keyRingFile, readSettings, writeSettings } from './start-secrets.js';
import { signToken } from './start-token.js';

const PLACE = { orgId: 'o', table: 'app.api_key', column: 'signing_key', rowId: 'k' };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quarterhour-start-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('secrets of a checkout', () => {
  test('are made once and kept', async () => {
    const made = await readSettings(folder);
    expect(made.cursorKey).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(Object.values(made.rolePasswords)).size).toBe(4);
    const ports = { worker: 1, readApi: 2, controlApi: 3, brokerAuth: 4 };
    await writeSettings(folder, { ...made, ports });
    expect(await readSettings(folder)).toEqual({ ...made, ports });
  });

  test('of a start before there was a control API are read all the same', async () => {
    const before = { ...(await readSettings(folder)), ports: { worker: 1, readApi: 2 } };
    await writeSettings(folder, before);
    expect(await readSettings(folder)).toEqual(before);
  });

  test('of a start before there were API keys get what those are found by', async () => {
    const { apiKeyPepper, ...before } = await readSettings(folder);
    writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(before));
    const read = await readSettings(folder);
    expect(read).toEqual({ ...before, apiKeyPepper: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(read.apiKeyPepper).not.toBe(apiKeyPepper);
  });

  test('seal what is kept in the database with a key ring that stays', () => {
    const file = keyRingFile(folder);
    const sealed = openKeyRing(file).seal('a secret', PLACE);
    expect(openKeyRing(keyRingFile(folder)).open(sealed, PLACE)).toBe('a secret');
  });

  test('are read by their owner only', async () => {
    await readSettings(folder);
    const issuer = await demoIssuer(folder);
    for (const file of [path.join(folder, 'settings.json'), issuer.privateKey]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  test("hold an issuer whose key says it is the demo's, and whose public file has no private part", async () => {
    const issuer = await demoIssuer(folder);
    const [key] = JSON.parse(readFileSync(issuer.jwks, 'utf8')).keys;
    expect(key).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', kid: expect.stringMatching(/^demo-/) });
    expect(key).not.toHaveProperty('d');
    expect(await demoIssuer(folder)).toEqual(issuer);
  });

  test('sign tokens that the public key verifies', async () => {
    const issuer = await demoIssuer(folder);
    const token = await signToken({
      privateKeyFile: issuer.privateKey,
      issuer: 'quarterhour-demo',
      audience: 'quarterhour',
      subject: 'demo',
      organisations: ['01890000-0000-7000-8000-000000000001'],
      roles: ['operator'],
      validSeconds: 60,
      clock: fixedClock('2026-01-15T10:00:00Z'),
    });
    const [header = '', claims = '', signature = ''] = token.split('.');
    const [key] = JSON.parse(readFileSync(issuer.jwks, 'utf8')).keys;
    const publicKey = createPublicKey({ key, format: 'jwk' });
    expect(verify(null, Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: key.kid });
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'quarterhour-demo',
      aud: 'quarterhour',
      orgs: ['01890000-0000-7000-8000-000000000001'],
      roles: ['operator'],
      iat: 1_768_471_200,
      exp: 1_768_471_260,
    });
  });
});
