import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { assetSite, tradingError } from '@quarterhour/contracts';
import { createKeyRing } from '@quarterhour/runtime';
import {
  anOrganisation,
  aPlant,
  eventually,
  ISSUER,
  openTestIssuer,
  startProcess,
  testDatabase,
  testVhost,
  type StartedProcess,
} from '@quarterhour/testkit';
import { readStackEnvironment } from '../src/environment.js';
import { NGINX_FILE } from '../src/openapi/generated.js';
import { freePort } from '../src/stack/ports.js';
import { firstExecutable } from '../src/stack/programs.js';

/**
 * Both APIs as processes behind what makes them one: the gateway of `npm start`, and, on a machine that has nginx, the
 * reverse proxy of docker-compose.yml with its committed configuration.
 */
const nginx = await firstExecutable('nginx', [...readStackEnvironment().searchPath, '/usr/sbin']);
const fronts = [
  ['the gateway', startGateway] as const,
  ...(nginx === undefined ? [] : [['nginx', startNginx] as const]),
];

const ANONYMOUS_PER_MINUTE = 20;
const closings: (() => Promise<unknown>)[] = [];

describe.each(fronts)('behind %s', (_name, startFront) => {
  let front: Front;
  let readApi: Api;
  let controlApi: Api;
  let plantId: string;
  let token: string;
  beforeAll(async () => {
    const database = await testDatabase();
    closings.push(() => database.drop());
    const folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-gateway-'));
    closings.push(() => rm(folder, { recursive: true }));
    createKeyRing(path.join(folder, 'key-ring.json'));
    const vhost = await testVhost();
    closings.push(() => vhost.drop());
    const issuer = await openTestIssuer();
    closings.push(() => issuer.close());
    const organisation = await anOrganisation(database.admin);
    plantId = (await aPlant(database.admin, organisation)).id;
    token = await issuer.token({ orgs: [organisation.id], roles: ['operator'] });
    const shared = {
      QUARTERHOUR_JWKS: issuer.jwksPath,
      QUARTERHOUR_TOKEN_ISSUER: ISSUER,
      QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes',
      QUARTERHOUR_TRUSTED_PROXIES: '127.0.0.1',
      QUARTERHOUR_API_KEY_PEPPER: '07'.repeat(32),
      QUARTERHOUR_ANONYMOUS_REQUESTS_PER_MINUTE: String(ANONYMOUS_PER_MINUTE),
    };
    readApi = await startApi('apps/read-api/dist/main.js', {
      ...shared,
      QUARTERHOUR_READ_DATABASE_URL: database.readUrl,
      QUARTERHOUR_READ_API_PORT: '0',
      QUARTERHOUR_CURSOR_KEY: '07'.repeat(32),
      QUARTERHOUR_USAGE_DATABASE_URL: database.usageUrl,
    });
    controlApi = await startApi('apps/control-api/dist/main.js', {
      ...shared,
      QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl,
      QUARTERHOUR_CONTROL_API_PORT: '0',
      QUARTERHOUR_BROKER_AUTH_PORT: '0',
      QUARTERHOUR_KEY_RING: path.join(folder, 'key-ring.json'),
      QUARTERHOUR_PUBLIC_URL: 'http://127.0.0.1:8080',
      QUARTERHOUR_RABBITMQ_API_URL: vhost.apiUrl,
      QUARTERHOUR_BROKER_VHOST: vhost.name,
    });
    front = await startFront(readApi.url, controlApi.url);
  }, 90_000);
  afterAll(async () => {
    for (const close of closings.splice(0).reverse()) await close();
  });

  const get = (url: string, headers: Record<string, string> = {}, at = front.url) =>
    fetch(`${at}${url}`, { headers: { authorization: `Bearer ${token}`, ...headers } });
  const replay = (body = '{}') =>
    fetch(`${front.url}/quarterhour/v1/quarantine/${randomUUID()}/replay`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    });
  const write = (method: string, url: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${front.url}${url}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const latest = () => `/api/v1/trading/plants/${plantId}/telemetry/latest`;

  test('one address answers reads and decisions, and shows one reference', async () => {
    const sample = await get(latest());
    expect([sample.status, await sample.json()]).toEqual([200, null]);
    expect((await replay()).status).toBe(404);
    const document: unknown = await (await get('/docs/own.json')).json();
    for (const shown of ['/quarantine/{id}', '/quarantine/{id}/replay']) {
      expect(document).toHaveProperty(['paths', shown]);
    }
    expect((await get('/docs')).status).toBe(200);
    expect([(await get('/healthz')).status, (await get('/readyz')).status]).toEqual([200, 200]);
  });

  test('what nobody answers is refused in its surface’s shape', async () => {
    for (const nothing of ['/metrics', '/quarterhour/v1/nothing', '/quarterhour/v1/../../metrics']) {
      const { status, headers } = await get(nothing);
      expect([status, headers.get('content-type')]).toEqual([404, expect.stringContaining('application/problem+json')]);
    }
    const missing = await get('/api/v1/trading/nothing');
    expect([missing.status, tradingError.parse(await missing.json()).code]).toEqual([404, 'NOT_FOUND']);
    const refused = await fetch(`${front.url}${latest()}`, { method: 'DELETE' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(tradingError.parse(await refused.json()).code).toBe('METHOD_NOT_ALLOWED');
    expect((await replay(JSON.stringify({ pad: 'x'.repeat(300_000) }))).status).toBe(413);
  });

  test('answers are those of the process: bytes, tag, export', async () => {
    const through = await get(latest());
    const etag = through.headers.get('etag') ?? '';
    expect(etag).not.toBe('');
    expect((await get(latest(), {}, readApi.url)).headers.get('etag')).toBe(etag);
    expect((await get(latest(), { 'if-none-match': etag })).status).toBe(304);
    const events = '/quarterhour/v1/trading-config-events';
    const exported = await get(events, { accept: 'text/csv' });
    expect(exported.headers.get('content-disposition')).toContain('trading-config-events');
    expect(await exported.text()).toBe(await (await get(events, { accept: 'text/csv' }, readApi.url)).text());
  });

  test('both APIs mean the same: a tag that was read guards a change, the instant of a change can be asked for', async () => {
    const sites = '/asset-api/v1/sites';
    const made = await write('POST', sites, {
      name: 'A site',
      code: 'gate',
      region: 'DE',
      delivery_area: '50HZ',
      dispatch_mode: { name: 'MANUAL' },
    });
    const { id } = assetSite.parse(await made.json());
    const site = `${sites}/${id}`;
    const read = { 'if-match': (await get(site)).headers.get('etag') ?? '' };
    expect((await write('PATCH', site, { name: 'Another' }, read)).status).toBe(204);
    expect((await write('PATCH', site, { name: 'A third' }, read)).status).toBe(412);

    const limit = (amount: string) => ({
      start_time: '2026-01-15T10:00:00Z',
      end_time: '2026-01-15T11:00:00Z',
      max_import_from_grid: { amount, unit: 'MW' },
      max_export_to_grid: { amount, unit: 'MW' },
    });
    const kept = await write('PUT', `${site}/limits`, { limits: [limit('1')] });
    const window = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';
    const then = await (await get(`${site}/limits?${window}`)).text();
    expect((await write('PUT', `${site}/limits`, { limits: [limit('2')] })).status).toBe(204);
    const asOf = kept.headers.get('quarterhour-known-at') ?? '';
    expect(await (await get(`${site}/limits?${window}&as_of=${asOf}`)).text()).toBe(then);
    expect(await (await get(`${site}/limits?${window}`)).text()).not.toBe(then);
  });

  test('a client is counted by its own address, whatever it says about that', async () => {
    const statuses: number[] = [];
    for (let n = 0; n <= ANONYMOUS_PER_MINUTE; n += 1) {
      const headers = { 'x-forwarded-for': `203.0.113.${n}` };
      statuses.push((await fetch(`${front.url}/quarterhour/v1/quarantine`, { headers })).status);
    }
    expect(statuses.at(-1)).toBe(429);
  });

  test('when the control API is killed, reads go on and decisions are 503', async () => {
    await controlApi.process.kill('SIGKILL');
    const refused = await replay();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ code: 'SERVICE_UNAVAILABLE', status: 503 });
    expect((await get('/quarterhour/v1/quarantine')).status).toBe(200);
    expect([(await get('/healthz')).status, (await get('/readyz')).status]).toEqual([200, 503]);
  });

  test('it stops when asked', async () => {
    expect(await front.stop()).toBe(0);
  });
});

interface Api {
  readonly url: string;
  readonly process: StartedProcess;
}

interface Front {
  readonly url: string;
  /** @returns its exit status */
  stop(): Promise<number | null>;
}

async function startApi(entry: string, env: Record<string, string>, args: readonly string[] = []): Promise<Api> {
  const child = await startProcess({ entry, env, args });
  closings.push(() => child.kill('SIGKILL'));
  const line = await child.untilLine(/"url":"http/, { withinMs: 30_000 });
  return { url: z.object({ url: z.string() }).parse(JSON.parse(line)).url, process: child };
}

async function startGateway(readApi: string, controlApi: string): Promise<Front> {
  const args = ['--port', '0', '--read-api', readApi, '--control-api', controlApi];
  const { url, process } = await startApi('infra/dist/gateway/main.js', {}, args);
  return { url, stop: async () => (await process.kill()).code };
}

async function startNginx(readApi: string, controlApi: string): Promise<Front> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-nginx-'));
  closings.push(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  const port = await freePort();
  const file = path.join(folder, 'nginx.conf');
  const committed = await readFile(NGINX_FILE, 'utf8');
  const here = committed
    .replaceAll('/tmp/', `${folder}/`)
    .replace('read-api:8080', new URL(readApi).host)
    .replace('control-api:8082', new URL(controlApi).host)
    .replace('listen 8080', `listen 127.0.0.1:${port}`);
  await writeFile(file, here);
  const child = spawn(nginx ?? 'nginx', ['-p', folder, '-c', file, '-g', 'daemon off;'], { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const stop = (): Promise<number | null> => (child.kill('SIGQUIT'), ended);
  closings.push(stop);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => expect((await fetch(`${url}/healthz`)).status).toBe(200), { withinMs: 10_000 });
  return { url, stop };
}
