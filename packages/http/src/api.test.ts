import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import request from 'supertest';
import { z } from 'zod';
import { openTestIssuer } from '../test/issuer.js';
import type { TestIssuer } from '../test/issuer.js';
import { NOBODY, sampleApi, sampleRoutes } from '../test/sample-api.js';
import { listen } from './listen.js';
import { isAllowed, ROLES } from './roles.js';
import { refusalOf } from './error-responder.js';
import { assetSurface } from './surfaces/asset.js';
import { ownSurface } from './surfaces/own.js';
import { tradingSurface } from './surfaces/trading.js';

const ORG = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
const FOREIGN = '0b7c9d5e-6a55-4ab6-9c5e-222222222222';
const PLANT = '0b7c9d5e-6a55-4ab6-9c5e-333333333333';
const LIST = '/asset-api/v1/things';
const ONE = `/api/v1/trading/plants/${PLANT}/thing`;
const MAKE = '/quarterhour/v1/things';

let issuer: TestIssuer;
let api: Express;
let admin: string;
beforeAll(async () => {
  issuer = await openTestIssuer();
  api = await sampleApi(issuer.jwksPath);
  admin = `Bearer ${await issuer.token({ sub: 'ada', orgs: [ORG], roles: ['admin'] })}`;
});
afterAll(() => issuer.close());

const parsedLines = (lines: readonly string[]) =>
  lines.map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));

/** Body of the answer to a request target that is sent as it is. */
const answerTo = (port: number, path: string, authorization: string): Promise<string> =>
  new Promise((resolve, reject) => {
    httpGet({ port, path, agent: false, headers: { authorization } }, (response) => resolve(text(response))).once(
      'error',
      reject,
    );
  });

const get = (url: string) => request(api).get(url).set('authorization', admin);

describe('a request that is fine', () => {
  test('reaches its handler parsed, with principal and scope', async () => {
    const { status, body, headers } = await get(`${LIST}?limit=5&ids=a,b&ids=c`);
    expect(status).toBe(200);
    expect(body).toEqual({
      query: { limit: 5, ids: ['a', 'b', 'c'], order: 'asc' },
      organisations: [NOBODY, ORG],
      subject: 'ada',
    });
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test('gets defaults for what it leaves out', async () => {
    expect((await get(LIST)).body).toMatchObject({ query: { limit: 50, order: 'asc' } });
  });

  test('may be a HEAD', async () => {
    const { status, text } = await request(api).head(LIST).set('authorization', admin);
    expect([status, text]).toEqual([200, undefined]);
  });

  test('carries the headers of a careful server and no others', async () => {
    const { headers } = await get(LIST);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('etag');
  });
});

describe('query parameters', () => {
  test.each([
    ['limit=0', ['query', 'limit'], 'greater_than_equal', { ge: 1 }],
    ['limit=1001', ['query', 'limit'], 'less_than_equal', { le: 1_000 }],
    ['limit=1e9', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=1.5', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=-1', ['query', 'limit'], 'greater_than_equal', { ge: 1 }],
    ['limit=NaN', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=0x10', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=+5', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=99999999999999999999', ['query', 'limit'], 'int_parsing', undefined],
    ['limit=1&limit=2', ['query', 'limit'], 'repeated', undefined],
    ['limit[]=1', ['query', 'limit[]'], 'extra_forbidden', undefined],
    ['limit[a]=1', ['query', 'limit[a]'], 'extra_forbidden', undefined],
    ['Limit=1', ['query', 'Limit'], 'extra_forbidden', undefined],
    ['__proto__=1', ['query', '__proto__'], 'extra_forbidden', undefined],
    ['order=up', ['query', 'order'], 'literal_error', { expected: ['asc', 'desc'] }],
    ['order=asc&order=desc', ['query', 'order'], 'repeated', undefined],
    ['ids=a,,b', ['query', 'ids', 1], 'string_too_short', { min_length: 1 }],
    [`ids=${'x'.repeat(21)}`, ['query', 'ids', 0], 'string_too_long', { max_length: 20 }],
    ['ids=a,b&ids=c,d', ['query', 'ids'], 'too_long', { max_length: 3 }],
  ])('%s are refused with their place and kind', async (search, loc, type, ctx) => {
    const { status, body } = await get(`${LIST}?${search}`);
    expect(status).toBe(422);
    expect(assetSurface.errorSchemas.invalid.safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ detail: [{ loc, type, ...(ctx === undefined ? {} : { ctx }) }] });
  });

  test('are refused all at once', async () => {
    const { body } = await get(`${LIST}?limit=0&order=up&page=2`);
    const detail = [{ loc: ['query', 'limit'], input: '0' }, { loc: ['query', 'order'] }, { loc: ['query', 'page'] }];
    expect(body).toMatchObject({ detail });
  });

  test('that hold a token do not log anybody in', async () => {
    const token = admin.slice('Bearer '.length);
    expect((await request(api).get(`${LIST}?access_token=${token}`)).status).toBe(401);
  });
});

describe('what cannot be read', () => {
  test.each(['%', '%ff'])('a query with %s is a complaint about its escape', async (escape) => {
    const { status, body } = await get(`${LIST}?limit=${escape}`);
    expect(status).toBe(422);
    expect(body.detail).toMatchObject([{ loc: ['query'], type: 'escape_parsing', input: escape }]);
    expect(assetSurface.errorSchemas.invalid.safeParse(body).error).toBeUndefined();
  });

  test.each(['%', '%c3%28'])('a plant id with %s is no UUID', async (escape) => {
    const { status, body } = await get(`/api/v1/trading/plants/${escape}/thing`);
    expect([status, body.code]).toEqual([400, 'INVALID_UUID']);
    expect(tradingSurface.errorSchemas.invalid.safeParse(body).error).toBeUndefined();
  });

  test.each(['/%', '/%00', '/asset-api/v1/%zz', '//', '/asset-api/v1/../../etc/passwd', '/asset-api/v1/things/'])(
    '%s is nowhere',
    async (url) => {
      expect((await get(url)).status).toBe(404);
    },
  );
});

describe('refusals', () => {
  test.each([
    [LIST, assetSurface],
    [ONE, tradingSurface],
  ])('%s without a token is 401 with a challenge', async (url, surface) => {
    const { status, body, headers } = await request(api).get(url);
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer');
    expect(surface.errorSchemas.other.safeParse(body).error).toBeUndefined();
  });

  test.each([
    ['/asset-api/v1/nothing', assetSurface, { detail: 'There is nothing at this address.' }],
    ['/api/v1/trading/nothing', tradingSurface, { statusCode: 404, code: 'NOT_FOUND', error: 'Not Found' }],
    ['/quarterhour/v1/nothing', ownSurface, { status: 404, code: 'NOT_FOUND', title: 'Not Found' }],
    ['/nothing', ownSurface, { status: 404, code: 'NOT_FOUND' }],
  ])('%s is 404 in the shape of its surface', async (url, surface, expected) => {
    const { status, body, headers } = await get(url);
    expect(status).toBe(404);
    expect(body).toMatchObject(expected);
    expect(surface.errorSchemas.other.safeParse(body).error).toBeUndefined();
    expect(headers['content-type']).toContain(surface.errorContentType);
  });

  test.each([
    ['post', LIST, 'GET, HEAD'],
    ['delete', LIST, 'GET, HEAD'],
    ['options', LIST, 'GET, HEAD'],
    ['trace', LIST, 'GET, HEAD'],
    ['put', ONE, 'GET, HEAD'],
    ['get', MAKE, 'POST'],
  ] as const)('%s %s is 405 and says what is allowed', async (method, url, allow) => {
    const { status, headers } = await request(api)[method](url).set('x-http-method-override', 'GET');
    expect([status, headers['allow']]).toEqual([405, allow]);
  });

  test.each(['text/html', 'application/xml;q=1, application/json;q=0'])('Accept: %s is 406', async (accept) => {
    expect((await get(LIST).set('accept', accept)).status).toBe(406);
  });

  test.each(['*/*', 'application/*', 'application/json', 'text/html, */*;q=0.1'])(
    'Accept: %s is fine',
    async (accept) => {
      expect((await get(LIST).set('accept', accept)).status).toBe(200);
    },
  );

  test('another organisation’s thing is answered like one that does not exist', async () => {
    const one = await get(ONE).set('x-org-id', FOREIGN).set('x-request-id', 'same-request');
    expect([one.status, one.body.code]).toEqual([404, 'PLANT_NOT_FOUND']);
    expect((await get(LIST).set('x-org-id', FOREIGN)).status).toBe(403);
  });

  test('a malformed plant id has its own code', async () => {
    const { status, body } = await get('/api/v1/trading/plants/1/thing');
    expect([status, body.code]).toEqual([400, 'INVALID_UUID']);
    expect(tradingSurface.errorSchemas.invalid.safeParse(body).error).toBeUndefined();
  });

  test('an absolute request target counts without its scheme and host', async () => {
    const lines: string[] = [];
    const listener = await listen(await sampleApi(issuer.jwksPath, { lines }), { host: '127.0.0.1', port: 0 });
    try {
      const answer = await answerTo(listener.port, `http://elsewhere.example${LIST}?ids=%ff`, admin);
      expect(answer).toContain('"loc":["query"]');
      expect(parsedLines(lines)).toMatchObject([{ path: LIST, status: 422 }]);
    } finally {
      await listener.close();
    }
  });

  test('a malformed x-org-id is a complaint about that header', async () => {
    const { status, body } = await get(LIST).set('x-org-id', 'mine');
    expect(status).toBe(422);
    expect(body.detail).toMatchObject([{ loc: ['header', 'x-org-id'], type: 'uuid_parsing' }]);
  });
});

describe('bodies', () => {
  const post = () => request(api).post(MAKE).set('authorization', admin);

  test('are parsed strictly, complaints in one list', async () => {
    const { status, body } = await post().send({ name: '', sizes: [1, 10], owner: 'me' });
    expect(status).toBe(400);
    expect(ownSurface.errorSchemas.invalid.safeParse(body).error).toBeUndefined();
    const errors = [
      { path: ['name'], code: 'string_too_short' },
      { path: ['sizes', 1], code: 'less_than_equal' },
      { path: ['owner'], code: 'extra_forbidden' },
    ];
    expect(body).toMatchObject({ errors });
  });

  test('reach the handler', async () => {
    expect((await post().send({ name: 'n' })).body).toEqual({ name: 'n' });
  });

  test.each([
    ['plain text', 'text/plain', '{}', 415],
    ['a near miss', 'text/json', '{}', 415],
    ['another charset', 'application/json; charset=utf-7', '{}', 415],
    ['a form', 'application/x-www-form-urlencoded', 'name=n', 415],
    ['broken JSON', 'application/json', '{', 400],
    ['a bare value', 'application/json', '"text"', 400],
    ['too much', 'application/json', `{"name":"${'n'.repeat(300_000)}"}`, 413],
  ])('that are %s are refused', async (_what, type, text, expected) => {
    const { status, body } = await post().set('content-type', type).send(text);
    expect(status).toBe(expected);
    expect(ownSurface.errorSchemas.other.safeParse(body).error).toBeUndefined();
  });

  test('that are compressed are 415', async () => {
    const { status } = await post().set('content-type', 'application/json').set('content-encoding', 'gzip').send('x');
    expect(status).toBe(415);
  });
});

describe('an error from below', () => {
  const throwing = (error: Error) => (): never => {
    throw error;
  };
  const failing = async (error: Error, lines: string[] = []) =>
    request(await sampleApi(issuer.jwksPath, { behaviour: { fail: throwing(error) }, lines }))
      .get(LIST)
      .set('authorization', admin);

  test('that may pass is 503 with Retry-After', async () => {
    const { status, headers, body } = await failing(
      Object.assign(new Error('connect 10.0.0.7'), { code: 'ECONNREFUSED' }),
    );
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(assetSurface.errorSchemas.other.safeParse(body).error).toBeUndefined();
    expect(JSON.stringify(body)).not.toContain('10.0.0.7');
  });

  test('that is our bug is 500, says nothing, and is logged once with the request id', async () => {
    const lines: string[] = [];
    const { status, body, headers } = await failing(new TypeError('select secret from app.plant'), lines);
    expect([status, body]).toEqual([500, { detail: 'Something went wrong on our side.' }]);
    const logged = parsedLines(lines).filter(({ level }) => level === 'error');
    expect(logged).toMatchObject([{ requestId: headers['x-request-id'], err: { type: 'TypeError' } }]);
  });

  test('about a value is the caller’s', async () => {
    expect((await failing(Object.assign(new Error('invalid input syntax'), { code: '22P02' }))).status).toBe(422);
  });

  test('that is a failed parse of ours is our bug', () => {
    expect(refusalOf(z.string().safeParse(1).error, () => 'infrastructure')).toEqual({ kind: 'internal' });
  });
});

describe('the request id', () => {
  test.each(['0123456789abcdef', 'trace-1.2_3'])('%s is taken over', async (id) => {
    expect((await get(LIST).set('x-request-id', id)).headers['x-request-id']).toBe(id);
  });

  test.each(['short', 'has blanks in it', '<script>alert(1)</script>', 'x'.repeat(65)])(
    '%j is replaced',
    async (id) => {
      expect((await get(LIST).set('x-request-id', id)).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  test('is in the bodies that have a place for it, and in the log', async () => {
    const lines: string[] = [];
    const other = await sampleApi(issuer.jwksPath, { lines });
    const id = 'request-0001';
    const trading = await request(other).get('/api/v1/trading/nothing').set('x-request-id', id);
    const own = await request(other).get('/nothing?token=abc').set('x-request-id', id);
    expect(trading.body.details.requestId).toBe(id);
    expect(own.body.request_id).toBe(id);
    expect(parsedLines(lines)).toMatchObject([
      { requestId: id, status: 404, path: '/api/v1/trading/nothing' },
      { requestId: id, status: 404, path: '/nothing' },
    ]);
  });
});

describe('the role matrix', () => {
  const addresses: Record<string, ['get' | 'post', string]> = {
    listThings: ['get', LIST],
    getPlantThing: ['get', ONE],
    createThing: ['post', MAKE],
  };
  const cells = sampleRoutes.flatMap((route) =>
    [...ROLES, 'guest', 'Admin', ''].map(
      (role) => [route.operationId, role, isAllowed([role], route.capability) ? 200 : 403] as const,
    ),
  );

  test.each(cells)('%s as %j is %s', async (operationId, role, expected) => {
    const [method, url] = addresses[operationId]!;
    const token = await issuer.token({ orgs: [ORG], roles: role === '' ? [] : [role] });
    const sent = request(api)[method](url).set('authorization', `Bearer ${token}`);
    const { status } = await (method === 'post' ? sent.send({ name: 'n' }) : sent);
    expect(status).toBe(expected);
  });

  test('is asked before the request is parsed', async () => {
    const token = await issuer.token({ orgs: [ORG], roles: ['guest'] });
    const { status } = await request(api).get(`${LIST}?limit=0`).set('authorization', `Bearer ${token}`);
    expect(status).toBe(403);
  });
});

describe('health pages', () => {
  test('tell the process from its dependencies', async () => {
    const unready = await sampleApi(issuer.jwksPath, { isReady: false });
    expect((await request(unready).get('/healthz')).status).toBe(200);
    expect((await request(api).get('/readyz')).status).toBe(200);
    const { status, body } = await request(unready).get('/readyz');
    expect([status, body]).toEqual([503, { status: 'not ready', checks: { database: { ok: false } } }]);
  });

  test.each(['/healthz', '/metrics', '/docs', '/docs/asset.json'])('%s can only be read', async (page) => {
    for (const method of ['post', 'options', 'delete'] as const) {
      const { status, headers } = await request(api)[method](page);
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
  });

  test('count requests by operation', async () => {
    await get(LIST);
    const { text } = await request(api).get('/metrics');
    expect(text).toMatch(/quarterhour_http_request_seconds_count\{operation="listThings",status="2xx"\} [1-9]/);
  });
});

describe('the reference', () => {
  test('lists the surfaces and shows each from its own document', async () => {
    expect((await request(api).get('/docs')).text).toContain('href="/docs/trading"');
    expect((await request(api).get('/docs/trading')).text).toContain('spec-url="/docs/trading.json"');
    const { body } = await request(api).get('/docs/trading.json');
    expect(body).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/api/v1/trading' }] });
    expect(body).toHaveProperty(['paths', '/plants/{plantId}/thing', 'get', 'operationId'], 'getPlantThing');
    expect(body).not.toHaveProperty(['paths', '/things']);
  });

  test('shows the whole of what several processes serve, where it is given that', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'documents-'));
    const document = { openapi: '3.1.0', info: { title: 'All', description: 'Both' }, servers: [{ url: '/all/v1' }] };
    await writeFile(path.join(folder, 'all.json'), JSON.stringify(document));
    const shown = await sampleApi(issuer.jwksPath, { documentsFolder: folder });
    const index = (await request(shown).get('/docs')).text;
    expect(index).toContain('<a href="/docs/all">All</a> <code>/all/v1</code><br>Both');
    expect(index).not.toContain('/docs/trading');
    expect((await request(shown).get('/docs/all.json')).body).toEqual(document);
    await rm(folder, { recursive: true });
  });

  test('may load nothing from elsewhere', async () => {
    const { headers, text } = await request(api).get('/docs/asset');
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(text).not.toMatch(/https?:\/\//);
    expect((await request(api).get('/docs/redoc.standalone.js')).headers['content-type']).toContain('javascript');
  });
});
