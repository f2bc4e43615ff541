import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dispatchKey, partnerConfigKey, partnerTelemetryKey } from '@quarterhour/contracts';
import { eventually, type StartedProcess } from '@quarterhour/testkit';
import { aVectorHouse, type VectorHouse } from './vector-house.js';

let at: VectorHouse;
let worker: StartedProcess;

beforeAll(async () => {
  at = await aVectorHouse();
  worker = await at.house.startWorker();
  await at.house.startWorker();
  await eventually(async () => {
    const queues = await at.house.rows('select 1 from app.organisation where queue_prefix is not null');
    expect(queues).toHaveLength(2);
  });
}, 90_000);

afterAll(() => at.close());

/** What the counts rose by while this was going on. */
async function countedDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await at.house.counts();
  await work();
  const after = await at.house.counts();
  const risen = Object.entries(after).map(([key, n]): [string, number] => [key, n - (before[key] ?? 0)]);
  return Object.fromEntries(risen.filter(([, n]) => n !== 0));
}

const dispatched = (eventId: string) =>
  at.house.rows<{ org_id: string; mw: string }>(
    'select org_id, target_power_mw::text as mw from app.dispatch where event_id = $1 order by org_id',
    eventId,
  );
const conflictsOf = (messageId: string) =>
  at.house.rows(`select 1 from app.quarantine where reason = 'conflict' and message_id = $1`, messageId);

describe('copies', () => {
  test('P15 a thousand copies of each kind of message change nothing but a count', async () => {
    const command = at.message('dispatch', at.dispatch());
    const measured = at.message('realtime', at.sample());
    const bad = at.message('config', '{"bad":');
    const copies = Array.from({ length: 1_000 }, () => [command, measured, bad]).flat();
    expect(await countedDuring(() => at.inOneGo(copies))).toEqual({
      'dispatch stored': 1,
      'dispatch duplicate': 999,
      'plant-telemetry stored': 1,
      'plant-telemetry duplicate': 999,
      'trading-config quarantined': 1,
      'trading-config duplicate': 999,
    });
    expect(await at.setAside(bad)).toMatchObject({ copies: 1_000 });
  });

  test('P16 of two contents under one id the first stands and each other is set aside, whoever takes them', async () => {
    const firsts = Array.from({ length: 60 }, () => at.dispatch());
    const others = firsts.map((one) => ({ ...one, target_power: { amount: '11', unit: 'MW' } }));
    const messages = firsts.flatMap((one, index) => {
      const pair = [one, others[index]].map((body) => at.message('dispatch', body));
      return index % 2 === 0 ? pair : pair.reverse();
    });
    const counted = await countedDuring(() => at.inOneGo(messages));
    expect(counted).toEqual({ 'dispatch stored': 60, 'dispatch quarantined': 60 });
    for (const { event_id: id } of firsts) {
      expect(await dispatched(id)).toHaveLength(1);
      expect(await conflictsOf(id)).toHaveLength(1);
    }
  });

  test('P16 three contents of a config under one id: one stands, two are set aside', async () => {
    const first = at.config();
    const messages = [1, 2, 3].map((socMinPercent) => at.message('config', { ...first, payload: { socMinPercent } }));
    expect(await countedDuring(() => at.inTurn(messages))).toEqual({
      'trading-config stored': 1,
      'trading-config quarantined': 2,
    });
    expect(await conflictsOf(first.messageId)).toHaveLength(2);
  });

  test('P17 a sample that comes again under a new message id is a copy', async () => {
    const one = at.sample();
    const again = { ...one, messageId: 'retried' };
    expect(await countedDuring(() => at.inTurn([one, again].map((body) => at.message('realtime', body))))).toEqual({
      'plant-telemetry stored': 1,
      'plant-telemetry duplicate': 1,
    });
  });

  test('P18 two organisations may use the same ids', async () => {
    const mine = at.dispatch();
    const theirs = { ...mine, asset_id: at.otherAsset };
    const event = at.config({}, { messageId: 'config-1' });
    const eventOfOther = { ...event, siteId: at.otherPlant.id };
    const sample = at.sample({ messageId: 'sample-1' });
    const sampleOfOther = { ...sample, siteId: at.otherPlant.id };
    const prefix = at.other.queuePrefix ?? '';
    await at.inOneGo([
      at.message('dispatch', mine),
      at.message('dispatch', theirs, { key: dispatchKey(at.otherAsset) }),
      at.message('config', event),
      at.message('config', eventOfOther, { key: partnerConfigKey(prefix, 'constraints', at.otherPlant.id) }),
      at.message('realtime', sample),
      at.message('realtime', sampleOfOther, { key: partnerTelemetryKey(prefix, 'realtime', at.otherPlant.id) }),
    ]);
    const both = [at.house.organisation.id, at.other.id].sort();
    expect((await dispatched(mine.event_id)).map((row) => row.org_id)).toEqual(both);
    const owners = (table: string, id: string) =>
      at.house.rows<{ org_id: string }>(`select org_id from app.${table} where message_id = $1 order by 1`, id);
    expect((await owners('trading_config_event', 'config-1')).map((row) => row.org_id)).toEqual(both);
    expect((await owners('telemetry_realtime', 'sample-1')).map((row) => row.org_id)).toEqual(both);
  });
});

describe('order', () => {
  test('P19 whatever the order of events, all of them are kept in the order in which they came', async () => {
    const events = [3, 1, 2].map((version) => at.config({ version }));
    await at.inTurn(events.map((body) => at.message('config', body)));
    const kept = await at.house.rows<{ version: string }>(
      `select payload ->> 'version' as version from app.trading_config_event where message_id = any ($1)
        order by received_at, place`,
      events.map(({ messageId }) => messageId),
    );
    expect(kept.map(({ version }) => version)).toEqual(['3', '1', '2']);
  });

  test('P22 a correction is current, the version before it is kept, and a copy of either changes nothing', async () => {
    const timestamp = new Date(Date.now() - 1_000_000).toISOString();
    const [one, two] = [1, 2].map((gridPowerKw) => at.realtime({ gridPowerKw }, { timestamp }));
    const messages = [one, two, one, two].map((body) => at.message('realtime', body));
    expect(await countedDuring(() => at.inTurn(messages))).toEqual({
      'plant-telemetry stored': 1,
      'plant-telemetry revised': 1,
      'plant-telemetry duplicate': 2,
    });
    const inTable = (table: string) =>
      at.house.rows(`select message_id, grid_kw from app.${table} where measured_at = $1`, timestamp);
    expect(await inTable('telemetry_realtime')).toEqual([{ message_id: two?.messageId, grid_kw: -2 }]);
    expect(await inTable('telemetry_realtime_history')).toEqual([{ message_id: one?.messageId, grid_kw: -1 }]);
  });

  test('1.7 no. 4: one instant five times in one batch, the last one said is current', async () => {
    const readingAt = new Date(Date.now() - 2_000_000).toISOString();
    const timestamp = (second: number) => new Date(Date.now() - 1_000_000 + second * 1_000).toISOString();
    const readings = [2, 5, 1, 4, 3].map((n) =>
      at.reading({ readingAt, meters: [{ deviceId: 'G', importRegisterKwh: n }] }, { timestamp: timestamp(n) }),
    );
    expect(await countedDuring(() => at.inOneGo(readings.map((body) => at.message('meter', body))))).toEqual({
      'plant-telemetry stored': 1,
      'plant-telemetry revised': 4,
    });
    const current = await at.house.rows('select value_kwh from app.telemetry_meter where read_at = $1', readingAt);
    expect(current).toEqual([{ value_kwh: 5 }]);
    expect(await at.house.rows('select 1 from app.telemetry_meter_history where read_at = $1', readingAt)).toHaveLength(
      4,
    );
  });
});

describe('what was said is kept to the last digit', () => {
  test('P21 microseconds of an instant, and two samples within one millisecond', async () => {
    const second = new Date(Date.now() - 3_000_000).toISOString().slice(0, 19);
    const instants = [`${second}.123456Z`, `${second}.123457Z`];
    await at.inOneGo(instants.map((timestamp) => at.message('realtime', at.sample({ timestamp }))));
    const kept = await at.house.rows<{ at: string }>(
      'select app.instant_text(measured_at) as at from app.telemetry_realtime where measured_at = any ($1) order by 1',
      instants,
    );
    expect(kept.map((row) => row.at)).toEqual(instants);
    const command = at.dispatch({ dispatch_time: instants[0] });
    await at.inOneGo([at.message('dispatch', command)]);
    expect(
      await at.house.rows(
        'select app.instant_text(dispatch_time) as at from app.dispatch where event_id = $1',
        command.event_id,
      ),
    ).toEqual([{ at: instants[0] }]);
  });

  test.each([
    ['-0', '0'],
    ['12.500', '12.5'],
    ['-0.000001', '-0.000001'],
    ['900719925474.099301', '900719925474.099301'],
    [0.1, '0.1'],
    [123_456.789012, '123456.789012'],
  ])('P11 an amount of %s is %s', async (amount, kept) => {
    const command = at.dispatch({ target_power: { amount, unit: 'MW' } });
    await at.inTurn([at.message('dispatch', command)]);
    expect((await dispatched(command.event_id)).map(({ mw }) => mw)).toEqual([kept]);
  });

  test('P11 a measured value keeps its tail, a turned zero is zero, and null is not', async () => {
    const one = at.realtime({ gridPowerKw: 0, fvePowerKw: 0.1 + 0.2, batteryPowerKw: -1e-7, consumptionPowerKw: null });
    const text = JSON.stringify(one).replace('"gridPowerKw":0', '"gridPowerKw":-0');
    await at.inTurn([at.message('realtime', text)]);
    const kept = await at.house.rows(
      `select grid_kw::text as grid, pv_kw::text as pv, battery_kw::text as battery, consumption_kw as consumption
         from app.telemetry_realtime where message_id = $1`,
      one.messageId,
    );
    expect(kept).toEqual([{ grid: '0', pv: '0.30000000000000004', battery: '1e-07', consumption: null }]);
  });

  test('1.7 no. 24: the time in a property, in the body, and of arrival are three', async () => {
    const bad = at.message('realtime', at.sample({ version: '9' }), { properties: { timestamp: 12_345 } });
    await at.inTurn([bad]);
    const aside = await at.setAside(bad);
    expect(aside?.properties).toMatchObject({ timestamp: 12_345 });
    expect(Date.now() - Date.parse(aside?.firstSeen ?? '')).toBeLessThan(60_000);
  });
});

describe('a flood', () => {
  test('P30 of 10,000 bad messages lets every good one through', async () => {
    const before = await at.house.counts();
    const good = Array.from({ length: 200 }, () => at.sample());
    const flood = good.flatMap((one, index) => [
      one,
      ...Array.from({ length: 50 }, (_, n) => at.realtime({ socPercent: 1_000 + index * 50 + n })),
    ]);
    await at.inOneGo(flood.map((body) => at.message('realtime', body)));
    const stored = await at.house.rows(
      'select 1 from app.telemetry_realtime where message_id = any ($1)',
      good.map(({ messageId }) => messageId),
    );
    expect(stored).toHaveLength(200);
    const counts = await at.house.counts();
    expect((counts['plant-telemetry quarantined'] ?? 0) - (before['plant-telemetry quarantined'] ?? 0)).toBe(10_000);
    expect(worker.stdout.length).toBeLessThan(100);
  }, 90_000);
});
