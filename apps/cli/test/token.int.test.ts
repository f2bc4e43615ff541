import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, type OrganisationRow } from '@quarterhour/db';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { commandLine, type Ended } from './command-line.js';

const ISSUER = 'quarterhour-test';

let database: TestDatabase;
let demo: OrganisationRow;
let other: OrganisationRow;
let folder: string;
let keys: JWTVerifyGetKey;
let quarterhour: (...args: string[]) => Promise<Ended>;

beforeAll(async () => {
  database = await testDatabase();
  const admin = openDatabase({ url: database.adminUrl, applicationName: 'test', maxConnections: 1 });
  demo = await anOrganisation(admin, { slug: 'demo' });
  other = await anOrganisation(admin, { slug: 'other' });
  await admin.close();
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-cli-'));
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const named = { kid: 'demo-1', alg: 'EdDSA' };
  await writeFile(path.join(folder, 'issuer.jwk'), JSON.stringify({ ...(await exportJWK(privateKey)), ...named }));
  keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), ...named }] });
  quarterhour = commandLine(environment('issuer.jwk'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await database.drop();
});

function environment(keyFile: string): Record<string, string> {
  return {
    QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
    QUARTERHOUR_DEMO_ISSUER_KEY: path.join(folder, keyFile),
    QUARTERHOUR_TOKEN_ISSUER: ISSUER,
  };
}

async function claimsOf({ status, stdout, stderr }: Ended) {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { payload } = await jwtVerify(stdout, keys, { issuer: ISSUER, audience: 'quarterhour' });
  return payload;
}

test('a token is all that is printed; it opens the demo organisation to an operator for an hour', async () => {
  const claims = await claimsOf(await quarterhour('token'));

  expect(claims).toMatchObject({ sub: 'demo', orgs: [demo.id], roles: ['operator'] });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(3600);
});

test('a token names the organisations, roles and minutes that were asked for', async () => {
  const asked = ['--organisation', 'other', '--organisation', demo.id, '--role', 'admin', '--role', 'partner'];

  const claims = await claimsOf(await quarterhour('token', ...asked, '--minutes', '5'));

  expect(claims).toMatchObject({ orgs: [other.id, demo.id], roles: ['admin', 'partner'] });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
});

test('without the key of a demo issuer there is no token', async () => {
  const { status, stdout, stderr } = await commandLine(environment('none.jwk'))('token');

  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^error: the demo issuer's key .*none\.jwk cannot be used/);
});

test('a role that nobody has is wrong usage', async () => {
  expect(await quarterhour('token', '--role', 'king')).toMatchObject({ status: 2, stdout: '' });
});
