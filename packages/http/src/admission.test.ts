import { request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createMetrics, sleep, systemClock } from '@quarterhour/runtime';
import { openTestIssuer } from '../test/issuer.js';
import type { TestIssuer } from '../test/issuer.js';
import { sampleApi } from '../test/sample-api.js';
import { createAdmission } from './admission.js';
import { listen } from './listen.js';
import type { Listener } from './listen.js';
import { watchEventLoop } from './overload.js';
import { DEFAULT_PROTECTION } from './protection.js';
import { jsonText } from './reply.js';
import { noBody, noParameters, route } from './route.js';
import { assetSurface } from './surfaces/asset.js';
import { ownSurface } from './surfaces/own.js';
import { tradingSurface } from './surfaces/trading.js';

const ORG = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
const OTHER = '0b7c9d5e-6a55-4ab6-9c5e-222222222222';
const THIRD = '0b7c9d5e-6a55-4ab6-9c5e-333333333333';
const SURFACES = [assetSurface, tradingSurface, ownSurface];
const HEAVY = '/asset-api/v1/work?is=heavy';
const LIGHT = '/asset-api/v1/work?is=light';

/** Handlers that have begun and wait to be told to end. */
const working: (() => void)[] = [];
const work = SURFACES.map((surface) =>
  route({
    surface,
    method: 'get',
    path: '/work',
    operationId: `${surface.name}Work`,
    summary: 'Works',
    tag: 'Work',
    capability: 'dispatches:read',
    params: noParameters,
    query: z.strictObject({ is: z.enum(['light', 'heavy']), fails: z.string().optional() }),
    body: noBody,
    responses: { 200: { description: 'Done', schema: z.unknown() } },
    weight: ({ query }) => query.is,
    handler: async ({ query }) => {
      if (query.is === 'heavy') await new Promise<void>((resolve) => working.push(resolve));
      if (query.fails !== undefined) throw new Error('it failed');
      return jsonText('1');
    },
  }),
);

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await openTestIssuer();
});
afterAll(() => issuer.close());

interface Running {
  readonly listener: Listener;
  readonly pressure: { eventLoopDelayMs?: number; databaseQueue?: number };
  readonly ask: (url: string, orgs: readonly string[], role?: string) => Promise<Asked>;
}

interface Asked {
  readonly status: Promise<number | string>;
  readonly body: Promise<string>;
  readonly retryAfter: Promise<unknown>;
  abort(): void;
}

async function withApi(use: (running: Running) => Promise<void>): Promise<void> {
  const pressure = {};
  const protection = { ...DEFAULT_PROTECTION, heavyReads: { perOrganisation: 2, inAll: 3 } };
  const api = await sampleApi(issuer.jwksPath, { routes: work, protection, pressure });
  const listener = await listen(api, { host: '127.0.0.1', port: 0, closeBudgetMs: 100 });
  const ask = async (url: string, orgs: readonly string[], role = 'operator'): Promise<Asked> =>
    sent(listener, url, `Bearer ${await issuer.token({ orgs, roles: [role] })}`);
  try {
    await use({ listener, pressure, ask });
  } finally {
    for (const finish of working.splice(0)) finish();
    await listener.close();
  }
}

function sent({ url: base }: Listener, url: string, authorization: string): Asked {
  const request: ClientRequest = httpRequest(`${base}${url}`, { agent: false, headers: { authorization } });
  const answered = new Promise<{ status: number | string; retryAfter: unknown; body: string }>((resolve) => {
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      const { statusCode: status = 0, headers } = response;
      response.once('end', () => resolve({ status, retryAfter: headers['retry-after'], body }));
    });
    request.once('error', ({ message }) => resolve({ status: message, retryAfter: undefined, body: '' }));
    request.end();
  });
  return {
    status: answered.then(({ status }) => status),
    body: answered.then(({ body }) => body),
    retryAfter: answered.then(({ retryAfter }) => retryAfter),
    abort: () => request.destroy(),
  };
}

async function begun(count: number): Promise<void> {
  for (let waited = 0; working.length < count; waited += 10) {
    if (waited > 5_000) throw new Error(`${working.length} of ${count} began`);
    await sleep(10);
  }
}

/** Asks for heavy work and waits until it has begun: of two that are only sent, either may begin first. */
async function started({ ask }: Running, url: string, orgs: readonly string[], role?: string): Promise<Asked> {
  const before = working.length;
  const asked = await ask(url, orgs, role);
  await begun(before + 1);
  return asked;
}

const finishOne = (): void => working.shift()?.();
const finishSecond = (): void => working.splice(1, 1)[0]?.();

/** Sees that one more heavy read of the organisation is refused, or begins. */
async function hasPlace({ ask }: Running, orgs: readonly string[]): Promise<boolean> {
  const before = working.length;
  const asked = await ask(HEAVY, orgs);
  const isRefused = await Promise.race([asked.status.then(() => true), begun(before + 1).then(() => false)]);
  return !isRefused;
}

async function freed(running: Running): Promise<void> {
  for (let waited = 0; waited < 3_000; waited += 20) {
    const { body } = sent(running.listener, '/metrics', '');
    if ((await body).includes('quarterhour_http_heavy_reads 1\n')) return;
    await sleep(20);
  }
  throw new Error('the place was not given back');
}

describe('heavy reads', () => {
  test('of one organisation run two at once; the third is told to come again, in the shape of its surface', () =>
    withApi(async (running) => {
      const { ask } = running;
      const first = await started(running, HEAVY, [ORG]);
      await started(running, HEAVY, [ORG]);
      for (const surface of SURFACES) {
        const third = await ask(`${surface.basePath}/work?is=heavy`, [ORG]);
        expect([await third.status, await third.retryAfter]).toEqual([503, '1']);
        expect(surface.errorSchemas.other.safeParse(JSON.parse(await third.body)).error).toBeUndefined();
      }
      expect(await (await ask(LIGHT, [ORG])).status).toBe(200);
      finishOne();
      expect(await first.status).toBe(200);
      const fourth = await started(running, HEAVY, [ORG]);
      finishOne();
      finishOne();
      expect(await fourth.status).toBe(200);
    }));

  test('of one organisation leave another its places, up to those there are in all', () =>
    withApi(async (running) => {
      expect([await hasPlace(running, [ORG]), await hasPlace(running, [ORG])]).toEqual([true, true]);
      expect(await hasPlace(running, [ORG])).toBe(false);
      expect(await hasPlace(running, [OTHER])).toBe(true);
      expect(await hasPlace(running, [THIRD])).toBe(false);
    }));

  test('over several organisations take a place in each, and admins none of nobody’s', () =>
    withApi(async (running) => {
      await started(running, HEAVY, [ORG], 'admin');
      await started(running, HEAVY, [ORG, OTHER], 'admin');
      expect(await hasPlace(running, [ORG])).toBe(false);
      await started(running, HEAVY, [THIRD], 'admin');
    }));

  test('that fail give their place back', () =>
    withApi(async (running) => {
      const failing = await started(running, `${HEAVY}&fails=yes`, [ORG]);
      await started(running, HEAVY, [ORG]);
      finishOne();
      expect(await failing.status).toBe(500);
      expect(await hasPlace(running, [ORG])).toBe(true);
    }));

  test('that nobody waits for any more keep their place until the work is done, and no longer', () =>
    withApi(async (running) => {
      const given = await started(running, HEAVY, [ORG]);
      await started(running, HEAVY, [ORG]);
      given.abort();
      await given.status;
      await sleep(50);
      expect(await hasPlace(running, [ORG])).toBe(false);
      finishOne();
      await freed(running);
      expect(await hasPlace(running, [ORG])).toBe(true);
    }));

  test.each([
    ['before they are done', [() => undefined, finishSecond]],
    ['afterwards', [finishSecond, () => undefined]],
  ])('that wait behind another answer on a connection that goes away %s give their place back', (_when, steps) =>
    withApi(async (running) => {
      const authorization = `Bearer ${await issuer.token({ orgs: [ORG], roles: ['operator'] })}`;
      const one = `GET ${HEAVY} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n\r\n`;
      const socket = connect(running.listener.port, '127.0.0.1', () => socket.write(one + one));
      await begun(2);
      steps[0]?.();
      await sleep(50);
      socket.destroy();
      await sleep(50);
      steps[1]?.();
      await freed(running);
    }),
  );

  test('are counted', () =>
    withApi(async (running) => {
      await hasPlace(running, [ORG]);
      await hasPlace(running, [ORG]);
      await hasPlace(running, [ORG]);
      const metrics = await sent(running.listener, '/metrics', '').body;
      expect(metrics).toContain('quarterhour_http_heavy_reads 2\n');
      expect(metrics).toContain('quarterhour_http_shed_total{weight="heavy",reason="organisation"} 1\n');
      expect(metrics).toContain('quarterhour_http_shed_total{weight="heavy",reason="in-all"} 0\n');
    }));
});

describe('a hard pressed process', () => {
  test.each([
    [{ eventLoopDelayMs: 200, databaseQueue: 16 }, true, true],
    [{ eventLoopDelayMs: 201 }, false, true],
    [{ databaseQueue: 17 }, false, true],
    [{ eventLoopDelayMs: 1_000, databaseQueue: 500 }, false, true],
    [{ eventLoopDelayMs: 1_001 }, false, false],
    [{ databaseQueue: 501 }, false, false],
  ])('with %j: heavy %s, light %s; it stays healthy', (found, heavy, light) =>
    withApi(async (running) => {
      Object.assign(running.pressure, found);
      expect(await hasPlace(running, [ORG])).toBe(heavy);
      const asked = await running.ask(LIGHT, [ORG]);
      expect([await asked.status, await asked.retryAfter]).toEqual(light ? [200, undefined] : [503, '1']);
      for (const page of ['/healthz', '/readyz', '/metrics']) {
        expect(await sent(running.listener, page, '').status).toBe(200);
      }
    }),
  );
});

describe('a place', () => {
  test('is given back once, however often', () => {
    const pressure = { eventLoopDelayMs: () => 0, databaseQueue: () => 0 };
    const limits = { perOrganisation: 1, inAll: 2 };
    const admission = createAdmission({ limits, pressure, metrics: createMetrics() });
    const leave = admission.enterHeavy([ORG]);
    leave();
    leave();
    admission.enterHeavy([ORG]);
    expect(() => admission.enterHeavy([ORG])).toThrow('busy');
  });
});

describe('the watch over the event loop', () => {
  test('tells punctual turns from late ones', async () => {
    const watch = watchEventLoop(systemClock);
    try {
      await sleep(600);
      expect(watch.delayMs()).toBeLessThan(50);
      for (let turn = 0; turn < 6; turn += 1) {
        const start = performance.now();
        while (performance.now() - start < 120);
        await sleep(0);
      }
      expect(watch.delayMs()).toBeGreaterThan(70);
      await sleep(600);
      expect(watch.delayMs()).toBeLessThan(50);
    } finally {
      watch.close();
    }
  });
});
