import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listMetersResponse, listTelemetryResponse, tradingError } from '@quarterhour/contracts';
import { ensurePartitions, type OrganisationRow } from '@quarterhour/db';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import { anOrganisation, aPlant } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { storeReading, storeSample } from './facts.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const YESTERDAY = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS;
const minute = (n: number): UtcInstant => instantFromEpochMillis(YESTERDAY + n * MINUTE_MS);

let api: TestApi;
let ours: OrganisationRow;
let plantId: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  plantId = (await aPlant(api.admin, ours)).id;
  const days = [YESTERDAY, YESTERDAY + DAY_MS].map((millis) => new Date(millis).toISOString().slice(0, 10));
  await ensurePartitions(api.worker, 'plant-telemetry', days);
  await storeSample(api.worker, ours.id, plantId, { measuredAt: minute(0), gridKw: 1, pvKw: 30, batteryKw: -20 });
  await storeSample(api.worker, ours.id, plantId, { measuredAt: minute(3), gridKw: 3, pvKw: 10, batteryKw: 20 });
  for (const [n, valueKwh] of [
    [0, 100],
    [5, 101.5],
    [10, 104],
  ] as const) {
    await storeReading(api.worker, ours.id, plantId, { readAt: minute(n), valueKwh });
  }
}, 60_000);
afterAll(() => api.close());

const trader = () => ({ orgs: [ours.id], roles: ['trader'] });
const get = (what: string, search: string) => api.get(`/api/v1/trading/plants/${plantId}/${what}?${search}`, trader());
const tenMinutes = `from=${minute(0)}&to=${minute(10)}`;

describe('telemetry in buckets', () => {
  test('has the contract’s names, units and signs, and a bucket of five minutes unless told otherwise', async () => {
    const { status, body } = await get('telemetry', tenMinutes);
    expect(status).toBe(200);
    const common = { plant_id: plantId, fve_reg: null };
    expect(listTelemetryResponse.parse(body)).toEqual([
      { ...common, time: minute(0), consumption: 5, fve_power: 20, grid_power: -2, invertor_power: 20, soc: 50 },
      {
        ...common,
        time: minute(5),
        consumption: null,
        fve_power: null,
        grid_power: null,
        invertor_power: null,
        soc: null,
      },
    ]);
  });

  test('is of the last 24 hours unless told otherwise', async () => {
    const { body } = await get('telemetry', 'bucket=60');
    expect([24, 25]).toContain(listTelemetryResponse.parse(body).length);
  });

  test('is answered again, byte for byte, as of its mark', async () => {
    const first = await get('telemetry', `${tenMinutes}&bucket=15`);
    const mark = String(first.headers['quarterhour-known-at']);
    await storeSample(api.worker, ours.id, plantId, { measuredAt: minute(7), gridKw: 70 });
    expect((await get('telemetry', `${tenMinutes}&bucket=15`)).text).not.toBe(first.text);
    const again = await get('telemetry', `${tenMinutes}&bucket=15&as_of=${mark}`);
    expect(again.text).toBe(first.text);
    expect(again.headers['quarterhour-known-at']).toBe(mark);
  });

  test.each([
    ['more than 31 days', 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00.001Z', /31 days/],
    ['a span that is turned', `from=${minute(1)}&to=${minute(0)}`, /before from/],
    ['a bucket of nothing', `${tenMinutes}&bucket=0`, /bucket/],
    ['a bucket of more than an hour', `${tenMinutes}&bucket=61`, /bucket/],
    ['a bucket that is no number', `${tenMinutes}&bucket=5.5`, /bucket/],
    ['an instant without offset', 'from=2026-01-01T00:00:00', /from/],
    ['a mark of tomorrow', `${tenMinutes}&as_of=2099-01-01T00:00:00Z`, /not known yet/],
    ['what it does not know', `${tenMinutes}&page=2`, /page/],
  ])('refuses %s', async (_case, search, says) => {
    for (const what of ['telemetry', 'meters']) {
      const { status, body } = await get(what, search);
      expect([status, tradingError.parse(body).code]).toEqual([400, 'BAD_REQUEST']);
      expect(tradingError.parse(body).details?.issues?.join()).toMatch(says);
    }
  });

  test.each(['bucketMinutes', 'bucket_minutes'])('takes %s for the length of a bucket', async (name) => {
    for (const what of ['telemetry', 'meters']) {
      const { status, text } = await get(what, `${tenMinutes}&${name}=15`);
      expect([status, text]).toEqual([200, (await get(what, `${tenMinutes}&bucket=15`)).text]);
      const twice = await get(what, `${tenMinutes}&${name}=15&bucket=15`);
      expect(tradingError.parse(twice.body).details?.issues).toEqual(['query.bucket: Give this once']);
    }
  });

  test('takes exactly 31 days', async () => {
    const { status, body } = await get('telemetry', 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&bucket=60');
    expect(status).toBe(200);
    expect(listTelemetryResponse.parse(body)).toHaveLength(31 * 24);
  });

  test('of a plant that is not ours, or nobody’s, is not found', async () => {
    const theirs = await aPlant(api.admin, await anOrganisation(api.admin));
    for (const id of [theirs.id, '00000000-0000-4000-8000-000000000000']) {
      const { status, body } = await api.get(`/api/v1/trading/plants/${id}/telemetry`, trader());
      expect({ status, code: tradingError.parse(body).code }).toEqual({ status: 404, code: 'PLANT_NOT_FOUND' });
    }
  });
});

describe('meters in buckets', () => {
  test('tell the energy of each register per bucket', async () => {
    const { status, body } = await get('meters', tenMinutes);
    expect(status).toBe(200);
    const common = { plant_id: plantId, meter_id: 'GRID:import', interval: 'PT5M' };
    expect(listMetersResponse.parse(body)).toEqual([
      { ...common, time: minute(0), energy: 1.5 },
      { ...common, time: minute(5), energy: 2.5 },
    ]);
  });
});
