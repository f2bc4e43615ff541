import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, anAsset, anOrganisation, aPlant } from '@quarterhour/testkit';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { ensurePartitions, type OrganisationRow } from '@quarterhour/db';
import { openTestApi, type TestApi } from './api.js';
import { quarantine, storeDispatches, storeSample } from './facts.js';

const MINUTE_MS = 60_000;
const NOW = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let plantId: string;
let urls: readonly string[];
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  plantId = (await aPlant(api.admin, ours)).id;
  const assetId = await anAsset(api.admin, ours);
  const [eventId = ''] = await storeDispatches(api.worker, ours.id, [{ assetId, at: '2026-01-15T10:00:00Z' }]);
  await ensurePartitions(api.worker, 'plant-telemetry', [new Date(NOW).toISOString().slice(0, 10)]);
  await sample(NOW - MINUTE_MS, 1);
  urls = [
    `/quarterhour/v1/dispatches/${eventId}`,
    `/quarterhour/v1/quarantine/${await quarantine(api.worker, ours.id)}`,
    latest(),
  ];
}, 60_000);
afterAll(() => api.close());

const latest = () => `/api/v1/trading/plants/${plantId}/telemetry/latest`;
const sample = (at: number, gridKw: number) =>
  storeSample(api.worker, ours.id, plantId, { measuredAt: instantFromEpochMillis(at), gridKw });
const operator = () => ({ orgs: [ours.id], roles: ['operator'] });

describe('what names one thing', () => {
  test('has a tag, and is not sent again to who has it', async () => {
    for (const url of urls) {
      const { status, headers } = await api.get(url, operator());
      expect([status, headers['cache-control']]).toEqual([200, 'private, no-cache']);
      const again = await api.get(url, operator(), { 'if-none-match': String(headers['etag']) });
      expect([again.status, again.text]).toEqual([304, '']);
    }
  });

  test('has another tag for a caller with more organisations', async () => {
    for (const url of urls) {
      const { headers } = await api.get(url, operator());
      const wider = await api.get(url, { orgs: [ours.id, theirs.id], roles: ['operator'] });
      expect(wider.headers['etag']).not.toBe(headers['etag']);
    }
  });

  test('is sent again when it changed', async () => {
    const { headers } = await api.get(latest(), operator());
    await sample(NOW, 2);
    const again = await api.get(latest(), operator(), { 'if-none-match': String(headers['etag']) });
    expect(again.status).toBe(200);
    expect(again.headers['etag']).not.toBe(headers['etag']);
  });

  test('of others is not there, whatever tag is shown', async () => {
    for (const url of urls) {
      const { headers } = await api.get(url, operator());
      const tag = { 'if-none-match': String(headers['etag']) };
      expect((await api.get(url, { orgs: [theirs.id], roles: ['operator'] }, tag)).status).toBe(404);
    }
  });
});

describe('what lists', () => {
  test('is never kept', async () => {
    const { status, headers } = await api.get('/quarterhour/v1/quarantine', operator(), { 'if-none-match': '*' });
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(headers).not.toHaveProperty('etag');
  });
});

describe('buckets', () => {
  const holdDatabase = async (use: () => Promise<void>): Promise<void> => {
    await api.admin.transaction([], async (trx) => {
      await trx.query({ text: 'lock table app.plant in access exclusive mode', values: [] });
      await use();
    });
  };
  const since = (days: number) =>
    api.get(`/api/v1/trading/plants/${plantId}/telemetry?from=${instantFromEpochMillis(NOW - days * 86_400_000)}`, {
      ...operator(),
    });
  const heavyReads = async (): Promise<string | undefined> =>
    /quarterhour_http_heavy_reads (\d+)/.exec((await api.get('/metrics', operator())).text)?.[1];

  test('of more than two days are heavy: the third at once of an organisation is told to come again', async () => {
    const waiting: Promise<{ status: number }>[] = [];
    await holdDatabase(async () => {
      waiting.push(since(3), since(30));
      await eventually(async () => expect(await heavyReads()).toBe('2'));
      const { status, headers, body } = await since(3);
      expect([status, headers['retry-after'], body.code]).toEqual([503, '1', 'SERVICE_UNAVAILABLE']);
      waiting.push(since(1.9));
    });
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await eventually(async () => expect(await heavyReads()).toBe('0'));
  });
});
