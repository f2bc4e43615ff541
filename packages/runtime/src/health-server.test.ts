import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import { startHealthServer } from './health-server.js';
import type { HealthServer } from './health-server.js';
import { readiness } from './health.js';
import type { HealthCheck } from './health.js';
import { createMetrics } from './metrics.js';

const servers: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function aServer(...checks: HealthCheck[]): Promise<HealthServer> {
  const server = await startHealthServer({ host: '127.0.0.1', port: 0, checks, metrics: createMetrics() });
  servers.push(server);
  return server;
}

const fine: HealthCheck = { name: 'broker', check: () => Promise.resolve({ ok: true, detail: { channels: 2 } }) };
const failing: HealthCheck = { name: 'database', check: () => Promise.resolve({ ok: false }) };
const throwing: HealthCheck = {
  name: 'register',
  check: () => Promise.reject(Object.assign(new TypeError('secret inside'), { code: 'EGONE' })),
};

describe('the health page', () => {
  test('answers /healthz whatever the checks say', async () => {
    const { url } = await aServer(failing);
    const response = await fetch(`${url}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'ok' });
  });

  test('/readyz is 200 with details when every check is ok', async () => {
    const { url } = await aServer(fine);
    const response = await fetch(`${url}/readyz?verbose=1`);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      status: 'ready',
      checks: { broker: { ok: true, detail: { channels: 2 } } },
    });
  });

  test('/readyz is 503 when one check fails or throws, and tells which without its message', async () => {
    const { url } = await aServer(fine, failing, throwing);
    const response = await fetch(`${url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'not ready',
      checks: {
        broker: { ok: true, detail: { channels: 2 } },
        database: { ok: false },
        register: { ok: false, detail: { error: 'TypeError', code: 'EGONE' } },
      },
    });
  });

  test('serves the metrics as Prometheus text', async () => {
    const { url } = await aServer();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
  });

  test.each(['/', '/health', '/healthz/', '/toString'])('answers 404 to %s', async (path) => {
    const { url } = await aServer();
    expect((await fetch(url + path)).status).toBe(404);
  });

  test('answers 405 to POST and names what is allowed', async () => {
    const { url } = await aServer();
    const response = await fetch(`${url}/healthz`, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  test('answers HEAD without a body', async () => {
    const { url } = await aServer();
    const response = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  test('closes at once though a client keeps its connection open', async () => {
    const server = await aServer();
    const socket = connect(server.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await server.close();
    await gone;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  test('says so when the port is taken', async () => {
    const { port } = await aServer();
    const second = startHealthServer({ host: '127.0.0.1', port, checks: [], metrics: createMetrics() });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('readiness', () => {
  test('does not wait for a check that never answers', async () => {
    const silent: HealthCheck = { name: 'silent', check: () => new Promise(() => undefined) };
    expect(await readiness([fine, silent], 20)).toEqual({
      ok: false,
      checks: {
        broker: { ok: true, detail: { channels: 2 } },
        silent: { ok: false, detail: { error: 'no answer in time' } },
      },
    });
  });

  test('of nothing is ok', async () => {
    expect(await readiness([])).toEqual({ ok: true, checks: {} });
  });
});
