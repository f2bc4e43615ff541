import { once } from 'node:events';
import { Agent, get as httpGet } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
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

  test('ends a connection that is idle for as long as it was told', async () => {
    const answering = (_req: IncomingMessage, res: ServerResponse) => res.end('ok');
    const [brief, patient] = [
      await listen(answering, { host: '127.0.0.1', port: 0, idleTimeoutMs: 100 }),
      await listen(answering, { host: '127.0.0.1', port: 0, idleTimeoutMs: 60_000 }),
    ];
    const over = new AbortController();
    const lasting = rawAnswer(patient.port, 'GET / HTTP/1.1\r\nHost: here\r\n\r\n').then(() => over.abort());
    await rawAnswer(brief.port, 'GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    expect(over.signal.aborted).toBe(false);
    await Promise.all([brief.close(), patient.close(), lasting]);
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
    ['an address beyond 48 KiB', `GET /?${'x'.repeat(50_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, '414'],
    ['an address beyond 64 KiB', `GET /?${'x'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, '431'],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', '400'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
    ],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nConnection: close\r\n\r\n', '400|200'],
    ['an endless header', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}`, '431'],
    ['a bare line feed in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\nContent-Length: 5\r\n\r\n', '400'],
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

  test('answers nothing to CONNECT', async () => {
    const listener = await listen((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 });
    try {
      expect(await rawAnswer(listener.port, 'CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n')).toBe('');
    } finally {
      await listener.close();
    }
  });

  test('has at most 16 requests of a connection in hand, and cuts one that sends more at once', async () => {
    let inHand = 0;
    let most = 0;
    const listener = await listen(
      (_req, res) => {
        inHand += 1;
        most = Math.max(most, inHand);
        void sleep(100).then(() => {
          inHand -= 1;
          res.end('ok');
        });
      },
      { host: '127.0.0.1', port: 0 },
    );
    try {
      const answers = await rawAnswer(listener.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200));
      expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual([
        ...Array.from({ length: 16 }, () => 'HTTP/1.1 200'),
        'HTTP/1.1 429',
      ]);
      expect(most).toBe(16);
    } finally {
      await listener.close();
    }
  });

  test('serves 1,000 requests on one connection', async () => {
    const clients = new Set<number | undefined>();
    const answered = (req: IncomingMessage, res: ServerResponse): void => {
      clients.add(req.socket.remotePort);
      res.end('ok');
    };
    const listener = await listen(answered, { host: '127.0.0.1', port: 0 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let n = 0; n < 1_000; n += 1) await statusOf(listener.url, agent);
      expect(clients.size).toBe(1);
      expect(await statusOf(listener.url, agent)).toBe(200);
      expect(clients.size).toBe(2);
    } finally {
      agent.destroy();
      await listener.close();
    }
  });

  test('gives up the oldest idle connection for a new one when there are 2,000', async () => {
    const listener = await listen((_req, res) => res.end('ok'), { host: '127.0.0.1', port: 0 });
    const idle: Socket[] = [];
    let closed = 0;
    try {
      for (let n = 0; n < 2_050; n += 1) {
        const socket = connect(listener.port, '127.0.0.1').on('error', () => undefined);
        socket.once('close', () => (closed += 1));
        idle.push(socket);
        await once(socket, 'connect');
      }
      expect(await statusOf(listener.url)).toBe(200);
      await sleep(100);
      expect(closed).toBeGreaterThanOrEqual(50);
      expect(closed).toBeLessThan(150);
      expect(idle[0]?.closed).toBe(true);
      expect(idle.at(-1)?.closed).toBe(false);
    } finally {
      for (const socket of idle) socket.destroy();
      await listener.close();
    }
  });
});

/** A client that sends one more piece every half second, and reads only if it is told to. */
const cutAfter = (
  port: number,
  { sends, piece = '', reads = true }: { sends: string; piece?: string; reads?: boolean },
): Promise<{ answer: string; seconds: number }> =>
  new Promise((resolve) => {
    const start = performance.now();
    const socket = connect(port, '127.0.0.1', () => socket.write(sends));
    const dripping = setInterval(() => socket.write(piece), 500);
    let answer = '';
    if (reads) socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(dripping);
      resolve({ answer, seconds: (performance.now() - start) / 1_000 });
    });
  });

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\n';

describe('a client that', () => {
  test.concurrent.each([
    ['sends its headers line by line is cut after 5 s', { sends: HEAD, piece: 'X: x\r\n' }, 5, '408'],
    ['sends nothing is cut after 5 s', { sends: '' }, 5, ''],
    [
      'sends its body byte by byte is cut after 10 s',
      { sends: `${HEAD}Content-Length: 99\r\n\r\n`, piece: 'x' },
      10,
      '408',
    ],
    [
      'sends its chunks byte by byte is cut after 10 s',
      { sends: `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, piece: '1\r\nx\r\n' },
      10,
      '408',
    ],
    ['asks nothing more is cut after 5 s', { sends: `${HEAD}\r\n` }, 5, '200'],
  ])('%s', async (_what, client, after, status) => {
    const answered = (req: IncomingMessage, res: ServerResponse): void => {
      req.resume().once('end', () => res.end('ok'));
    };
    const listener = await listen(answered, { host: '127.0.0.1', port: 0 });
    try {
      const { answer, seconds } = await cutAfter(listener.port, client);
      expect(answer).toContain(status);
      expect(seconds).toBeGreaterThan(after - 0.5);
      expect(seconds).toBeLessThan(after + 3);
    } finally {
      await listener.close();
    }
  });

  test.concurrent(
    'waits for its answer is not cut',
    async () => {
      const slow = (_req: IncomingMessage, res: ServerResponse): void => void sleep(20_000).then(() => res.end('ok'));
      const listener = await listen(slow, { host: '127.0.0.1', port: 0 });
      try {
        expect(await statusOf(listener.url)).toBe(200);
      } finally {
        await listener.close();
      }
    },
    45_000,
  );

  test.concurrent(
    'does not read its answer is cut within 30 s',
    async () => {
      let start = 0;
      let cutAfterSeconds = 0;
      const listener = await listen(
        (_req, res) => {
          start = performance.now();
          res.once('close', () => (cutAfterSeconds = (performance.now() - start) / 1_000));
          res.end(Buffer.alloc(50_000_000));
        },
        { host: '127.0.0.1', port: 0 },
      );
      const socket = connect(listener.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
      socket.pause().on('error', () => undefined);
      try {
        for (let waited = 0; cutAfterSeconds === 0 && waited < 40; waited += 1) await sleep(1_000);
        expect(cutAfterSeconds).toBeGreaterThan(14);
        expect(cutAfterSeconds).toBeLessThan(32);
      } finally {
        socket.destroy();
        await listener.close();
      }
    },
    45_000,
  );
});
