import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { latestTelemetryResponse, tradingError } from '@quarterhour/contracts';
import { ensurePartitions } from '@quarterhour/db';
import type { OrganisationRow } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { anOrganisation, aPlant } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { storeSample } from './facts.js';

const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
const address = (plantId: string): string => `/api/v1/trading/plants/${plantId}/telemetry/latest`;

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  await ensurePartitions(
    api.worker,
    'plant-telemetry',
    [0, 1, 30].map((days) => daysAgo(days).slice(0, 10)),
  );
}, 60_000);
afterAll(() => api.close());

const trader = () => ({ orgs: [ours.id], roles: ['trader'] });
const latest = async (plantId: string) => {
  const { status, body } = await api.get(address(plantId), trader());
  expect(status).toBe(200);
  return latestTelemetryResponse.parse(body);
};

describe('the newest telemetry of a plant', () => {
  test('has the contract’s names, units and signs', async () => {
    const plant = await aPlant(api.admin, ours);
    const measuredAt = parseInstant(daysAgo(0));
    await storeSample(api.worker, ours.id, plant.id, { measuredAt: parseInstant(daysAgo(1)), gridKw: 99 });
    await storeSample(api.worker, ours.id, plant.id, { measuredAt, gridKw: 5, pvKw: 30, batteryKw: -20 });
    expect(await latest(plant.id)).toEqual({
      time: measuredAt,
      plant_id: plant.id,
      consumption: 5,
      fve_power: 30,
      fve_reg: null,
      grid_power: -5,
      invertor_power: 10,
      soc: 50,
    });
  });

  test('is null when the plant never reported', async () => {
    const plant = await aPlant(api.admin, ours);
    expect(await latest(plant.id)).toBeNull();
  });

  test('leaves what was not measured null, and zero zero', async () => {
    const plant = await aPlant(api.admin, ours);
    const nothing = { gridKw: null, pvKw: null, consumptionKw: null, socPercent: null };
    await storeSample(api.worker, ours.id, plant.id, { ...nothing, batteryKw: -20 });
    expect(await latest(plant.id)).toMatchObject({
      consumption: null,
      fve_power: null,
      grid_power: null,
      invertor_power: null,
      soc: null,
    });
    await storeSample(api.worker, ours.id, plant.id, { gridKw: 0, pvKw: 0, batteryKw: 0 });
    expect(await latest(plant.id)).toMatchObject({ fve_power: 0, grid_power: 0, invertor_power: 0 });
  });

  test('is found however old it is', async () => {
    const plant = await aPlant(api.admin, ours);
    const measuredAt = parseInstant(daysAgo(30));
    await storeSample(api.worker, ours.id, plant.id, { measuredAt });
    expect(await latest(plant.id)).toMatchObject({ time: measuredAt });
  });

  test('of another organisation’s plant is the answer for a plant that does not exist', async () => {
    const plant = await aPlant(api.admin, theirs);
    const there = await api.get(address(plant.id), trader());
    const nowhere = await api.get(address(randomUUID()), trader());
    for (const { status, body } of [there, nowhere]) {
      expect([status, tradingError.parse(body).code]).toEqual([404, 'PLANT_NOT_FOUND']);
    }
  });

  test('needs an id that is a UUID, and takes no parameters', async () => {
    const malformed = await api.get(address('plant-1'), trader());
    expect([malformed.status, tradingError.parse(malformed.body).code]).toEqual([400, 'INVALID_UUID']);
    const asked = await api.get(`${address(randomUUID())}?bucket=5`, trader());
    expect([asked.status, tradingError.parse(asked.body).code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(tradingError.parse(asked.body).details?.issues).toEqual(['query.bucket: bucket is not known here']);
  });
});
