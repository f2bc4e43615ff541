import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Express } from 'express';
import request from 'supertest';
import { openTestIssuer } from '../test/issuer.js';
import type { TestIssuer } from '../test/issuer.js';
import { sampleApi, sampleRoutes } from '../test/sample-api.js';
import { documentOf } from './openapi.js';
import { DEFAULT_PROTECTION } from './protection.js';
import type { ProtectionSettings } from './protection.js';
import { assetSurface } from './surfaces/asset.js';
import { ownSurface } from './surfaces/own.js';
import { tradingSurface } from './surfaces/trading.js';

const ORG = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
const OTHER = '0b7c9d5e-6a55-4ab6-9c5e-222222222222';
const LIST = '/asset-api/v1/things';
const ONE = '/api/v1/trading/plants/0b7c9d5e-6a55-4ab6-9c5e-333333333333/thing';
const MAKE = '/quarterhour/v1/things';

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await openTestIssuer();
});
afterAll(() => issuer.close());
afterEach(() => {
  jest.restoreAllMocks();
});

const limited = (rates: Partial<ProtectionSettings['rates']>, trustedProxies: string[] = []): Promise<Express> =>
  sampleApi(issuer.jwksPath, {
    protection: { ...DEFAULT_PROTECTION, rates: { ...DEFAULT_PROTECTION.rates, ...rates }, trustedProxies },
  });
const bearer = async (sub: string, orgs = [ORG]) => `Bearer ${await issuer.token({ sub, orgs, roles: ['admin'] })}`;
const later = (millis: number): void => {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + millis);
};

describe('a principal', () => {
  test('reads in each answer what is left', async () => {
    const api = await limited({ perPrincipal: 10 });
    const authorization = await bearer('ada');
    const first = await request(api).get(LIST).set({ authorization });
    expect(first.headers).toMatchObject({
      'ratelimit-policy': expect.stringMatching(/^"principal"; q=10; w=60; pk=:[A-Za-z0-9+/=]+:$/),
      ratelimit: expect.stringMatching(/^"principal"; r=9; t=(59|60)$/),
    });
    expect(first.headers).not.toHaveProperty('x-ratelimit-limit');
    const second = await request(api).get(`${LIST}?limit=0`).set({ authorization });
    expect([second.status, second.headers['ratelimit']]).toEqual([422, expect.stringContaining('r=8')]);
  });

  test.each([
    ['get', LIST, assetSurface],
    ['get', ONE, tradingSurface],
    ['post', MAKE, ownSurface],
  ] as const)('that asks too often: %s %s is 429 in the shape of its surface', async (method, url, surface) => {
    const api = await limited({ perPrincipal: 1 });
    const authorization = await bearer('ada');
    const ask = () => request(api)[method](url).set({ authorization });
    await ask();
    const { status, headers, body } = await ask();
    expect(status).toBe(429);
    expect(surface.errorSchemas.other.safeParse(body).error).toBeUndefined();
    expect(headers['content-type']).toContain(surface.errorContentType);
    expect(headers['cache-control']).toBe('no-store');
    expect(['59', '60']).toContain(headers['retry-after']);
    expect(headers['ratelimit']).toMatch(/^"principal"; r=0; t=(59|60)$/);
  });

  test('does not use up what another has, nor what it has with other organisations', async () => {
    const api = await limited({ perPrincipal: 1 });
    const statusFor = async (authorization: string) => (await request(api).get(LIST).set({ authorization })).status;
    const ada = await bearer('ada');
    expect([await statusFor(ada), await statusFor(ada)]).toEqual([200, 429]);
    expect(await statusFor(await bearer('bob'))).toBe(200);
    expect(await statusFor(await bearer('ada', [OTHER]))).toBe(200);
    expect(await statusFor(await bearer('ada', [ORG.toUpperCase()]))).toBe(429);
  });

  test('may ask again when the window is over', async () => {
    const api = await limited({ perPrincipal: 1 });
    const authorization = await bearer('ada');
    const ask = () => request(api).get(LIST).set({ authorization });
    await ask();
    expect((await ask()).status).toBe(429);
    later(60_001);
    const { status, headers } = await ask();
    expect([status, headers['ratelimit']]).toEqual([200, '"principal"; r=0; t=60']);
  });

  test('is told so by every operation of the document', () => {
    for (const surface of [assetSurface, tradingSurface, ownSurface]) {
      const { operation } = sampleRoutes.find((route) => route.surface === surface)!;
      const found = documentOf(surface, sampleRoutes);
      const headers = ['paths', operation.path, operation.method, 'responses', '429', 'headers'];
      for (const name of ['RateLimit', 'RateLimit-Policy', 'Retry-After']) {
        expect(found).toHaveProperty([...headers, name]);
      }
    }
  });
});

describe('a client without a valid token', () => {
  test('is counted by its address, wherever it asks', async () => {
    const api = await limited({ perAddress: 4 });
    for (const url of [LIST, '/docs', '/nothing']) {
      expect((await request(api).get(url)).headers['ratelimit-policy']).toMatch(/^"address"; q=4; w=60; pk=/);
    }
    expect((await request(api).delete(LIST)).status).toBe(405);
    for (const url of [LIST, '/docs', '/nothing']) expect((await request(api).get(url)).status).toBe(429);
    expect((await request(api).delete(LIST)).status).toBe(429);
  });

  test('leaves those with a token alone', async () => {
    const api = await limited({ perAddress: 1 });
    await request(api).get(LIST);
    expect((await request(api).get(LIST)).status).toBe(429);
    expect(
      (
        await request(api)
          .get(LIST)
          .set('authorization', await bearer('ada'))
      ).status,
    ).toBe(200);
  });

  test('that guesses tokens has a budget of its own, and no guess is looked at beyond it', async () => {
    const api = await limited({ failedLogins: 2 });
    const known = await bearer('ada');
    const statusFor = async (authorization: string) => (await request(api).get(LIST).set({ authorization })).status;
    expect(await statusFor(known)).toBe(200);
    const expired = `Bearer ${await issuer.token({ exp: 1 })}`;
    expect([await statusFor(expired), await statusFor('Bearer x'), await statusFor('Bearer y')]).toEqual([
      401, 401, 429,
    ]);
    expect(await statusFor(await bearer('guessed'))).toBe(429);
    expect(await statusFor(known)).toBe(200);
    expect((await request(api).get(LIST)).status).toBe(401);

    const refused = await request(api).get(LIST).set('authorization', 'Bearer z');
    expect(refused.headers['ratelimit']).toMatch(/^"failed-logins"; r=0; t=/);
    later(60_001);
    expect(await statusFor(await bearer('guessed'))).toBe(200);
  });

  test('spends nothing of that with tokens that are valid', async () => {
    const api = await limited({ failedLogins: 1 });
    const asked = Array.from({ length: 8 }, async (_, n) => {
      const { status } = await request(api)
        .get(LIST)
        .set('authorization', await bearer(`subject-${n}`));
      return status;
    });
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 8 }, () => 200));
  });

  test('cannot choose its address by a header', async () => {
    const api = await limited({ perAddress: 1 });
    const from = async (address: string) => (await request(api).get(LIST).set('x-forwarded-for', address)).status;
    expect([await from('192.0.2.1'), await from('192.0.2.2')]).toEqual([401, 429]);
  });

  test('is known behind a trusted proxy: by IPv4 address, or by IPv6 network', async () => {
    const api = await limited({ perAddress: 1 }, ['127.0.0.0/8']);
    const from = async (address: string) => (await request(api).get(LIST).set('x-forwarded-for', address)).status;
    expect([await from('192.0.2.1'), await from('192.0.2.2'), await from('192.0.2.1')]).toEqual([401, 401, 429]);
    expect([await from('2001:db8:0:1::1'), await from('2001:db8:0:1:ffff::2')]).toEqual([401, 429]);
    expect(await from('2001:db8:0:2::1')).toBe(401);
    expect(await from('203.0.113.9, 192.0.2.1')).toBe(429);
  });
});

describe('health pages', () => {
  test('are never refused', async () => {
    const api = await limited({ perAddress: 1, perPrincipal: 1, failedLogins: 1 });
    for (const page of ['/healthz', '/readyz', '/metrics']) {
      await request(api).get(page).set('authorization', 'Bearer x');
      const { status, headers } = await request(api).get(page).set('authorization', 'Bearer x');
      expect(status).toBe(200);
      expect(headers).not.toHaveProperty('ratelimit');
    }
  });

  test('count what was refused', async () => {
    const api = await limited({ perAddress: 1 });
    await request(api).get(LIST);
    await request(api).get(LIST);
    const { text } = await request(api).get('/metrics');
    expect(text).toContain('quarterhour_http_rate_limited_total{limit="address"} 1');
    expect(text).toContain('quarterhour_http_rate_limited_total{limit="principal"} 0');
  });
});
