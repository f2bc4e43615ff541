import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import request from 'supertest';
import { z } from 'zod';
import { openTestIssuer } from '../test/issuer.js';
import type { TestIssuer } from '../test/issuer.js';
import { sampleApi } from '../test/sample-api.js';
import { matchingTag } from './entity-tag.js';
import { documentOf } from './openapi.js';
import { json } from './reply.js';
import { noBody, noParameters, route } from './route.js';
import { ownSurface } from './surfaces/own.js';

const ORG = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
const OTHER = '0b7c9d5e-6a55-4ab6-9c5e-222222222222';
const NOTE = '/quarterhour/v1/notes/1';
const TWIN = '/quarterhour/v1/twins/1';
const LIST = '/quarterhour/v1/notes';

let note = 'short';
let known = 1;
const read = (path: `/${string}`, operationId: string, answersOneResource: boolean) =>
  route({
    surface: ownSurface,
    method: 'get',
    path,
    operationId,
    summary: 'Read',
    tag: 'Notes',
    capability: 'dispatches:read',
    params: path.includes('{') ? z.strictObject({ id: z.string() }) : noParameters,
    query: noParameters,
    body: noBody,
    responses: { 200: { description: 'It', schema: z.unknown() } },
    answersOneResource,
    handler: () => Promise.resolve(json({ note }, { 'quarterhour-known-at': `mark ${known}` })),
  });
const routes = [
  read('/notes/{id}', 'getNote', true),
  read('/twins/{id}', 'getTwin', true),
  read('/notes', 'listNotes', false),
];

let issuer: TestIssuer;
let api: Express;
let ours: string;
let theirs: string;
beforeAll(async () => {
  issuer = await openTestIssuer();
  api = await sampleApi(issuer.jwksPath, { routes });
  const bearer = async (org: string) => `Bearer ${await issuer.token({ orgs: [org], roles: ['operator'] })}`;
  [ours, theirs] = [await bearer(ORG), await bearer(OTHER)];
});
afterAll(() => issuer.close());

const get = (url: string, authorization: string, headers: Record<string, string> = {}) =>
  request(api)
    .get(url)
    .set({ authorization, 'accept-encoding': 'identity', ...headers });
const tagOf = async (url: string, authorization: string, headers: Record<string, string> = {}) =>
  String((await get(url, authorization, headers)).headers['etag']);

describe('one resource', () => {
  test('carries a strong tag, and may be kept by who asked for it only', async () => {
    const { headers } = await get(NOTE, ours);
    expect(headers).toMatchObject({
      etag: expect.stringMatching(/^"[\w-]{43}"$/),
      'cache-control': 'private, no-cache',
      vary: 'Accept-Encoding',
    });
  });

  test('that the caller has is 304: no body, no type, the newest headers', async () => {
    const etag = await tagOf(NOTE, ours);
    known += 1;
    const { status, headers, text } = await get(NOTE, ours, { 'if-none-match': etag });
    expect([status, text]).toEqual([304, '']);
    expect(headers).toMatchObject({
      etag,
      'cache-control': 'private, no-cache',
      vary: 'Accept-Encoding',
      'quarterhour-known-at': `mark ${known}`,
    });
    for (const name of ['content-type', 'content-length', 'content-encoding']) expect(headers).not.toHaveProperty(name);
    expect((await request(api).head(NOTE).set({ authorization: ours, 'if-none-match': etag })).status).toBe(304);
  });

  test('that changed is answered anew', async () => {
    const etag = await tagOf(NOTE, ours);
    note = 'another';
    const { status, headers, body } = await get(NOTE, ours, { 'if-none-match': etag });
    expect([status, body]).toEqual([200, { note: 'another' }]);
    expect(headers['etag']).not.toBe(etag);
  });

  test('has another tag for another organisation, for a part of the organisations, and at another address', async () => {
    const both = `Bearer ${await issuer.token({ orgs: [ORG, OTHER], roles: ['operator'] })}`;
    const tags = [await tagOf(NOTE, ours), await tagOf(NOTE, theirs), await tagOf(NOTE, both), await tagOf(TWIN, ours)];
    expect(new Set(tags).size).toBe(4);
    expect(await tagOf(NOTE, both, { 'x-org-id': ORG })).toBe(tags[0]);
    expect((await get(NOTE, theirs, { 'if-none-match': String(tags[0]) })).status).toBe(200);
  });

  test('is not told to be unchanged to somebody who may not read it', async () => {
    const guest = `Bearer ${await issuer.token({ orgs: [ORG], roles: ['guest'] })}`;
    expect((await get(NOTE, guest, { 'if-none-match': await tagOf(NOTE, ours) })).status).toBe(403);
  });

  test('is documented with its tag and its 304', () => {
    const document = documentOf(ownSurface, routes);
    const one = ['paths', '/notes/{id}', 'get'];
    const ifNoneMatch: unknown = expect.objectContaining({ name: 'if-none-match', in: 'header' });
    expect(document).toHaveProperty([...one, 'responses', '200', 'headers', 'ETag']);
    expect(document).toHaveProperty([...one, 'responses', '304', 'headers', 'ETag']);
    expect(document).not.toHaveProperty([...one, 'responses', '304', 'content']);
    expect(document).toHaveProperty([...one, 'parameters'], expect.arrayContaining([ifNoneMatch]));
    expect(document).not.toHaveProperty(['paths', '/notes', 'get', 'responses', '304']);
  });
});

describe('a list', () => {
  test('is not kept and has no tag', async () => {
    const { status, headers } = await get(LIST, ours, { 'if-none-match': '*' });
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(headers).not.toHaveProperty('etag');
  });
});

describe('a compressed form', () => {
  test('has a tag of its own, which counts like that of the plain one', async () => {
    note = 'n'.repeat(2_000);
    const plain = await tagOf(NOTE, ours);
    const zipped = await tagOf(NOTE, ours, { 'accept-encoding': 'gzip' });
    expect(zipped).toBe(plain.replace(/"$/, '-gzip"'));
    for (const tag of [plain, zipped]) {
      const again = await get(NOTE, ours, { 'accept-encoding': 'gzip', 'if-none-match': tag });
      expect([again.status, again.headers['etag']]).toEqual([304, tag]);
    }
  });
});

describe('If-None-Match', () => {
  test.each([
    ['"a"', '"a"'],
    ['"b", "a"', '"a"'],
    ['W/"a"', '"a"'],
    ['"b",W/"a-br"', '"a-br"'],
    ['*', '"a"'],
    ['"b"', undefined],
    ['a', undefined],
    ['"a-zip"', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s finds %s', (header, found) => {
    expect(matchingTag(header, '"a"')).toBe(found);
  });
});
