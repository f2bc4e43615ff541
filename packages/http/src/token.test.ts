import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fixedClock } from '@quarterhour/runtime';
import type { FixedClock } from '@quarterhour/runtime';
import { AUDIENCE, ISSUER, openTestIssuer } from '../test/issuer.js';
import type { TestIssuer } from '../test/issuer.js';
import { RequestRefused } from './refusal.js';
import { DemoKeyRefusedError, isLoopback, KeySetError, openTokenVerifier } from './token.js';
import type { TokenVerifier } from './token.js';

const NOW = '2026-01-15T10:00:00Z';
const NOW_SECONDS = Date.parse(NOW) / 1_000;
const ORG = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await openTestIssuer();
});
afterAll(() => issuer.close());

const open = (clock: FixedClock, jwks = issuer.jwksPath, areDemoKeysAllowed = false): Promise<TokenVerifier> =>
  openTokenVerifier({ jwks, issuer: ISSUER, audience: AUDIENCE, areDemoKeysAllowed, clock });

const kindOf = async (verification: Promise<unknown>): Promise<string> => {
  try {
    await verification;
    return 'accepted';
  } catch (error) {
    return error instanceof RequestRefused ? error.refusal.kind : String(error);
  }
};

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const payload = { iss: ISSUER, aud: AUDIENCE, sub: 's', exp: 4_000_000_000, orgs: [ORG], roles: ['admin'] };

describe('a token', () => {
  test('of the issuer names its subject, organisations and roles', async () => {
    const verifier = await open(fixedClock(NOW));
    const token = await issuer.token({ sub: 'ada', orgs: [ORG.toUpperCase(), ORG], roles: ['trader', 'guest'] });
    await expect(verifier.verify(`Bearer ${token}`)).resolves.toEqual({
      subject: 'ada',
      organisations: [ORG],
      roles: ['trader', 'guest'],
    });
  });

  test.each(['ES256', 'RS256'])('may be signed with %s', async (alg) => {
    const other = await openTestIssuer('other', alg);
    try {
      const verifier = await open(fixedClock(NOW), other.jwksPath);
      await expect(verifier.verify(`bearer ${await other.token()}`)).resolves.toBeDefined();
    } finally {
      await other.close();
    }
  });

  test.each([
    ['another issuer', { iss: 'https://other.example' }],
    ['another audience', { aud: 'else' }],
    ['an end more than 30 s ago', { exp: NOW_SECONDS - 31 }],
    ['a beginning more than 30 s ahead', { nbf: NOW_SECONDS + 31 }],
    ['organisations that are no UUIDs', { orgs: ['x'] }],
    ['organisations that are no list', { orgs: ORG }],
    ['roles that are no list', { roles: 'admin' }],
    ['an empty subject', { sub: '' }],
    ['another type', { typ: 'logout+jwt' }],
  ])('with %s is refused', async (_what, claims) => {
    const verifier = await open(fixedClock(NOW));
    expect(await kindOf(verifier.verify(`Bearer ${await issuer.token(claims)}`))).toBe('unauthenticated');
  });

  test.each([
    ['an end less than 30 s ago', { exp: NOW_SECONDS - 29 }],
    ['a beginning less than 30 s ahead', { nbf: NOW_SECONDS + 29 }],
    ['the type of access tokens', { typ: 'at+jwt' }],
    ['the usual type', { typ: 'JWT' }],
  ])('with %s is accepted', async (_what, claims) => {
    const verifier = await open(fixedClock(NOW));
    expect(await kindOf(verifier.verify(`Bearer ${await issuer.token(claims)}`))).toBe('accepted');
  });

  test('without a signature, or signed with the public key as a secret, is refused', async () => {
    const verifier = await open(fixedClock(NOW));
    const none = `${segment({ alg: 'none', kid: 'key-1' })}.${segment(payload)}.`;
    const unsigned = `${segment({ alg: 'HS256', kid: 'key-1' })}.${segment(payload)}`;
    const mac = createHmac('sha256', JSON.stringify(issuer.publicJwk)).update(unsigned).digest('base64url');
    expect(await kindOf(verifier.verify(`Bearer ${none}`))).toBe('unauthenticated');
    expect(await kindOf(verifier.verify(`Bearer ${unsigned}.${mac}`))).toBe('unauthenticated');
  });

  test('changed after it was signed is refused', async () => {
    const verifier = await open(fixedClock(NOW));
    const [header, , signature] = (await issuer.token()).split('.');
    expect(await kindOf(verifier.verify(`Bearer ${header}.${segment(payload)}.${signature}`))).toBe('unauthenticated');
  });

  test.each([
    ['a path', { kid: '../../etc/passwd' }],
    ['a number as key id', { kid: 5 }],
    ['SQL', { kid: "' or 1=1 --" }],
    ['a key set of its own', { kid: 'key-1', jku: 'http://127.0.0.1:1/jwks.json' }],
    ['an unknown critical member', { kid: 'key-1', crit: ['x'], x: 1 }],
  ])('whose header brings %s is refused', async (_what, header) => {
    const verifier = await open(fixedClock(NOW));
    const text = `${segment({ alg: 'EdDSA', ...header })}.${segment(payload)}.${segment('signature')}`;
    expect(await kindOf(verifier.verify(`Bearer ${text}`))).toBe('unauthenticated');
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['only a scheme', 'Bearer'],
    ['a scheme and a blank', 'Bearer '],
    ['of another scheme', 'Basic YTpi'],
    ['no token', 'Bearer a.b.c'],
    ['two words', 'Bearer a b'],
    ['very long', `Bearer ${'a'.repeat(9_000)}`],
  ])('is refused when the header is %s', async (_what, header) => {
    const verifier = await open(fixedClock(NOW));
    expect(await kindOf(verifier.verify(header))).toBe('unauthenticated');
  });

  test('that was verified is remembered for 30 s, not longer', async () => {
    const clock = fixedClock(NOW);
    const other = await openTestIssuer('key-2');
    const folder = await mkdtemp(join(tmpdir(), 'jwks-'));
    const path = join(folder, 'jwks.json');
    try {
      await writeFile(path, JSON.stringify({ keys: [other.publicJwk] }));
      const verifier = await open(clock, path);
      const token = await other.token();
      const principal = await verifier.verify(`Bearer ${token}`);
      clock.advance(29_999);
      expect(await verifier.verify(`Bearer ${token}`)).toBe(principal);
      clock.advance(1);
      expect(await verifier.verify(`Bearer ${token}`)).not.toBe(principal);
    } finally {
      await rm(folder, { recursive: true });
      await other.close();
    }
  });

  test('is not remembered beyond its end', async () => {
    const clock = fixedClock(NOW);
    const verifier = await open(clock);
    const token = await issuer.token({ exp: NOW_SECONDS + 5 });
    const principal = await verifier.verify(`Bearer ${token}`);
    clock.advance(6_000);
    expect(await verifier.verify(`Bearer ${token}`)).not.toBe(principal);
    clock.advance(30_000);
    expect(await kindOf(verifier.verify(`Bearer ${token}`))).toBe('unauthenticated');
  });
});

describe('the key set', () => {
  test('in a file is read again for an unknown key, at most every 30 s', async () => {
    const clock = fixedClock(NOW);
    const rotated = await openTestIssuer('key-2');
    const folder = await mkdtemp(join(tmpdir(), 'jwks-'));
    const path = join(folder, 'jwks.json');
    try {
      await writeFile(path, JSON.stringify({ keys: [issuer.publicJwk] }));
      const verifier = await open(clock, path);
      await writeFile(path, JSON.stringify({ keys: [issuer.publicJwk, rotated.publicJwk] }));
      const token = await rotated.token();
      expect(await kindOf(verifier.verify(`Bearer ${token}`))).toBe('unauthenticated');
      clock.advance(30_000);
      expect(await kindOf(verifier.verify(`Bearer ${token}`))).toBe('accepted');
    } finally {
      await rm(folder, { recursive: true });
      await rotated.close();
    }
  });

  test('with a demo key stops the start unless everything is loopback', async () => {
    const demo = await openTestIssuer('demo-1');
    try {
      await expect(open(fixedClock(NOW), demo.jwksPath)).rejects.toThrow(DemoKeyRefusedError);
      const verifier = await open(fixedClock(NOW), demo.jwksPath, true);
      expect(await kindOf(verifier.verify(`Bearer ${await demo.token()}`))).toBe('accepted');
    } finally {
      await demo.close();
    }
  });

  test.each([
    ['that is not there', '/nowhere/jwks.json'],
    ['over http from elsewhere', 'http://issuer.example/jwks.json'],
  ])('%s stops the start', async (_what, jwks) => {
    await expect(open(fixedClock(NOW), jwks)).rejects.toThrow(KeySetError);
  });

  describe('at a URL', () => {
    let fetches = 0;
    let keys: readonly Record<string, unknown>[] = [];
    let server: Server;
    let url: string;
    beforeAll(async () => {
      server = createServer((_req, res) => {
        fetches += 1;
        res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/jwks.json`;
    });
    afterAll(() => {
      server.close();
      server.closeAllConnections();
    });

    test('is fetched once for many tokens', async () => {
      fetches = 0;
      keys = [issuer.publicJwk];
      const verifier = await open(fixedClock(NOW), url);
      for (const sub of ['a', 'b', 'c']) await verifier.verify(`Bearer ${await issuer.token({ sub })}`);
      const unknown = `${segment({ alg: 'EdDSA', kid: 'nobody' })}.${segment(payload)}.${segment('x')}`;
      for (let n = 0; n < 20; n += 1)
        expect(await kindOf(verifier.verify(`Bearer ${unknown}`))).toBe('unauthenticated');
      expect(fetches).toBe(1);
    });

    test('may hold no demo key either', async () => {
      const demo = await openTestIssuer('demo-1');
      try {
        keys = [demo.publicJwk];
        await expect(open(fixedClock(NOW), url)).rejects.toThrow(DemoKeyRefusedError);
      } finally {
        await demo.close();
      }
    });
  });

  test('that cannot be fetched is our trouble, not the caller’s', async () => {
    const verifier = await open(fixedClock(NOW), 'http://127.0.0.1:1/jwks.json');
    expect(await kindOf(verifier.verify(`Bearer ${await issuer.token()}`))).toBe('unavailable');
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['localhost', true],
  ['::1', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example', false],
  ['localhost.example', false],
  ['10.0.0.1', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
