import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import express from 'express';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createLogger } from '@quarterhour/runtime';
import { beginExchange } from './exchange.js';
import { listen, type Listener } from './listen.js';
import { lines } from './reply.js';
import { sendChunks } from './send-chunks.js';

const CHUNK = 'x'.repeat(100_000);
const CHUNKS = 400;

let listener: Listener;
const log: string[] = [];
afterEach(async () => {
  log.length = 0;
  await listener.close();
});

/** What is known of a stream from its own side. */
interface Source {
  made: number;
  hasEnded: boolean;
}

async function serve(failAfter = Infinity): Promise<Source> {
  const source: Source = { made: 0, hasEnded: false };
  const app = express().use(beginExchange());
  app.use(async (req, res) => {
    const reply = lines(chunks(source, failAfter), { format: 'csv', name: 'all', headers: {} });
    await sendChunks(
      req,
      res,
      reply,
      createLogger({ name: 'test', level: 'error', destination: { write: (line) => log.push(line) } }),
    );
  });
  listener = await listen(app, { host: '127.0.0.1', port: 0, closeBudgetMs: 200 });
  return source;
}

async function* chunks(source: Source, failAfter: number): AsyncGenerator<string, void> {
  try {
    for (; source.made < CHUNKS; source.made += 1) {
      if (source.made === failAfter) throw new Error('broken off');
      yield await Promise.resolve(CHUNK);
    }
  } finally {
    source.hasEnded = true;
  }
}

const open = (method = 'GET'): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(listener.url, { method, agent: false }, resolve).once('error', reject);
  });
const quiet = () => new Promise((resolve) => setTimeout(resolve, 300));

describe('a text that is made while it is sent', () => {
  test('comes whole', async () => {
    const source = await serve();
    expect((await text(await open())).length).toBe(CHUNKS * CHUNK.length);
    expect(source).toEqual({ made: CHUNKS, hasEnded: true });
  });

  test('is made no faster than it is read', async () => {
    const source = await serve();
    const response = await open();
    await quiet();
    const made = source.made;
    expect(made).toBeLessThan(CHUNKS / 2);
    await quiet();
    expect(source.made).toBe(made);
    response.destroy();
  });

  test('is given up when its reader goes away', async () => {
    const source = await serve();
    const response = await open();
    await quiet();
    response.destroy();
    await quiet();
    expect(source.hasEnded).toBe(true);
    expect(source.made).toBeLessThan(CHUNKS);
    expect(log).toEqual([]);
  });

  test('is cut where it fails, and that is logged once', async () => {
    await serve(3);
    const response = await open();
    await expect(text(response)).rejects.toThrow();
    expect(response.complete).toBe(false);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('broken off');
  });

  test('is not begun for a HEAD', async () => {
    const source = await serve();
    expect(await text(await open('HEAD'))).toBe('');
    expect(source).toEqual({ made: 0, hasEnded: false });
  });

  test('has a name that is fit for a file', () => {
    const named = (name: string) => () =>
      lines(chunks({ made: 0, hasEnded: false }, 0), { format: 'csv', name, headers: {} });
    expect(named('dispatches-20260115T100000Z')().headers['content-disposition']).toBe(
      'attachment; filename="dispatches-20260115T100000Z.csv"',
    );
    for (const name of ['a"b', '../a', 'a b', 'ä', '', 'a\r\nb']) expect(named(name)).toThrow(RangeError);
  });
});
