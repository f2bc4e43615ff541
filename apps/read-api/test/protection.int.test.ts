import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, anOrganisation, aPlant } from '@quarterhour/testkit';
import { instantFromEpochMillis } from '@quarterhour/domain';
import type { OrganisationRow } from '@quarterhour/db';
import { openTestApi, type TestApi } from './api.js';

const MINUTE_MS = 60_000;
const NOW = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;

let api: TestApi;
let ours: OrganisationRow;
let plantId: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  plantId = (await aPlant(api.admin, ours)).id;
}, 60_000);
afterAll(() => api.close());

const operator = () => ({ orgs: [ours.id], roles: ['operator'] });

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
