import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { fixedClock, systemClock } from '../clock.js';
import { GuardedClient, type GuardedClientOptions, type OutboundRequest } from './guarded-client.js';
import { OutboundError } from './outbound-error.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const LIMITS = { connectMs: 400, headersMs: 400, bodyMs: 400, totalMs: 1_200, jitterMs: 0 };

function aClient(testOrigin: string | null, different: Partial<GuardedClientOptions> = {}): GuardedClient {
  const client = new GuardedClient({
    rules: { allowsHttp: true, ownHosts: [], testOrigins: testOrigin === null ? [] : [testOrigin] },
    clock: systemClock,
    limits: LIMITS,
    ...different,
  });
  closing.push(() => client.close());
  return client;
}

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

const httpServer = (answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> =>
  listening(createHttpServer(answer));
/** Sends bytes to whoever connects, without listening to what it says. */
const rawServer = (talk: (socket: Socket) => void): Promise<string> => listening(createServer(talk));

const get = (client: GuardedClient, baseUrl: string, more: Partial<OutboundRequest> = {}) =>
  client.request('org', { method: 'GET', baseUrl, path: '/plants', ...more });

async function failure(asked: Promise<unknown>): Promise<OutboundError> {
  const error: unknown = await asked.then(
    () => new Error('was answered'),
    (reason: unknown) => reason,
  );
  if (error instanceof OutboundError) return error;
  throw error;
}

describe('a call', () => {
  test('brings what was answered, whatever its status', async () => {
    const origin = await httpServer((req, res) => {
      res.writeHead(418, { 'content-type': 'Application/JSON; charset=utf-8' }).end(`{"asked":"${req.url ?? ''}"}`);
    });
    const answer = await get(aClient(origin), `${origin}/esm/`, { query: { plantId: '../a b&c=ä\r\nX: y' } });
    expect(answer).toEqual({
      status: 418,
      contentType: 'application/json',
      text: '{"asked":"/esm/plants?plantId=..%2Fa+b%26c%3D%C3%A4%0D%0AX%3A+y"}',
    });
  });

  test('sends its body and headers, asks for nothing compressed, and ends no header line early', async () => {
    const seen: unknown[] = [];
    const origin = await httpServer((req, res) => {
      seen.push([req.method, req.headers['x-a'], req.headers['accept-encoding']]);
      req.on('data', (chunk: Buffer) => seen.push(chunk.toString())).on('end', () => res.end());
    });
    const client = aClient(origin);
    await get(client, origin, { method: 'POST', headers: { 'x-a': 'one two' }, body: '{"a":1}' });
    expect(seen).toEqual([['POST', 'one two', 'identity'], '{"a":1}']);
    for (const value of ['a\r\nHost: b', 'a\nb', 'a\0', ' a', 'ä']) {
      await expect(get(client, origin, { headers: { authorization: value } })).rejects.toThrow(TypeError);
    }
    expect(seen).toHaveLength(2);
  });

  test.each([301, 302, 303, 307, 308])('does not follow a redirect with status %i', async (status) => {
    let hits = 0;
    const inside = await httpServer((_req, res) => {
      hits += 1;
      res.end();
    });
    const origin = await httpServer((_req, res) => {
      res.writeHead(status, { location: `${inside}/`, refresh: `0; url=${inside}/` }).end();
    });
    const answer = await get(aClient(origin), origin);
    expect([answer.status, hits]).toEqual([status, 0]);
  });

  test('does not go where a URL that was saved earlier is not allowed any more', async () => {
    let hits = 0;
    const origin = await httpServer((_req, res) => {
      hits += 1;
      res.end();
    });
    const port = new URL(origin).port;
    const client = aClient(null);
    for (const baseUrl of [
      origin,
      `http://2130706433:${port}`,
      `http://[::ffff:7f00:1]:${port}`,
      `http://localhost:${port}`,
      `http://user@127.0.0.1:${port}`,
      'http://127.0.0.1',
      'https://127.0.0.1',
      'file:///etc/passwd',
      'gopher://a.example/',
      'http://metadata.google.internal',
      'not a url',
    ]) {
      expect((await failure(get(client, baseUrl))).code).toBe('ESM_URL_NOT_ALLOWED');
    }
    expect(hits).toBe(0);
  });

  test('ignores what the environment says of proxies', async () => {
    let hits = 0;
    const proxy = await httpServer((_req, res) => {
      hits += 1;
      res.end();
    });
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'];
    for (const name of names) process.env[name] = proxy;
    try {
      const origin = await httpServer((_req, res) => res.end('here'));
      expect((await get(aClient(origin), origin)).text).toBe('here');
    } finally {
      for (const name of names) Reflect.deleteProperty(process.env, name);
    }
    expect(hits).toBe(0);
  });

  test('has connections of its own for each organisation, and four at most', async () => {
    const callers = new Map<Socket, Set<string>>();
    const origin = await httpServer((req, res) => {
      const caller = String(req.headers['x-caller']);
      callers.set(req.socket, (callers.get(req.socket) ?? new Set()).add(caller));
      setTimeout(() => res.end(), 20);
    });
    const client = aClient(origin);
    const each = ['a', 'b'].flatMap((caller) => Array.from({ length: 12 }, () => caller));
    await Promise.all(
      each.map((caller) =>
        client.request(caller, { method: 'GET', baseUrl: origin, path: '/', headers: { 'x-caller': caller } }),
      ),
    );
    expect([...callers.values()].map(({ size }) => size)).toEqual(Array.from({ length: callers.size }, () => 1));
    for (const caller of ['a', 'b']) {
      const own = [...callers.values()].filter((all) => all.has(caller)).length;
      expect([caller, own >= 1 && own <= 4]).toEqual([caller, true]);
    }
  });
});

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

describe('a partner', () => {
  const talkers: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['that says nothing', () => undefined],
    ['that sends one byte of its headers now and then', (socket) => trickle(socket, 'X')],
    ['whose body pauses', (socket) => void socket.write(`${HEAD}content-length: 10\r\n\r\n{`)],
    [
      'whose body never ends, a byte at a time',
      (socket) => {
        socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
        trickle(socket, '1\r\na\r\n');
      },
    ],
    ['whose body is endless', (socket) => flood(socket, `${HEAD}\r\n`, Buffer.alloc(65_536, 32))],
    [
      'that promises two mebibytes',
      (socket) => flood(socket, `${HEAD}content-length: 2097152\r\n\r\n`, Buffer.alloc(65_536)),
    ],
    ['that sends ten thousand headers', (socket) => void socket.write(`${HEAD}${manyHeaders()}\r\n{}`)],
    ['that says 100 again and again', (socket) => trickle(socket, 'HTTP/1.1 100 Continue\r\n\r\n')],
    ['that breaks off', (socket) => void socket.end(`${HEAD}content-length: 10\r\n\r\n{`)],
    ['that speaks no HTTP', (socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['that resets', (socket) => void socket.resetAndDestroy()],
    [
      'that answers in gzip',
      (socket) => {
        const bomb = gzipSync(Buffer.alloc(50_000_000));
        socket.write(`${HEAD}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
        socket.end(bomb);
      },
    ],
    [
      'that answers in no UTF-8',
      (socket) =>
        void socket.end(Buffer.concat([Buffer.from(`${HEAD}content-length: 2\r\n\r\n`), Buffer.from([0xc3, 0x28])])),
    ],
  ];

  test.each(talkers)('%s costs a moment and one error', async (_what, talk) => {
    const origin = await rawServer((socket) => {
      socket.once('data', () => talk(socket));
    });
    const before = process.memoryUsage().rss;
    const began = performance.now();
    const error = await failure(get(aClient(origin), origin));
    expect([error.code, error.mayHaveArrived]).toEqual(['ESM_UNREACHABLE', true]);
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  test('that does not listen got nothing', async () => {
    const origin = await rawServer(() => undefined);
    await closing.pop()?.();
    expect(await failure(get(aClient(origin), origin))).toMatchObject({
      code: 'ESM_UNREACHABLE',
      mayHaveArrived: false,
    });
  });

  test('that fails again and again is left alone for a while, and asked once then', async () => {
    let asked = 0;
    let status = 500;
    const origin = await httpServer((_req, res) => {
      asked += 1;
      res.writeHead(status).end();
    });
    const clock = fixedClock('2026-01-15T10:00:00Z');
    const client = aClient(origin, { clock, breaker: { failures: 3, openMs: 1_000 } });
    for (let n = 0; n < 3; n += 1) expect((await get(client, origin)).status).toBe(500);
    expect(await failure(get(client, origin))).toMatchObject({ code: 'ESM_UNREACHABLE', mayHaveArrived: false });
    expect(asked).toBe(3);
    const other = { method: 'GET', baseUrl: origin, path: '/' } as const;
    expect((await client.request('another organisation', other)).status).toBe(500);
    clock.advance(1_000);
    status = 404;
    expect((await get(client, origin)).status).toBe(404);
    expect((await get(client, origin)).status).toBe(404);
    expect(asked).toBe(6);
  });

  test('is told of late, so that the time says nothing', async () => {
    const client = aClient(null, { limits: { ...LIMITS, jitterMs: 40 } });
    const times: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      const began = performance.now();
      await failure(get(client, 'https://127.0.0.1'));
      times.push(performance.now() - began);
    }
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(5);
  });
});

function trickle(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), 50);
  socket.on('close', () => clearInterval(timer));
}

function flood(socket: Socket, head: string, chunk: Buffer): void {
  socket.write(head);
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk)) continue;
  };
  socket.on('drain', more);
  more();
}

function manyHeaders(): string {
  return Array.from({ length: 10_000 }, (_, n) => `x-${n}: a\r\n`).join('');
}
