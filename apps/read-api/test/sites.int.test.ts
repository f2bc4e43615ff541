import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { listMetersResponse, listSitesResponse, listTelemetryResponse, tradingError } from '@quarterhour/contracts';
import { ensurePartitions, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import { anOrganisation, aPlant } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { storeReading, storeSample } from './facts.js';
import { aKeyOf } from './keys.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const YESTERDAY = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS;
const minute = (n: number): UtcInstant => instantFromEpochMillis(YESTERDAY + n * MINUTE_MS);
const hour = (n: number): UtcInstant => instantFromEpochMillis(YESTERDAY + n * HOUR_MS);

let api: TestApi;
let ours: OrganisationRow;
let plant: PlantRow;
let unlinked: PlantRow;
let foreign: PlantRow;
let key: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  const theirs = await anOrganisation(api.admin);
  plant = await aPlant(api.admin, ours, {
    id: '01890000-0000-7000-8000-000000000001',
    externalPlantId: 'roof / 1 ü',
    name: 'The "roof"',
  });
  unlinked = await aPlant(api.admin, ours, { id: '01890000-0000-7000-8000-000000000002', externalPlantId: null });
  foreign = await aPlant(api.admin, theirs, { externalPlantId: 'theirs' });
  key = (await aKeyOf(api.admin, ours)).key;
  await api.admin.transaction([ours.id], (trx) =>
    trx.query({
      text: `insert into app.external_id (scheme, value, org_id, plant_id)
             values ('ean_cons', '859182400100000001', $1, $2), ('ean_prod', '859182400100000002', $1, $2)`,
      values: [ours.id, plant.id],
    }),
  );
  const days = [YESTERDAY, YESTERDAY + DAY_MS].map((millis) => new Date(millis).toISOString().slice(0, 10));
  await ensurePartitions(api.worker, 'plant-telemetry', days);
  await storeSample(api.worker, ours.id, plant.id, { measuredAt: minute(0), gridKw: 1, pvKw: 30, batteryKw: -20 });
  for (const [n, valueKwh] of [
    [0, 100],
    [5, 101.5],
  ] as const) {
    await storeReading(api.worker, ours.id, plant.id, { readAt: minute(n), valueKwh });
  }
}, 60_000);
afterAll(() => api.close());

const get = (url: string) => request(api.app).get(`/api/v1/vcp/sites${url}`).set('x-api-key', key);

describe('the sites of a partner', () => {
  test('are its own plants, with the ids that each side knows them by', async () => {
    const { status, body } = await get('');
    expect(status).toBe(200);
    const { data, meta } = listSitesResponse.parse(body);
    expect(data).toEqual([
      {
        siteId: plant.id,
        name: 'The "roof"',
        externalPlantId: 'roof / 1 ü',
        eanCons: '859182400100000001',
        eanProd: '859182400100000002',
        timeZone: 'Europe/Berlin',
        marketZone: 'Europe/Berlin',
      },
      expect.objectContaining({ siteId: unlinked.id, externalPlantId: null, eanCons: null, eanProd: null }),
    ]);
    expect(meta).toEqual({ page: 1, limit: 20, total: 2, totalPages: 1 });
  });

  test('come in pages', async () => {
    const { body, headers } = await get('?limit=1&page=2');
    expect(listSitesResponse.parse(body).data.map(({ siteId }) => siteId)).toEqual([unlinked.id]);
    expect(headers['link']).toBeUndefined();
    expect((await get('?limit=1')).headers['link']).toBe('</api/v1/vcp/sites?limit=1&page=2>; rel="next"');
  });
});

describe('what a site measured', () => {
  test.each([
    ['our id', () => plant.id],
    ['our id in capitals', () => plant.id.toUpperCase()],
    ['the partner’s own id', () => encodeURIComponent('roof / 1 ü')],
  ])('is found by %s', async (_what, siteId) => {
    const span = `from=${minute(0)}&to=${minute(5)}`;
    const telemetry = await get(`/${siteId()}/telemetry?${span}`);
    expect(telemetry.status).toBe(200);
    expect(listTelemetryResponse.parse(telemetry.body)).toEqual([
      expect.objectContaining({ time: minute(0), plant_id: plant.id, grid_power: -1, fve_power: 30 }),
    ]);
    expect(telemetry.headers['quarterhour-known-at']).toBeDefined();
    const meters = await get(`/${siteId()}/meters?${span}`);
    expect(listMetersResponse.parse(meters.body)).toEqual([
      { time: minute(0), plant_id: plant.id, meter_id: 'GRID:import', interval: 'PT5M', energy: 1.5 },
    ]);
  });

  test('is the same as the trading API answers', async () => {
    const span = `from=${minute(0)}&to=${minute(30)}&bucket=15`;
    for (const what of ['telemetry', 'meters']) {
      const token = { orgs: [ours.id], roles: ['trader'] };
      const traders = await api.get(`/api/v1/trading/plants/${plant.id}/${what}?${span}`, token);
      expect((await get(`/${plant.id}/${what}?${span}`)).text).toBe(traders.text);
    }
  });

  test.each([
    ['another organisation’s, by our id', () => foreign.id],
    ['another organisation’s, by its own id', () => 'theirs'],
    ['nobody’s', () => '0b7c9d5e-6a55-4ab6-9c5e-333333333333'],
    ['of an endless name', () => 'x'.repeat(5_000)],
    ['of no name at all', () => '%20'],
  ])('is not found where the site is %s', async (_what, siteId) => {
    for (const what of ['telemetry', 'meters']) {
      const { status, body } = await get(`/${siteId()}/${what}?from=${minute(0)}`);
      expect([status, tradingError.parse(body).code]).toEqual([404, 'SITE_NOT_FOUND']);
    }
  });

  test.each(['telemetry', 'meters'])('is asked for by from, and at most 48 hours at once: %s', async (what) => {
    const answered = async (search: string) => {
      const { status, body } = await get(`/${plant.id}/${what}${search}`);
      return [status, status === 200 ? undefined : tradingError.parse(body).code];
    };
    expect(await answered('')).toEqual([400, 'VALIDATION_ERROR']);
    expect(await answered(`?from=yesterday`)).toEqual([400, 'VALIDATION_ERROR']);
    expect(await answered(`?from=${hour(0)}&to=${hour(48)}`)).toEqual([200, undefined]);
    expect(await answered(`?from=${hour(0)}&to=${hour(48).replace('Z', '.000001Z')}`)).toEqual([
      400,
      'VALIDATION_ERROR',
    ]);
    expect(await answered(`?from=${hour(1)}&to=${hour(0)}`)).toEqual([400, 'VALIDATION_ERROR']);
    expect(await answered(`?from=2020-01-01T00:00:00Z`)).toEqual([200, undefined]);
    expect(await answered(`?from=2100-01-01T00:00:00Z`)).toEqual([400, 'VALIDATION_ERROR']);
  });

  test('ends 48 hours after from unless told otherwise, or now', async () => {
    const old = await get(`/${plant.id}/telemetry?from=2026-01-01T00:00:00Z&bucket=60`);
    const times = listTelemetryResponse.parse(old.body).map(({ time }) => time);
    expect([times.length, times.at(-1)]).toEqual([48, '2026-01-02T23:00:00Z']);
    const recent = await get(`/${plant.id}/telemetry?from=${minute(0)}`);
    const last = listTelemetryResponse.parse(recent.body).at(-1)?.time ?? '';
    expect(Date.now() - Date.parse(last)).toBeLessThan(10 * MINUTE_MS);
  });
});
