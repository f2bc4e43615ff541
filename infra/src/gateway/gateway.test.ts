import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { assetSurface, listen, ownSurface, tradingSurface, type Listener } from '@quarterhour/http';
import { createLogger } from '@quarterhour/runtime';
import { createGateway } from './gateway.js';

const map = {
  surfaces: {},
  routes: {
    '/asset-api/v1/things': { GET: 'read-api', POST: 'control-api' },
    '/api/v1/trading/things': { GET: 'read-api', POST: 'control-api' },
    '/quarterhour/v1/things': { GET: 'read-api', POST: 'control-api' },
  },
} as const;
const THINGS = '/quarterhour/v1/things';

interface Process {
  readonly url: string;
  answer: RequestListener;
  readonly seen: IncomingMessage[];
  stop(): Promise<void>;
}

const closings: (() => Promise<unknown>)[] = [];
let readApi: Process;
let controlApi: Process;
let gateway: Listener;
beforeEach(async () => {
  readApi = await aProcess('read');
  controlApi = await aProcess('control');
  gateway = await listen(
    createGateway({
      map,
      addresses: { 'read-api': readApi.url, 'control-api': controlApi.url },
      log: createLogger({ name: 'gateway', level: 'fatal' }),
    }),
    { host: '127.0.0.1', port: 0, closeBudgetMs: 200 },
  );
  closings.push(() => gateway.close());
});
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});

async function aProcess(name: string): Promise<Process> {
  const seen: IncomingMessage[] = [];
  const started: Process = {
    url: '',
    seen,
    answer: (_req, res) => void res.setHeader('x-name', name).end(name),
    stop: () => stopped(server),
  };
  const server = createServer((req, res) => {
    seen.push(req);
    if (req.url === '/readyz') res.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ready"}');
    else started.answer(req, res);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closings.push(() => stopped(server));
  const address = server.address();
  return Object.assign(started, {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
  });
}

async function stopped(server: Server): Promise<void> {
  server.closeAllConnections();
  if (server.listening) await once(server.close(), 'close');
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  const { port } = new URL(gateway.url);
  const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
  request.end(body);
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response === undefined) throw new Error('no response');
  return { status: response.statusCode, headers: response.headers, text: await text(response) };
}

describe('a request', () => {
  test('goes to the process that answers its method', async () => {
    expect(await ask(THINGS)).toMatchObject({ status: 200, text: 'read' });
    expect(await ask(`${THINGS}?a=%2F&b=1`, { method: 'POST', body: '{}' })).toMatchObject({ text: 'control' });
    expect(await ask(THINGS, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    expect(controlApi.seen.map(({ method, url }) => [method, url])).toEqual([['POST', `${THINGS}?a=%2F&b=1`]]);
  });

  test('keeps what it says and what is said to it, whatever the status', async () => {
    readApi.answer = (req, res) => {
      const headers = {
        etag: '"1"',
        'content-range': 'bytes 0-1/9',
        link: '<a>; rel="next"',
        'set-cookie': ['a', 'b'],
      };
      res.writeHead(req.headers['if-none-match'] === '"1"' ? 304 : 206, headers).end();
    };
    const said = { 'if-none-match': '"1"', range: 'bytes=0-1', authorization: 'Bearer t', 'x-request-id': 'request-1' };
    const { status, headers } = await ask(THINGS, { headers: said });
    expect([status, headers.etag, headers['content-range'], headers.link]).toEqual([
      304,
      '"1"',
      'bytes 0-1/9',
      '<a>; rel="next"',
    ]);
    expect(headers['set-cookie']).toEqual(['a', 'b']);
    expect(readApi.seen[0]?.headers).toMatchObject(said);
    expect((await ask(THINGS, { headers: { range: 'bytes=0-1' } })).status).toBe(206);
  });

  test('tells the process who really asks, and nothing that the client made up about it', async () => {
    const madeUp = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-real-ip': '203.0.113.9',
      forwarded: 'for=203.0.113.9',
    };
    await ask(THINGS, { headers: { ...madeUp, host: 'quarterhour.example' } });
    const { headers } = readApi.seen[0] ?? {};
    expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', host: 'quarterhour.example' });
    expect(JSON.stringify(headers)).not.toMatch(/evil|203\.0\.113/);
  });

  test('in absolute form is one for its path', async () => {
    expect(await ask(`http://elsewhere.example${THINGS}`)).toMatchObject({ status: 200, text: 'read' });
    expect(readApi.seen[0]?.url).toBe(THINGS);
    expect((await ask('http://elsewhere.example/metrics')).status).toBe(404);
  });

  test.each([['content-length'], ['transfer-encoding']])('with a body by %s is handed on whole', async (header) => {
    controlApi.answer = (req, res) => void text(req).then((body) => res.end(String(body.length)));
    const body = 'x'.repeat(262_144);
    const headers = { [header]: header === 'content-length' ? String(body.length) : 'chunked' };
    expect(await ask(THINGS, { method: 'POST', headers, body })).toMatchObject({ status: 200, text: '262144' });
    expect(controlApi.seen[0]?.headers).toMatchObject({ 'content-length': '262144', connection: 'keep-alive' });
  });

  test.each([['content-length'], ['transfer-encoding']])(
    'too large by %s is 413 and troubles nobody',
    async (header) => {
      const body = 'x'.repeat(262_145);
      const headers = { connection: 'keep-alive', [header]: header === 'content-length' ? '262145' : 'chunked' };
      const { status, text: answer } = await ask('/api/v1/trading/things', { method: 'POST', headers, body });
      expect([status, tradingSurface.errorSchemas.other.safeParse(JSON.parse(answer)).success]).toEqual([413, true]);
      expect(controlApi.seen).toEqual([]);
    },
  );

  test('of the asset API may have as large a body as that takes', async () => {
    controlApi.answer = (req, res) => void text(req).then((body) => res.end(String(body.length)));
    const post = (length: number) => {
      const headers = { 'content-length': String(length) };
      return ask('/asset-api/v1/things', { method: 'POST', headers, body: 'x'.repeat(length) });
    };
    expect(await post(5 * 1_048_576)).toMatchObject({ status: 200, text: '5242880' });
    const { status, text: answer } = await post(5 * 1_048_576 + 1);
    expect([status, assetSurface.errorSchemas.other.safeParse(JSON.parse(answer)).success]).toEqual([413, true]);
  });

  test('refused before its body is read gets that answer', async () => {
    controlApi.answer = (_req, res) => void res.writeHead(401).end('who?');
    const body = 'x'.repeat(262_144);
    for (const headers of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
      expect(await ask(THINGS, { method: 'POST', headers, body })).toMatchObject({ status: 401, text: 'who?' });
    }
  });

  test('whose client hangs up in the middle of its body reaches nobody', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(`POST ${THINGS} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    expect((await ask(THINGS)).status).toBe(200);
    expect(controlApi.seen).toEqual([]);
  });

  test('leaves its client a connection that can be used again, and takes a new one to the process each time', async () => {
    readApi.answer = (_req, res) =>
      void res.writeHead(200, { connection: 'close', 'keep-alive': 'timeout=1' }).end('x');
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(`GET ${THINGS} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(2));
    let received = '';
    socket.setEncoding('utf8').on('data', (piece: string) => (received += piece));
    while (received.split('HTTP/1.1 200').length < 3) await once(socket, 'data');
    expect(socket.destroyed).toBe(false);
    expect(received).not.toMatch(/close|timeout=1\r/);
    socket.destroy();
    readApi.answer = (_req, res) => void res.end('x');
    await ask(THINGS);
    await ask(THINGS);
    expect(new Set(readApi.seen.map((seen) => seen.socket)).size).toBe(4);
  });
});

describe('a stream', () => {
  test('arrives piece by piece', async () => {
    readApi.answer = (_req, res) => {
      res.write('first\n');
      setTimeout(() => res.end('second\n'), 500);
    };
    const response = await fetch(`${gateway.url}${THINGS}`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const start = performance.now();
    expect((await reader?.read())?.value).toBe('first\n');
    expect(performance.now() - start).toBeLessThan(400);
    expect((await reader?.read())?.value).toBe('second\n');
  });

  test('is waited for by the process when the client reads slowly', async () => {
    let written = 0;
    readApi.answer = (_req, res) => {
      const more = (): void => {
        while (written < 200 && res.write(Buffer.alloc(1_048_576))) written += 1;
        if (written < 200) res.once('drain', () => ((written += 1), more()));
      };
      more();
    };
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.pause().write(`GET ${THINGS} HTTP/1.1\r\nhost: a\r\n\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(written).toBeLessThan(50);
    socket.destroy();
  });

  test('ends for the process when the client hangs up', async () => {
    const ended = new Promise<void>((resolve) => {
      readApi.answer = (_req, res) => {
        const ticking = setInterval(() => res.write('tick\n'), 10);
        res.once('close', () => (clearInterval(ticking), resolve()));
      };
    });
    const hangUp = new AbortController();
    const response = await fetch(`${gateway.url}${THINGS}`, { signal: hangUp.signal });
    await response.body?.getReader().read();
    hangUp.abort();
    await ended;
  });

  test('before its first piece ends for the process when the client hangs up, too', async () => {
    const closed = new Promise<void>((resolve) => {
      readApi.answer = (_req, res) => void res.once('close', resolve);
    });
    const hangUp = new AbortController();
    const asked = fetch(`${gateway.url}${THINGS}`, { signal: hangUp.signal });
    while (readApi.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    hangUp.abort();
    await expect(asked).rejects.toThrow();
    await closed;
  });

  test('that breaks off never looks whole', async () => {
    readApi.answer = (_req, res) => {
      res.write('first\n');
      setTimeout(() => res.destroy(), 50);
    };
    const response = await fetch(`${gateway.url}${THINGS}`);
    await expect(response.text()).rejects.toThrow();
  });
});

describe('what nobody answers', () => {
  test.each([
    ['/asset-api/v1/nothing', assetSurface],
    ['/api/v1/trading/nothing', tradingSurface],
    ['/quarterhour/v1/nothing', ownSurface],
    ['/', ownSurface],
    ['/metrics', ownSurface],
    ['/asset-api/v10/things', ownSurface],
  ])('%s is 404 in its surface’s shape', async (path, surface) => {
    const { status, headers, text: body } = await ask(path, { headers: { 'x-request-id': 'request-1' } });
    expect([status, headers['content-type'], headers['x-request-id'], headers['cache-control']]).toEqual([
      404,
      `${surface.errorContentType}; charset=utf-8`,
      'request-1',
      'no-store',
    ]);
    expect(surface.errorSchemas.other.safeParse(JSON.parse(body)).success).toBe(true);
    expect([...readApi.seen, ...controlApi.seen]).toEqual([]);
  });

  test.each([
    ['/asset-api/v1/things', assetSurface],
    ['/api/v1/trading/things', tradingSurface],
    [THINGS, ownSurface],
  ])('another method of %s is 405, naming what both processes take', async (path, surface) => {
    const { status, headers, text: body } = await ask(path, { method: 'DELETE' });
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD, POST']);
    expect(surface.errorSchemas.other.safeParse(JSON.parse(body)).success).toBe(true);
  });
});

describe('a process that is gone', () => {
  test.each([
    ['/asset-api/v1/things', assetSurface],
    ['/api/v1/trading/things', tradingSurface],
    [THINGS, ownSurface],
  ])('is 503 for %s in its surface’s shape, and the other goes on', async (path, surface) => {
    await controlApi.stop();
    const { status, headers, text: body } = await ask(path, { method: 'POST', body: '{}' });
    expect([status, headers['retry-after'], headers['content-type']]).toEqual([
      503,
      '1',
      `${surface.errorContentType}; charset=utf-8`,
    ]);
    expect(surface.errorSchemas.other.safeParse(JSON.parse(body)).success).toBe(true);
    expect(body).not.toMatch(/127\.0\.0\.1|ECONN/);
    expect(await ask(path)).toMatchObject({ status: 200, text: 'read' });
  });

  test('while it works on a request is 503 as well', async () => {
    controlApi.answer = (_req, res) => void res.destroy();
    expect((await ask(THINGS, { method: 'POST', body: '{}' })).status).toBe(503);
  });
});

describe('the pages', () => {
  test('/healthz is the gateway’s own', async () => {
    await Promise.all([readApi.stop(), controlApi.stop()]);
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
    expect((await ask('/healthz', { method: 'POST' })).status).toBe(405);
  });

  test('/readyz is ready when both processes are', async () => {
    const ready = await ask('/readyz');
    expect([ready.status, JSON.parse(ready.text)]).toMatchObject([
      200,
      { status: 'ready', checks: { 'read-api': { ok: true }, 'control-api': { ok: true } } },
    ]);
    await controlApi.stop();
    const unready = await ask('/readyz');
    expect([unready.status, JSON.parse(unready.text)]).toMatchObject([
      503,
      { status: 'not ready', checks: { 'read-api': { ok: true }, 'control-api': { ok: false } } },
    ]);
  });

  test('of the reference come from one of the processes', async () => {
    for (const path of ['/docs', '/docs/own.json']) expect((await ask(path)).text).toBe('read');
    expect((await ask('/docsx')).status).toBe(404);
  });
});
