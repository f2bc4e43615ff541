import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import request from 'supertest';
import { z } from 'zod';
import { openTestIssuer } from '../test/issuer.js';
import type { TestIssuer } from '../test/issuer.js';
import { sampleApi } from '../test/sample-api.js';
import type { Behaviour } from '../test/sample-api.js';
import { apiKeyDigest, newApiKey } from './api-key.js';
import { createApiKeyVerifier } from './api-key-verifier.js';
import type { FoundApiKey } from './api-key-verifier.js';
import { DEFAULT_PROTECTION } from './protection.js';
import type { ProtectionSettings } from './protection.js';
import { json } from './reply.js';
import { noBody, noParameters, route } from './route.js';
import type { RouteDeclaration } from './route.js';
import { ownSurface } from './surfaces/own.js';
import { vcpSurface } from './surfaces/partner.js';

const ORG = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
const OTHER = '0b7c9d5e-6a55-4ab6-9c5e-222222222222';
const PEPPER = Buffer.alloc(32, 7);
const [BOTH, KEYS, TOKENS, ONE] = [
  '/quarterhour/v1/both',
  '/api/v1/vcp/keys',
  '/quarterhour/v1/tokens',
  '/api/v1/vcp/things/1',
];

type Declared = RouteDeclaration<Behaviour, z.ZodObject, z.ZodObject, z.ZodType, z.ZodObject>;
const declared = (changes: Pick<Declared, 'path' | 'operationId' | 'capability'> & Partial<Declared>) =>
  route<Behaviour, z.ZodObject, z.ZodObject, z.ZodType>({
    surface: ownSurface,
    method: 'get',
    summary: 'Who asks',
    tag: 'Things',
    params: noParameters,
    query: noParameters,
    body: noBody,
    responses: { 200: { description: 'Who asks', schema: z.unknown() } },
    handler: ({ principal, scope }) => Promise.resolve(json({ principal, organisations: scope.organisations })),
    ...changes,
  });

const ROUTES = [
  declared({ path: '/both', operationId: 'both', capability: 'ingestion:read', apiKeyScope: 'vcp:read' }),
  declared({ path: '/tokens', operationId: 'tokens', capability: 'ingestion:read' }),
  declared({ surface: vcpSurface, path: '/keys', operationId: 'keys', capability: null, apiKeyScope: 'vcp:read' }),
  declared({
    surface: vcpSurface,
    path: '/things/{id}',
    operationId: 'thing',
    capability: null,
    apiKeyScope: 'vcp:read',
    params: z.strictObject({ id: z.string() }),
  }),
];

let issuer: TestIssuer;
let token: string;
beforeAll(async () => {
  issuer = await openTestIssuer();
  token = `Bearer ${await issuer.token({ sub: 'ada', orgs: [ORG], roles: ['operator'] })}`;
});
afterAll(() => issuer.close());

/** Stands for the database: live keys by digest. */
const live = new Map<string, FoundApiKey>();
let used: string[];
let asked: number;
beforeEach(() => {
  live.clear();
  used = [];
  asked = 0;
});

function aLiveKey(different: Partial<FoundApiKey> = {}): string {
  const key = newApiKey();
  const found = { id: `key-${live.size}`, orgId: ORG, scopes: ['vcp:read'], allowedIps: [], ...different };
  live.set(apiKeyDigest(PEPPER, key).toString('hex'), found);
  return key;
}

const revoke = (key: string) => live.delete(apiKeyDigest(PEPPER, key).toString('hex'));

function openApi({ lines, ...rates }: Partial<ProtectionSettings['rates']> & { lines?: string[] } = {}) {
  return sampleApi(issuer.jwksPath, {
    routes: ROUTES,
    ...(lines === undefined ? {} : { lines }),
    protection: {
      ...DEFAULT_PROTECTION,
      rates: { ...DEFAULT_PROTECTION.rates, ...rates },
      trustedProxies: ['127.0.0.0/8'],
    },
    apiKeys: createApiKeyVerifier({
      pepper: PEPPER,
      find: (digest) => {
        asked += 1;
        return Promise.resolve(live.get(digest.toString('hex')) ?? null);
      },
      noteUse: ({ id }) => used.push(id),
    }),
  });
}

const get = (api: Express, url: string, headers: Readonly<Record<string, string>>) =>
  request(api).get(url).set(headers);

describe('an API key', () => {
  test.each([BOTH, KEYS, ONE])('lets its organisation in at %s, with scopes instead of roles', async (url) => {
    const { status, body } = await get(await openApi(), url, { 'x-api-key': aLiveKey() });
    const principal = {
      subject: 'api-key:key-0',
      organisations: [ORG],
      roles: [],
      apiKey: { id: 'key-0', scopes: ['vcp:read'] },
    };
    expect([status, body]).toEqual([200, { principal, organisations: [ORG] }]);
    expect(used).toEqual(['key-0']);
  });

  test('is not looked at where the route does not take it', async () => {
    const { status, headers } = await get(await openApi(), TOKENS, { 'x-api-key': aLiveKey() });
    expect([status, headers['www-authenticate'], asked]).toEqual([401, 'Bearer', 0]);
  });

  test('is refused in the very next request once it is revoked', async () => {
    const api = await openApi();
    const key = aLiveKey();
    for (const expected of [200, 200]) expect((await get(api, KEYS, { 'x-api-key': key })).status).toBe(expected);
    revoke(key);
    expect((await get(api, KEYS, { 'x-api-key': key })).status).toBe(401);
  });

  test.each([
    ['mistyped', (key: string) => `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`],
    ['cut', (key: string) => key.slice(0, 30)],
    ['its beginning', () => 'vcp_live_'],
    ['empty', () => ''],
    ['unknown', () => newApiKey()],
    ['of a mebibyte’s cousin', (key: string) => key.repeat(100)],
  ])('that is %s is refused like every other wrong one', async (_case, wrong) => {
    const api = await openApi();
    const revoked = aLiveKey();
    const sent = wrong(aLiveKey());
    revoke(revoked);
    const elsewhere = aLiveKey({ allowedIps: ['203.0.113.0/24'] });
    const answers = await Promise.all(
      [sent, revoked, elsewhere].map((key) =>
        get(api, KEYS, { 'x-api-key': key, 'x-request-id': 'same-request' }).then(({ status, text, headers }) => ({
          status,
          text,
          challenge: headers['www-authenticate'],
        })),
      ),
    );
    expect(answers[0]).toMatchObject({ status: 401, challenge: 'ApiKey' });
    expect(answers.slice(1)).toEqual([answers[0], answers[0]]);
    expect(vcpSurface.errorSchemas.other.safeParse(JSON.parse(answers[0]!.text)).error).toBeUndefined();
    expect(used).toEqual([]);
  });

  test('without its form is not even looked up', async () => {
    await get(await openApi(), KEYS, { 'x-api-key': 'vcp_live_nonsense' });
    expect(asked).toBe(0);
  });

  test('is looked for in its header alone', async () => {
    const api = await openApi();
    const key = aLiveKey();
    expect((await request(api).get(`${KEYS}?api_key=${key}`)).status).toBe(401);
    for (const authorization of [
      `ApiKey ${key}`,
      `Bearer ${key}`,
      `Basic ${Buffer.from(`a:${key}`).toString('base64')}`,
    ]) {
      for (const url of [BOTH, KEYS, TOKENS]) expect((await get(api, url, { authorization })).status).toBe(401);
    }
    expect(asked).toBe(0);
  });

  test('without the scope is forbidden, whatever else it may', async () => {
    const key = aLiveKey({ scopes: ['vcp:connect', 'vcp:write:mode', 'telemetry:read'] });
    const { status, body } = await get(await openApi(), KEYS, { 'x-api-key': key });
    expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
  });

  test('that is bound to networks counts from there alone, as far as proxies are believed', async () => {
    const api = await openApi();
    const key = aLiveKey({ allowedIps: ['203.0.113.0/24', '2001:db8::/32'] });
    const from = async (address: string) =>
      (await get(api, KEYS, { 'x-api-key': key, 'x-forwarded-for': address })).status;
    expect([await from('203.0.113.9'), await from('198.51.100.9')]).toEqual([200, 401]);
    expect([await from('2001:db8::9'), await from('203.0.113.9, 198.51.100.9')]).toEqual([200, 401]);
  });

  test('sees its own organisation, whatever x-org-id says', async () => {
    const api = await openApi();
    const key = aLiveKey();
    const picking = (url: string, id: string) => get(api, url, { 'x-api-key': key, 'x-org-id': id });
    expect((await picking(KEYS, ORG)).status).toBe(200);
    expect((await picking(KEYS, OTHER)).status).toBe(403);
    expect((await picking(ONE, OTHER)).body.organisations).toEqual([]);
  });

  test('stands in no line of the log', async () => {
    const lines: string[] = [];
    const api = await openApi({ lines });
    const key = aLiveKey();
    await get(api, KEYS, { 'x-api-key': key });
    await request(api).get(`${KEYS}/${key}`).set('x-api-key', key);
    expect(lines.join('')).toContain('api-key:key-0');
    expect(lines.join('')).not.toContain(key);
  });
});

describe('a token', () => {
  test('is taken beside API keys, and not where API keys alone are', async () => {
    const api = await openApi();
    expect((await get(api, BOTH, { authorization: token })).status).toBe(200);
    const { status, headers, body } = await get(api, KEYS, { authorization: token });
    expect([status, headers['www-authenticate'], body.message]).toEqual([
      401,
      'ApiKey',
      'A valid API key is required, in the header X-API-Key.',
    ]);
  });

  test('that is wrong is told of both ways where both are open', async () => {
    const { status, headers } = await get(await openApi(), BOTH, { authorization: 'Bearer x' });
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token", ApiKey']);
  });
});

describe('a token and an API key at once', () => {
  test.each([
    [BOTH, 'not both'],
    [KEYS, 'no token is taken here'],
    [TOKENS, 'no API key is taken here'],
  ])('are refused at %s, and it is said why', async (url, why) => {
    const headers = { authorization: token, 'x-api-key': aLiveKey() };
    const { status, text } = await get(await openApi(), url, headers);
    expect([status, asked]).toEqual([400, 0]);
    expect(text).toContain(why);
  });
});

describe('API keys are counted', () => {
  test('each for itself', async () => {
    const api = await openApi({ perPrincipal: 1 });
    const [one, other] = [aLiveKey(), aLiveKey()];
    const statusOf = async (key: string) => (await get(api, KEYS, { 'x-api-key': key })).status;
    expect([await statusOf(one), await statusOf(one), await statusOf(other)]).toEqual([200, 429, 200]);
  });

  test('when they are wrong, by address: beyond its budget none is looked up that was never right', async () => {
    const api = await openApi({ failedLogins: 2 });
    const statusOf = async (key: string) => (await get(api, KEYS, { 'x-api-key': key })).status;
    const [known, fresh] = [aLiveKey(), aLiveKey()];
    expect(await statusOf(known)).toBe(200);
    expect([await statusOf(newApiKey()), await statusOf('x'), await statusOf(newApiKey())]).toEqual([401, 401, 429]);
    const before = asked;
    expect([await statusOf(fresh), asked]).toEqual([429, before]);
    expect(await statusOf(known)).toBe(200);
    revoke(known);
    expect(await statusOf(known)).toBe(429);
  });

  test('with their address when there are two credentials', async () => {
    const api = await openApi({ perAddress: 1 });
    const headers = { authorization: token, 'x-api-key': aLiveKey() };
    expect((await get(api, BOTH, headers)).headers['ratelimit-policy']).toMatch(/^"address"/);
    expect((await get(api, BOTH, headers)).status).toBe(429);
  });
});

test('a database that cannot be asked is not the caller’s fault', async () => {
  const api = await sampleApi(issuer.jwksPath, {
    routes: ROUTES,
    apiKeys: createApiKeyVerifier({
      pepper: PEPPER,
      find: () => Promise.reject(Object.assign(new Error('no database'), { code: 'ECONNREFUSED' })),
      noteUse: () => undefined,
    }),
  });
  const { status, headers } = await get(api, KEYS, { 'x-api-key': newApiKey() });
  expect([status, headers['retry-after']]).toEqual([503, '1']);
});
