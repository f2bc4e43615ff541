import { get as httpGet } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import { sleep } from '@quarterhour/runtime';
import { compressAnswers } from './compress.js';
import { listen } from './listen.js';
import type { Listener } from './listen.js';

const LONG = JSON.stringify(Array.from({ length: 200 }, (_, n) => ({ n, text: 'as long as it takes' })));

let listener: Listener;
beforeAll(async () => {
  const app = express();
  app.use(compressAnswers());
  app.get('/long', (_req, res) => void res.type('application/json').send(LONG));
  app.get('/edge/:bytes', (req, res) => void res.type('application/json').send('1'.repeat(Number(req.params.bytes))));
  app.get('/bundle', (_req, res) => void res.type('image/png').send(Buffer.alloc(5_000)));
  app.get('/slow', async (_req, res) => {
    res.type('application/x-ndjson').write('{"row":1}\n');
    await sleep(1_000);
    res.end('{"row":2}\n');
  });
  app.get('/large', async (_req, res) => {
    const rows = Readable.from(Array.from({ length: 2_000 }, (_, n) => `${n},${'x'.repeat(500)}\n`));
    await pipeline(rows, res.type('text/csv'));
  });
  listener = await listen(app, { host: '127.0.0.1', port: 0 });
});
afterAll(() => listener.close());

interface Answer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
}

const ask = (path: string, acceptEncoding?: string, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding };
    httpGet(`${listener.url}${path}`, { agent: false, method, headers }, (response) => {
      buffer(response).then((bytes) => resolve({ headers: response.headers, bytes }), reject);
    }).once('error', reject);
  });

describe('an answer', () => {
  test('is compressed when asked for, and the same then', async () => {
    const { headers, bytes } = await ask('/long', 'gzip');
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(bytes.length).toBeLessThan(LONG.length / 4);
    expect(gunzipSync(bytes).toString()).toBe(LONG);
    const brotli = await ask('/long', 'br');
    expect(brotliDecompressSync(brotli.bytes).toString()).toBe(LONG);
  });

  test.each([
    [undefined, undefined],
    ['identity', undefined],
    ['gzip;q=0', undefined],
    ['gzip;q=0.5, identity', undefined],
    ['zstd', undefined],
    ['gzip;q=0.2, br;q=0.1', 'gzip'],
    ['gzip, br;q=0.5', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['*', 'br'],
  ])('to Accept-Encoding: %s is in %s', async (accepted, coding) => {
    const { headers, bytes } = await ask('/long', accepted);
    expect([headers['content-encoding'], headers['vary']]).toEqual([coding, 'Accept-Encoding']);
    if (coding === undefined) expect(bytes.toString()).toBe(LONG);
  });

  test.each([
    ['/edge/1023', undefined],
    ['/edge/1024', 'gzip'],
    ['/bundle', undefined],
  ])('%s is in %s', async (path, coding) => {
    const { headers } = await ask(path, 'gzip');
    expect(headers['content-encoding']).toBe(coding);
  });

  test('to HEAD is not compressed', async () => {
    const { headers, bytes } = await ask('/long', 'gzip', 'HEAD');
    expect([headers['content-encoding'], headers['vary'], bytes.length]).toEqual([undefined, 'Accept-Encoding', 0]);
  });

  test.each([
    ['gzip', createGunzip],
    ['br', createBrotliDecompress],
  ] as const)('in pieces goes out in %s as it is written', async (coding, decompress) => {
    const start = performance.now();
    const first = await new Promise<string>((resolve, reject) => {
      httpGet(`${listener.url}/slow`, { agent: false, headers: { 'accept-encoding': coding } }, (response) => {
        response.pipe(decompress()).once('data', (row: Buffer) => resolve(row.toString()));
      }).once('error', reject);
    });
    expect(first).toBe('{"row":1}\n');
    expect(performance.now() - start).toBeLessThan(700);
  });

  test('that is larger than every buffer arrives whole', async () => {
    const plain = await ask('/large');
    const zipped = await ask('/large', 'gzip');
    expect(gunzipSync(zipped.bytes).equals(plain.bytes)).toBe(true);
  });
});
