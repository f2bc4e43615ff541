import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { meterStateResponse, siteCommandsResponse, siteConfigResponse, tradingError } from '@quarterhour/contracts';
import { addPlantEans, ensurePartitions, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import { anOrganisation, aPlant } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { logCommand, storeReading, storeSample } from './facts.js';
import { aKeyOf } from './keys.js';

const HOUR_MS = 3_600_000;
const ago = (hours: number): UtcInstant => instantFromEpochMillis(Date.now() - hours * HOUR_MS);

let api: TestApi;
let ours: OrganisationRow;
let foreign: PlantRow;
let key: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  const theirs = await anOrganisation(api.admin);
  foreign = await aPlant(api.admin, theirs, { externalPlantId: 'theirs' });
  await api.admin.transaction([theirs.id], (trx) => addPlantEans(trx, foreign, { eanCons: '859182400100000009' }));
  key = (await aKeyOf(api.admin, ours)).key;
  const days = [0, -1].map((day) => new Date(Date.now() + day * 24 * HOUR_MS).toISOString().slice(0, 10));
  await ensurePartitions(api.worker, 'plant-telemetry', days);
}, 60_000);
afterAll(() => api.close());

const get = (url: string) => request(api.app).get(`/api/v1/vcp${url}`).set('x-api-key', key);
const command = (plant: PlantRow, hours: number, columns: Record<string, string | boolean | null> = {}) =>
  logCommand(api.admin, ours.id, plant.id, {
    message_id: randomUUID(),
    created_at: ago(hours),
    received_at: ago(hours),
    status: 'EXECUTED',
    ...columns,
  });
const commandsOf = async (plant: PlantRow, search = '') => {
  const { status, body } = await get(`/sites/${plant.id}/commands${search}`);
  expect(status).toBe(200);
  return siteCommandsResponse.parse(body).commands;
};
const configOf = async (plant: PlantRow) => siteConfigResponse.parse((await get(`/sites/${plant.id}/config`)).body);

describe('commands of a site', () => {
  test('are those of the last 24 hours and whatever is pending, newest first, refused ones and schedules included', async () => {
    const plant = await aPlant(api.admin, ours);
    await command(plant, 25, { message_id: 'old' });
    await command(plant, 30, { message_id: 'waits', status: 'PENDING', ack_status: 'ACK' });
    await command(plant, 23, { message_id: 'schedule', command_type: 'SCHEDULE_CREATE', priority: 'HIGH' });
    await command(plant, 1, {
      message_id: 'refused',
      status: 'REJECTED',
      ack_status: 'NACK',
      rejection_reason: 'EXPIRED: too late',
    });
    const commands = await commandsOf(plant);
    expect(commands.map(({ messageId }) => messageId)).toEqual(['refused', 'schedule', 'waits']);
    expect(commands[0]).toMatchObject({
      commandType: 'SITE_SETPOINT',
      status: 'REJECTED',
      ackStatus: 'NACK',
      rejectionReason: 'EXPIRED: too late',
      executionReason: null,
      payload: { type: 'POWER', targetValueKw: -2.5 },
    });
    expect(commands[1]).toMatchObject({ commandType: 'SCHEDULE_CREATE', priority: 'HIGH' });
  });

  test('are looked for as far back as asked, and at most so many', async () => {
    const plant = await aPlant(api.admin, ours);
    for (const hours of [2, 26, 50]) await command(plant, hours);
    expect(await commandsOf(plant, '?lookBackHours=1')).toHaveLength(0);
    expect(await commandsOf(plant, '?lookBackHours=48')).toHaveLength(2);
    expect(await commandsOf(plant, '?lookBackHours=168&limit=1')).toHaveLength(1);
    for (const search of ['?lookBackHours=169', '?lookBackHours=0', '?limit=1001', '?limit=x', '?since=1']) {
      expect((await get(`/sites/${plant.id}/commands${search}`)).status).toBe(400);
    }
  });
});

describe('what holds at a site', () => {
  test('is nothing where nobody said or did anything', async () => {
    const plant = await aPlant(api.admin, ours);
    expect(await configOf(plant)).toEqual({
      siteId: plant.id,
      operatingMode: null,
      modeOverride: null,
      activeSchedule: null,
      constraints: null,
      fallback: null,
      pendingCommands: [],
    });
  });

  test('is the mode of the newest sample, the mode that was set last while it holds, and what is pending', async () => {
    const plant = await aPlant(api.admin, ours);
    await storeSample(api.worker, ours.id, plant.id, { measuredAt: ago(1), operatingMode: 'AUTO' });
    await storeSample(api.worker, ours.id, plant.id, { measuredAt: ago(2), operatingMode: 'OLD' });
    const mode = (name: string, hours: number, columns = {}) =>
      command(plant, hours, {
        command_type: 'MODE_CHANGE',
        payload: JSON.stringify({ mode: name }),
        executed_at: ago(hours),
        ...columns,
      });
    await mode('FIRST', 5);
    await mode('SECOND', 4);
    await mode('NEVER', 3, { status: 'FAILED' });
    await command(plant, 300, { status: 'PENDING', message_id: 'waits' });
    expect(await configOf(plant)).toMatchObject({
      operatingMode: 'AUTO',
      modeOverride: { mode: 'SECOND', until: null },
      pendingCommands: [{ messageId: 'waits' }],
    });
    await mode('OVER', 1, { valid_until: ago(0.5) });
    expect((await configOf(plant)).modeOverride).toBeNull();
  });

  test('has none but pending commands among those that are pending, also when one came while it was asked', async () => {
    const plant = await aPlant(api.admin, ours);
    await command(plant, -0.01, { status: 'REJECTED', ack_status: 'NACK', rejection_reason: 'STALE: too late' });
    await command(plant, -0.01, { status: 'PENDING', message_id: 'just now' });
    expect((await configOf(plant)).pendingCommands.map(({ messageId }) => messageId)).toEqual(['just now']);
    expect(await commandsOf(plant)).toHaveLength(2);
  });

  test('is the schedule that the plant goes by: a slot now, then priority, then the later one', async () => {
    const plant = await aPlant(api.admin, ours);
    const schedule = async (name: string, priority: string, slots: readonly [number, number][], columns = {}) => {
      const rows = slots.map(([from, to]) => ({
        from: ago(-from),
        to: ago(-to),
        targetPowerKw: 5,
        direction: 'EXPORT',
      }));
      const row = {
        org_id: ours.id,
        id: randomUUID(),
        plant_id: plant.id,
        schedule_id: name,
        priority,
        valid_from: rows[0]?.from,
        valid_until: rows.at(-1)?.to,
        slots: JSON.stringify(rows),
        created_at: ago(1),
        cancelled_at: null,
        cancelled_by: null,
        ...columns,
      };
      const names = Object.keys(row);
      await api.admin.transaction([ours.id], (trx) =>
        trx.query({
          text: `insert into app.schedule (${names.join(', ')}) values (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
          values: Object.values(row),
        }),
      );
    };
    await schedule('over', 'HIGH', [[-3, -2]]);
    await schedule('gap', 'HIGH', [
      [-2, -1],
      [1, 2],
    ]);
    expect((await configOf(plant)).activeSchedule).toMatchObject({ scheduleId: 'gap', slot: null });
    await schedule('normal', 'NORMAL', [[-1, 1]]);
    expect((await configOf(plant)).activeSchedule).toMatchObject({
      scheduleId: 'normal',
      priority: 'NORMAL',
      slot: { targetPowerKw: 5, direction: 'EXPORT' },
    });
    await schedule('later', 'NORMAL', [[-1, 1]], { created_at: ago(0.5) });
    expect((await configOf(plant)).activeSchedule?.scheduleId).toBe('later');
    await schedule('high', 'HIGH', [[-1, 1]], { created_at: ago(9) });
    expect((await configOf(plant)).activeSchedule?.scheduleId).toBe('high');
    await schedule('taken back', 'EMERGENCY', [[-1, 1]], { cancelled_at: ago(0.1), cancelled_by: randomUUID() });
    expect((await configOf(plant)).activeSchedule?.scheduleId).toBe('high');
  });

  test('is what the partner said last of a subject, by its own clock', async () => {
    const plant = await aPlant(api.admin, ours);
    const say = (kind: string, hours: number, payload: object) =>
      api.admin.transaction([ours.id], (trx) =>
        trx.query({
          text: `insert into app.trading_config_event (org_id, message_id, origin, kind, plant_id, source, occurred_at, payload,
              routing_key, content_sha256, received_at, place)
            values ($1, $2, 'partner', $3, $4, 'test', $5, $6, 'acme.config', sha256($7), clock_timestamp(), 0)`,
          values: [
            ours.id,
            randomUUID(),
            kind,
            plant.id,
            ago(hours),
            JSON.stringify(payload),
            Buffer.from(randomUUID()),
          ],
        }),
      );
    await say('constraints', 1, { maxImportKw: 10 });
    await say('constraints', 2, { maxImportKw: 99 });
    await say('fallback', 3, { mode: 'HOLD' });
    expect(await configOf(plant)).toMatchObject({
      constraints: { values: { maxImportKw: 10 } },
      fallback: { values: { mode: 'HOLD' } },
    });
  });
});

test.each(['commands', 'config'])('of a site that is not the partner’s, %s are not found', async (what) => {
  for (const siteId of [foreign.id, 'theirs', randomUUID()]) {
    const { status, body } = await get(`/sites/${siteId}/${what}`);
    expect([status, tradingError.parse(body).code]).toEqual([404, 'SITE_NOT_FOUND']);
  }
});

describe('the state of a meter', () => {
  test('is found by either EAN, with all registers of the newest reading', async () => {
    const plant = await aPlant(api.admin, ours);
    const eans = { eanCons: '859182400100000011', eanProd: '859182400100000012' };
    await api.admin.transaction([ours.id], (trx) => addPlantEans(trx, plant, eans));
    const readAt = instantFromEpochMillis(Date.now() - 60_000);
    await storeReading(api.worker, ours.id, plant.id, { readAt: ago(0.1), valueKwh: 1 });
    await storeReading(api.worker, ours.id, plant.id, { readAt, valueKwh: 2.5 });
    await storeReading(api.worker, ours.id, plant.id, { readAt, register: 'export', valueKwh: 0 });
    await storeReading(api.worker, ours.id, plant.id, { readAt, deviceId: 'B1', register: 'charge', valueKwh: 7 });
    for (const ean of [eans.eanCons, eans.eanProd]) {
      const { status, body } = await get(`/meter-state?ean=${ean}`);
      expect(status).toBe(200);
      expect(meterStateResponse.parse(body)).toEqual({
        siteId: plant.id,
        ...eans,
        reading: {
          readingAt: readAt,
          meters: [
            { deviceId: 'B1', role: 'GRID', chargeRegisterKwh: 7 },
            { deviceId: 'GRID', role: 'GRID', exportRegisterKwh: 0, importRegisterKwh: 2.5 },
          ],
          dataQuality: 'GOOD',
        },
      });
    }
  });

  test('has no reading when none is fresh', async () => {
    const plant = await aPlant(api.admin, ours);
    const eanCons = '859182400100000013';
    await api.admin.transaction([ours.id], (trx) => addPlantEans(trx, plant, { eanCons }));
    await storeReading(api.worker, ours.id, plant.id, { readAt: ago(0.26), valueKwh: 1 });
    const { body } = await get(`/meter-state?ean=${eanCons}`);
    expect(meterStateResponse.parse(body)).toEqual({ siteId: plant.id, eanCons, eanProd: null, reading: null });
  });

  test('is not found by an EAN of somebody else or of nobody, and not asked for by anything else', async () => {
    for (const ean of ['859182400100000009', '000000000000000000']) {
      const { status, body } = await get(`/meter-state?ean=${ean}`);
      expect([status, tradingError.parse(body).code]).toEqual([404, 'SITE_NOT_FOUND']);
    }
    for (const search of ['', '?ean=', '?ean=12345', '?ean=85918240010000000x', '?ean=8591824001000000090']) {
      const { status, body } = await get(`/meter-state${search}`);
      expect([status, tradingError.parse(body).code]).toEqual([400, 'VALIDATION_ERROR']);
    }
  });
});
