import { Agent, get as httpGet } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { sleep } from '@quarterhour/runtime';
import { listen } from './listen.js';

const statusOf = (url: string, agent: Agent | false = false): Promise<number | string> =>
  new Promise((resolve) => {
    httpGet(url, { agent }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    }).once('error', (error) => resolve(error.message));
  });

const rawAnswer = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
    });
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });

describe('a listener', () => {
  test('picks a free port and says where it is', async () => {
    const listener = await listen((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 });
    try {
      expect(listener.url).toBe(`http://127.0.0.1:${listener.port}`);
      expect(await statusOf(listener.url)).toBe(200);
    } finally {
      await listener.close();
    }
    expect(await statusOf(listener.url)).toContain('ECONNREFUSED');
  });

  test('that finds its port taken says so', async () => {
    const first = await listen((_req, res) => res.end(), { host: '127.0.0.1', port: 0 });
    try {
      const second = listen((_req, res) => res.end(), { host: '127.0.0.1', port: first.port });
      await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
    } finally {
      await first.close();
    }
  });

  test('that closes finishes the answer in hand and drops idle connections', async () => {
    const listener = await listen((_req, res) => void sleep(300).then(() => res.end('ok')), {
      host: '127.0.0.1',
      port: 0,
    });
    const keepingAlive = new Agent({ keepAlive: true });
    const inHand = statusOf(listener.url, keepingAlive);
    const idle = rawAnswer(listener.port, '');
    await sleep(100);
    const start = performance.now();
    await listener.close();
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(await inHand).toBe(200);
    expect(await idle).toBe('');
    keepingAlive.destroy();
  });

  test('that closes does not wait for ever', async () => {
    const listener = await listen(() => undefined, { host: '127.0.0.1', port: 0, closeBudgetMs: 200 });
    const stuck = statusOf(listener.url);
    await sleep(50);
    await listener.close();
    expect(await stuck).toContain('hang up');
  });

  test.each([
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', '400'],
    ['headers beyond 16 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, '431'],
    ['more than 100 headers', `GET / HTTP/1.1\r\nHost: a\r\n${'X: x\r\n'.repeat(100)}\r\n`, '431'],
    ['an address beyond 64 KiB', `GET /?${'x'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, '431'],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', '400'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
    ],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nConnection: close\r\n\r\n', '400|200'],
    ['no HTTP at all', 'hello\r\n\r\n', '400'],
  ])('answers a request with %s by itself', async (_what, text, status) => {
    const listener = await listen((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 });
    try {
      expect(await rawAnswer(listener.port, text)).toMatch(new RegExp(`^HTTP/1.1 (${status}) `));
    } finally {
      await listener.close();
    }
  });

  test('takes an address that names 500 assets', async () => {
    const listener = await listen((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 });
    try {
      expect(await statusOf(`${listener.url}/?${`asset_ids=${'A'.repeat(75)}&`.repeat(500)}`)).toBe(200);
    } finally {
      await listener.close();
    }
  });

  test('cuts a client that does not finish its headers in 5 s', async () => {
    const listener = await listen((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 });
    try {
      expect(await rawAnswer(listener.port, 'GET / HTTP/1.1\r\nHost: a\r\n')).toContain('408');
    } finally {
      await listener.close();
    }
  });
});
