import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { NO_ORGANISATION } from '@quarterhour/db';
import { marketZoneOfDeliveryArea } from '@quarterhour/domain';
import {
  Register,
  deadLetterStream,
  dispatchStream,
  plantTelemetryStream,
  tradingConfigStream,
  type Delivery,
  type Fault,
  type Received,
} from './index.js';

const ORG = '0190a000-0000-7000-8000-000000000001';
const OTHER_ORG = '0190a000-0000-7000-8000-000000000002';
const PLANT = '0190a000-0000-7000-8000-0000000000a1';
const SECOND_PLANT = '0190a000-0000-7000-8000-0000000000a2';
const OTHER_PLANT = '0190a000-0000-7000-8000-0000000000b1';
const NOW = '2026-03-29T01:30:00Z';
const berlin = marketZoneOfDeliveryArea('50HZ');

const register = new Register({
  version: '1',
  nowMillis: 0,
  tradingStates: [],
  apiKeys: [],
  organisations: [
    { id: ORG, slug: 'alpha', queuePrefix: 'alpha', marketZone: berlin },
    { id: OTHER_ORG, slug: 'beta', queuePrefix: 'beta', marketZone: berlin },
  ],
  plants: [
    { orgId: ORG, id: PLANT, externalPlantId: 'SITE-1', timeZone: 'Europe/Berlin', marketZone: berlin },
    { orgId: ORG, id: SECOND_PLANT, externalPlantId: null, timeZone: 'Europe/Berlin', marketZone: berlin },
    { orgId: OTHER_ORG, id: OTHER_PLANT, externalPlantId: 'SITE-1', timeZone: 'Europe/Berlin', marketZone: berlin },
  ],
  assets: [{ id: 'DE_50HZ_WU_1', orgId: ORG, plantId: PLANT, deliveryArea: '50HZ' }],
});
const ctx = { register, nowMillis: Date.parse(NOW) };

const dispatch = (change: object = {}) => ({
  source: 'optimiser',
  event_id: '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10',
  published_at: '2026-03-29T00:59:58.5Z',
  asset_id: 'DE_50HZ_WU_1',
  dispatch_time: '2026-03-29T01:00:00.000001Z',
  delivery_period_start: '2026-03-29T03:00:00+02:00',
  target_power: { amount: '-12.500', unit: 'MW' },
  nominal_power: { amount: 20, unit: 'MW' },
  power_imbalance: null,
  ...change,
});

const realtimePayload = (change: object = {}) => ({
  gridPowerKw: 1.5,
  fvePowerKw: 4,
  batteryPowerKw: -2,
  consumptionPowerKw: 7.5,
  socPercent: 55.5,
  availableBatteryEnergyKwh: null,
  batteryTemperatureCelsius: 21,
  currentOperatingMode: 'AUTO',
  dataQuality: 'GOOD',
  ...change,
});

const meterPayload = (change: object = {}) => ({
  readingAt: '2026-03-29T01:29:00Z',
  meters: [
    { deviceId: 'GRID', role: 'GRID', importRegisterKwh: 100.5, exportRegisterKwh: 3 },
    { deviceId: 'B1', chargeRegisterKwh: 9 },
  ],
  dataQuality: 'GOOD',
  ...change,
});

const envelope = (payload: object, change: object = {}) => ({
  version: '1.1',
  messageId: '7f6a0d6e-2f6b-4f0e-9a53-7f9f3a1c2b4d',
  timestamp: '2026-03-29T01:29:30.25Z',
  source: 'test-esm',
  siteId: PLANT,
  payload,
  ...change,
});

function delivery(body: unknown, change: Partial<Delivery> = {}): Delivery {
  return {
    body: Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    exchange: 'dispatch',
    routingKey: 'dispatch.DE_50HZ_WU_1',
    queue: 'ingest.dispatch',
    redelivered: false,
    properties: { headers: {} },
    ...change,
  };
}

const receiveDispatch = (body: unknown, change: Partial<Delivery> = {}) =>
  dispatchStream.receive(delivery(body, change), ctx);

const receiveTelemetry = (body: unknown, routingKey = 'alpha.telemetry.realtime', change: Partial<Delivery> = {}) =>
  plantTelemetryStream.receive(
    delivery(body, { exchange: 'vcp', routingKey, queue: 'vcp.alpha.telemetry', ...change }),
    ctx,
  );

const receiveMeter = (payload: object, change: object = {}) =>
  receiveTelemetry(envelope(payload, change), 'alpha.telemetry.meter');

function factOf<Fact>(received: Received<Fact>): Fact {
  if (received.kind === 'refused') throw new Error(`refused: ${JSON.stringify(received.fault)}`);
  return received.fact;
}

function faultOf(received: Received<unknown>): Fault {
  if (received.kind === 'understood') throw new Error('understood, although it should not be');
  return received.fault;
}

describe('what no stream takes', () => {
  const utf16 = Buffer.from(JSON.stringify(dispatch()), 'utf16le');
  const latin1 = Buffer.from('{"source":"W\u00e4rme"}', 'latin1');
  test.each<[string, unknown, Partial<Delivery>, string]>([
    ['an empty body', '', {}, 'syntax'],
    ['white space', ' \n', {}, 'syntax'],
    ['null', 'null', {}, 'schema'],
    ['an array', '[]', {}, 'schema'],
    ['a string', '"x"', {}, 'schema'],
    ['a number', '42', {}, 'schema'],
    ['truncated JSON', '{"source":"opt', {}, 'syntax'],
    ['trailing bytes', '{} x', {}, 'syntax'],
    ['two documents', '{}{}', {}, 'syntax'],
    ['a byte-order mark', '\ufeff{}', {}, 'syntax'],
    ['a comment', '{/* */}', {}, 'syntax'],
    ['single quotes', "{'a':1}", {}, 'syntax'],
    ['a NaN literal', '{"a":NaN}', {}, 'syntax'],
    ['UTF-16', utf16, {}, 'syntax'],
    ['Latin-1', latin1, {}, 'charset'],
    [
      'another charset by name',
      dispatch(),
      { properties: { contentType: 'application/json; charset=latin1', headers: {} } },
      'charset',
    ],
    [
      'gzip',
      gzipSync(JSON.stringify(dispatch())),
      { properties: { contentEncoding: 'gzip', headers: {} } },
      'encoding',
    ],
    ['gzip without saying so', gzipSync(JSON.stringify(dispatch())), {}, 'charset'],
    ['65 levels', `{"a":${'['.repeat(64)}${']'.repeat(64)}}`, {}, 'depth'],
    ['5,000 levels', '['.repeat(5_000), {}, 'depth'],
    ['a repeated key', '{"source":"a","source":"b"}', {}, 'duplicate_key'],
    ['a key repeated deep inside', '{"a":{"b":[{"c":1,"\\u0063":2}]}}', {}, 'duplicate_key'],
    ['20,001 elements', `{"a":[${'0,'.repeat(20_001)}0]}`, {}, 'schema'],
    ['20,001 members', `{${Array.from({ length: 20_001 }, (_one, index) => `"k${index}":0`).join(',')}}`, {}, 'schema'],
    ['a key of 1,001 bytes', `{"${'k'.repeat(1_001)}":0}`, {}, 'schema'],
    ['256 KiB and a byte', ' '.repeat(256 * 1024 + 1), {}, 'size'],
  ])('%s', (_case, body, change, reason) => {
    expect(faultOf(receiveDispatch(body, change)).reason).toBe(reason);
  });

  test('telemetry above 64 KiB', () => {
    expect(faultOf(receiveTelemetry(' '.repeat(64 * 1024 + 1))).reason).toBe('size');
  });

  test('64 levels are still read', () => {
    const deep = { a: JSON.parse(`${'['.repeat(63)}${']'.repeat(63)}`) };
    expect(receiveDispatch(dispatch(deep)).kind).toBe('understood');
  });

  test('what fails in a way that nobody foresaw', () => {
    const broken = {
      ...ctx,
      get register(): Register {
        throw new Error('no register');
      },
    };
    expect(faultOf(dispatchStream.receive(delivery(dispatch()), broken))).toEqual({
      reason: 'schema',
      path: null,
      detail: 'cannot be read yet: no register',
      waitsFor: null,
    });
  });

  test('a key called __proto__ changes nothing but is no harm', () => {
    const body = JSON.stringify(dispatch()).replace('{', '{"__proto__":{"polluted":true},');
    expect(receiveDispatch(body).kind).toBe('understood');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

describe('a dispatch command', () => {
  test('is kept with canonical instants and decimals, and the market-local day of its delivery period', () => {
    expect(factOf(receiveDispatch(dispatch()))).toMatchObject({
      orgId: ORG,
      eventId: '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10',
      publishedAt: '2026-03-29T00:59:58.500Z',
      dispatchTime: '2026-03-29T01:00:00.000001Z',
      deliveryPeriodStart: '2026-03-29T01:00:00Z',
      deliveryDay: '2026-03-29',
      targetPowerMw: '-12.5',
      nominalPowerMw: '20',
      powerImbalanceMw: null,
      socImbalanceMwh: null,
    });
  });

  test('belongs to the delivery day of its delivery area', () => {
    const late = dispatch({ delivery_period_start: '2025-06-01T22:00:00Z' });
    expect(factOf(receiveDispatch(late)).deliveryDay).toBe('2025-06-02');
  });

  test('has the same content whatever the order of its keys, its white space and its signature', () => {
    const one = factOf(receiveDispatch(dispatch()));
    const other = Object.fromEntries(Object.entries(dispatch({ signature: 'abc' })).reverse());
    expect(factOf(receiveDispatch(JSON.stringify(other, null, 2))).contentSha256).toEqual(one.contentSha256);
    const changed = factOf(receiveDispatch(dispatch({ target_power: { amount: '-12.6', unit: 'MW' } })));
    expect(changed.contentSha256).not.toEqual(one.contentSha256);
  });

  test.each([
    ['a number that no double holds', '"x":1e400'],
    ['half a character', '"x":"\\ud800"'],
    ['half a character in a key', '"\\ud800":1'],
  ])('is set aside when it cannot be compared by content: %s', (_case, member) => {
    const body = JSON.stringify(dispatch()).replace('{', `{${member},`);
    expect(faultOf(receiveDispatch(body))).toMatchObject({
      reason: 'schema',
      detail: expect.stringContaining('has no canonical form'),
    });
  });

  test('for a period that no calendar day can be given to is set aside', () => {
    const last = dispatch({ delivery_period_start: '9999-12-31T23:45:00Z' });
    expect(faultOf(receiveDispatch(last))).toMatchObject({ reason: 'implausible', path: 'delivery_period_start' });
  });

  test('may carry members that nobody knows', () => {
    expect(receiveDispatch(dispatch({ strategy: 'x' })).kind).toBe('understood');
  });

  test.each<[string, object, string, string | null]>([
    ['a missing source', { source: undefined }, 'schema', 'source'],
    ['a control character in an id', { source: 'a\u0000b' }, 'schema', 'source'],
    ['a lone surrogate', { source: 'a\ud800' }, 'schema', 'source'],
    ['an event id that is no UUID', { event_id: 'x' }, 'schema', 'event_id'],
    ['an instant without offset', { dispatch_time: '2026-03-29T01:00:00' }, 'schema', 'dispatch_time'],
    ['30 February', { dispatch_time: '2026-02-30T01:00:00Z' }, 'schema', 'dispatch_time'],
    ['a leap second', { dispatch_time: '2026-03-29T23:59:60Z' }, 'schema', 'dispatch_time'],
    ['seven fractional digits', { dispatch_time: '2026-03-29T01:00:00.0000001Z' }, 'schema', 'dispatch_time'],
    [
      'a period off the quarter hour',
      { delivery_period_start: '2026-03-29T01:05:00Z' },
      'implausible',
      'delivery_period_start',
    ],
    ['another unit', { target_power: { amount: '1', unit: 'kW' } }, 'schema', 'target_power.unit'],
    ['an exponent', { target_power: { amount: '1e3', unit: 'MW' } }, 'schema', 'target_power.amount'],
    [
      'thirteen integer digits',
      { target_power: { amount: '1234567890123', unit: 'MW' } },
      'schema',
      'target_power.amount',
    ],
    ['seven decimals', { target_power: { amount: '0.0000001', unit: 'MW' } }, 'schema', 'target_power.amount'],
    ['a truth value as amount', { nominal_power: { amount: true, unit: 'MW' } }, 'schema', 'nominal_power.amount'],
    ['an unknown asset', { asset_id: 'DE_50HZ_NO_1' }, 'unknown_asset', 'asset_id'],
  ])('with %s is set aside, naming the member', (_case, change, reason, path) => {
    const body = dispatch(change);
    const routingKey = `dispatch.${body.asset_id}`;
    expect(faultOf(receiveDispatch(body, { routingKey }))).toMatchObject({ reason, path });
  });

  test('with a number of more digits than JSON can carry is asked to send it as a string', () => {
    const body = JSON.stringify(dispatch()).replace('"amount":20', '"amount":0.1234567890123456');
    expect(faultOf(receiveDispatch(body))).toMatchObject({
      reason: 'schema',
      detail: expect.stringContaining('string'),
    });
    const infinite = JSON.stringify(dispatch()).replace('"amount":20', '"amount":1e400');
    expect(faultOf(receiveDispatch(infinite))).toMatchObject({ reason: 'schema', path: 'nominal_power.amount' });
  });

  test('under the key of another asset is set aside', () => {
    const fault = faultOf(receiveDispatch(dispatch(), { routingKey: 'dispatch.DE_50HZ_WU_2' }));
    expect(fault).toMatchObject({ reason: 'schema', path: 'asset_id' });
  });

  test('that is faulty still shows its owner and its id, as far as they can be read', () => {
    expect(receiveDispatch(dispatch({ source: 5 }))).toMatchObject({
      orgId: ORG,
      messageId: '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10',
    });
    expect(receiveDispatch('{')).toMatchObject({ orgId: ORG, messageId: null });
    expect(receiveDispatch('{', { routingKey: 'dispatch.X' })).toMatchObject({ orgId: NO_ORGANISATION });
  });

  test('belongs to whom its routing key names, whatever its body says', () => {
    const elsewhere = receiveDispatch(dispatch(), { routingKey: 'dispatch.DE_50HZ_WU_2' });
    expect(elsewhere).toMatchObject({ kind: 'refused', orgId: NO_ORGANISATION });
  });
});

describe('a realtime sample', () => {
  test('is kept in our signs: export and discharge are positive', () => {
    const fact = factOf(receiveTelemetry(envelope(realtimePayload())));
    expect(fact).toMatchObject({
      kind: 'realtime',
      measuredAt: '2026-03-29T01:29:30.250Z',
      sample: { orgId: ORG, plantId: PLANT, gridKw: -1.5, pvKw: 4, batteryKw: 2, consumptionKw: 7.5, socPercent: 55.5 },
    });
  });

  test('keeps the energy balance of the source: grid = pv + battery - consumption', () => {
    const fact = factOf(receiveTelemetry(envelope(realtimePayload())));
    if (fact.kind !== 'realtime') throw new Error('not a sample');
    const { gridKw, pvKw, batteryKw, consumptionKw } = fact.sample;
    expect(gridKw).toBe((pvKw ?? NaN) + (batteryKw ?? NaN) - (consumptionKw ?? NaN));
  });

  test('tells a value of zero from one that was not measured, null or absent', () => {
    const { gridPowerKw, ...payload } = realtimePayload({ batteryPowerKw: 0, fvePowerKw: null });
    const fact = factOf(receiveTelemetry(envelope(payload)));
    expect(fact).toMatchObject({ sample: { gridKw: null, pvKw: null } });
    expect(fact.kind === 'realtime' && Object.is(fact.sample.batteryKw, 0)).toBe(true);
  });

  test.each([
    ['by our id', 'alpha.telemetry.realtime', PLANT],
    ['by our id in capitals', 'alpha.telemetry.realtime', PLANT.toUpperCase()],
    ['by the id its partner knows', 'alpha.telemetry.realtime', 'SITE-1'],
    ['by both, in key and body', `alpha.telemetry.realtime.${PLANT}`, 'SITE-1'],
    ['by our id, in capitals in the key', `alpha.telemetry.realtime.${PLANT.toUpperCase()}`, PLANT],
  ])('finds its plant %s', (_case, routingKey, siteId) => {
    expect(factOf(receiveTelemetry(envelope(realtimePayload(), { siteId }), routingKey))).toMatchObject({
      sample: { orgId: ORG, plantId: PLANT },
    });
  });

  test('of our own gateways finds owner and plant by the routing key', () => {
    const received = receiveTelemetry(
      envelope(realtimePayload(), { siteId: OTHER_PLANT }),
      `telemetry.realtime.${OTHER_PLANT}`,
      {
        exchange: 'fleet',
      },
    );
    expect(factOf(received)).toMatchObject({ sample: { orgId: OTHER_ORG, plantId: OTHER_PLANT } });
  });

  test.each<[string, string, object, string]>([
    ['of a prefix that nobody has', 'gamma.telemetry.realtime', {}, 'unknown_plant'],
    ['of a plant that nobody has', 'alpha.telemetry.realtime', { siteId: 'SITE-9' }, 'unknown_plant'],
    ['of another organisation by its id', 'alpha.telemetry.realtime', { siteId: OTHER_PLANT }, 'unknown_plant'],
    ['whose key names another plant', `alpha.telemetry.realtime.${SECOND_PLANT}`, {}, 'schema'],
    ['of a kind that does not exist', 'alpha.telemetry.hourly', {}, 'schema'],
    ['under no telemetry key', 'alpha.event.realtime', {}, 'schema'],
    ['under a key that only begins like one of telemetry', 'alpha.telemetryx.realtime', {}, 'schema'],
    ['under a key whose words another character parts', 'alpha.telemetry-realtime', {}, 'schema'],
    ['under a key without a kind', 'alpha.telemetry', {}, 'schema'],
    ['under a key with an empty kind', 'alpha.telemetry.', {}, 'schema'],
    ['whose key ends in an empty site', 'alpha.telemetry.realtime.', {}, 'schema'],
    ['under a key of one word', 'alpha', {}, 'schema'],
  ])('%s is set aside', (_case, routingKey, change, reason) => {
    expect(faultOf(receiveTelemetry(envelope(realtimePayload(), change), routingKey)).reason).toBe(reason);
  });

  test('cannot tell a plant of another organisation from one that does not exist', () => {
    const { waitsFor: _foreign, ...foreign } = faultOf(
      receiveTelemetry(envelope(realtimePayload(), { siteId: OTHER_PLANT })),
    );
    const { waitsFor: _unknown, ...unknown } = faultOf(
      receiveTelemetry(envelope(realtimePayload(), { siteId: 'SITE-9' })),
    );
    expect(unknown).toEqual(foreign);
  });

  test.each<[string, object, object, string, string]>([
    ['version 1.0', { version: '1.0' }, {}, 'schema', 'version'],
    ['no version', { version: undefined }, {}, 'schema', 'version'],
    ['a timestamp with an offset', { timestamp: '2026-03-29T03:29:30+02:00' }, {}, 'schema', 'timestamp'],
    ['text for a number', {}, { gridPowerKw: '--' }, 'schema', 'payload.gridPowerKw'],
    ['an unknown quality', {}, { dataQuality: 'FINE' }, 'schema', 'payload.dataQuality'],
    ['a state of charge above 100', {}, { socPercent: 100.1 }, 'implausible', 'payload.socPercent'],
    ['a state of charge below 0', {}, { socPercent: -0.1 }, 'implausible', 'payload.socPercent'],
    ['1970', { timestamp: '1970-01-01T00:00:00Z' }, {}, 'too_old', 'timestamp'],
    ['an instant ten minutes ahead', { timestamp: '2026-03-29T01:40:01Z' }, {}, 'implausible', 'timestamp'],
    ['the year 9999', { timestamp: '9999-12-31T23:59:59Z' }, {}, 'implausible', 'timestamp'],
  ])('with %s is set aside, naming the member', (_case, change, payload, reason, path) => {
    const received = receiveTelemetry(envelope(realtimePayload(payload), change));
    expect(faultOf(received)).toMatchObject({ reason, path });
    expect(received.orgId).toBe(ORG);
  });

  test.each<[string, object, string]>([
    ['a name with an invisible character', { siteId: 'SITE\u200b-1' }, 'siteId'],
    ['a name that is not composed', { siteId: 'SITE-e\u0301' }, 'siteId'],
    ['a message id with a direction mark', { messageId: 'a\u200fb' }, 'messageId'],
    ['a message id with a byte-order mark', { messageId: 'a\ufeffb' }, 'messageId'],
  ])('with an id that may be shown like another is set aside: %s', (_case, change, path) => {
    expect(faultOf(receiveTelemetry(envelope(realtimePayload(), change)))).toMatchObject({ reason: 'schema', path });
  });

  test.each([
    ['a NUL', { name: 'a\u0000b' }, 'payload.devices.1.name'],
    ['half a character', { deep: [{ name: '\ud83d' }] }, 'payload.devices.1.deep.0.name'],
    ['a NUL in a name', { 'a\u0000b': 1 }, 'payload.devices.1'],
  ])('is set aside, naming the member, when a device says what cannot be kept: %s', (_case, device, path) => {
    const received = receiveTelemetry(envelope(realtimePayload({ devices: [{}, device] })));
    expect(faultOf(received)).toMatchObject({ reason: 'schema', path });
  });

  test('is set aside when a device reports a number that no double holds', () => {
    const body = JSON.stringify(envelope(realtimePayload({ devices: [{ power: 77 }] }))).replace('77', '1e400');
    expect(faultOf(receiveTelemetry(body))).toMatchObject({ reason: 'schema', path: 'payload.devices.0.power' });
  });

  test('is taken up to 5 minutes ahead of our clock and up to 396 days behind it', () => {
    for (const timestamp of ['2026-03-29T01:35:00Z', '2025-02-26T01:30:00Z']) {
      expect(receiveTelemetry(envelope(realtimePayload(), { timestamp })).kind).toBe('understood');
    }
    expect(faultOf(receiveTelemetry(envelope(realtimePayload(), { timestamp: '2025-02-26T01:29:59Z' }))).reason).toBe(
      'too_old',
    );
  });
});

describe('a meter reading', () => {
  test('becomes one row per device and register', () => {
    const fact = factOf(receiveMeter(meterPayload()));
    if (fact.kind !== 'meter') throw new Error('not a meter');
    expect(
      fact.readings.map(({ deviceId, register: name, valueKwh, role }) => [deviceId, name, valueKwh, role]),
    ).toEqual([
      ['GRID', 'import', 100.5, 'GRID'],
      ['GRID', 'export', 3, 'GRID'],
      ['B1', 'charge', 9, null],
    ]);
    expect(fact.readings[0]).toMatchObject({ readAt: '2026-03-29T01:29:00Z', publishedAt: '2026-03-29T01:29:30.250Z' });
  });

  test.each<[string, object, string, string]>([
    ['no meter', { meters: [] }, 'schema', 'payload.meters'],
    ['a meter without a register', { meters: [{ deviceId: 'GRID' }] }, 'schema', 'payload.meters.0'],
    [
      'text in a register',
      { meters: [{ deviceId: 'G', importRegisterKwh: '5' }] },
      'schema',
      'payload.meters.0.importRegisterKwh',
    ],
    [
      'a register below zero',
      { meters: [{ deviceId: 'G', importRegisterKwh: -1 }] },
      'implausible',
      'payload.meters.0.importRegisterKwh',
    ],
    [
      'the same register twice',
      {
        meters: [
          { deviceId: 'G', importRegisterKwh: 1 },
          { deviceId: 'G', importRegisterKwh: 2 },
        ],
      },
      'schema',
      'payload.meters',
    ],
    [
      'a strange device id',
      { meters: [{ deviceId: '../x', importRegisterKwh: 1 }] },
      'schema',
      'payload.meters.0.deviceId',
    ],
    ['a reading of 1970', { readingAt: '1970-01-01T00:00:00Z' }, 'too_old', 'payload.readingAt'],
  ])('with %s is set aside whole', (_case, change, reason, path) => {
    expect(faultOf(receiveMeter(meterPayload(change)))).toMatchObject({ reason, path });
  });
});

describe("what was published in a partner's own virtual host", () => {
  const config = (change: Partial<Delivery>) =>
    tradingConfigStream.receive(
      delivery(envelope({ socMinPercent: 10 }), { exchange: 'vcp', queue: 'vcp.alpha.config', owner: ORG, ...change }),
      ctx,
    );

  test.each([
    ['constraints', {}, null],
    ['constraints', { maxImportKw: 10, socMin: 20, socMax: 20, colour: 'red' }, null],
    ['constraints', { maxExportKw: -1 }, 'payload.maxExportKw'],
    ['constraints', { socMin: 80, socMax: 20 }, 'payload.socMin'],
    ['constraints', { validFrom: NOW, validUntil: NOW }, 'payload.validUntil'],
    ['topology', { devices: [{ deviceId: 'BAT-1', kind: 'battery', parentId: null, maker: 'X' }] }, null],
    ['topology', {}, 'payload.devices'],
    ['topology', { devices: [{ deviceId: 'bat', kind: 'battery' }] }, 'payload.devices.0.deviceId'],
    ['fallback', { mode: 'HOLD', afterSeconds: 60, powerKw: 1, direction: 'IMPORT' }, null],
    ['fallback', { mode: 'HOLD' }, 'payload.afterSeconds'],
    ['fallback', { mode: 'HOLD', afterSeconds: 0 }, 'payload.afterSeconds'],
  ])('about %s says what it must: %j', (subject, payload, path) => {
    const change = { exchange: 'vcp', routingKey: `alpha.config.${subject}`, owner: ORG };
    const received = tradingConfigStream.receive(delivery(envelope(payload), change), ctx);
    if (path === null) expect(JSON.parse(factOf(received).payload)).toEqual(payload);
    else expect(faultOf(received)).toMatchObject({ reason: 'schema', path });
  });

  test('is taken as from anywhere under its own prefix', () => {
    expect(factOf(receiveTelemetry(envelope(realtimePayload()), undefined, { owner: ORG }))).toMatchObject({
      orgId: ORG,
    });
    expect(factOf(config({ routingKey: 'alpha.config.constraints' }))).toMatchObject({ orgId: ORG });
  });

  test.each<[string, Partial<Delivery>]>([
    ["another partner's prefix", { routingKey: 'beta.telemetry.realtime' }],
    ['a prefix that nobody has', { routingKey: 'gamma.telemetry.realtime' }],
    ['no prefix', { routingKey: 'telemetry.realtime' }],
    [
      'the form of our gateways, on an exchange of their name',
      { exchange: 'fleet', routingKey: `telemetry.realtime.${OTHER_PLANT}` },
    ],
    ['an empty key', { routingKey: '' }],
  ])('under %s is set aside, for nobody but its owner', (_what, change) => {
    const body = envelope(realtimePayload(), { siteId: 'SITE-1' });
    const received = receiveTelemetry(body, undefined, { owner: ORG, ...change });
    expect(received).toMatchObject({ kind: 'refused', orgId: ORG, fault: { reason: 'schema', waitsFor: null } });
  });

  test("is no event of a control plane, whatever the exchange's name", () => {
    const change = { exchange: 'trading', routingKey: 'trading.config.enabled' };
    const event = {
      event_id: '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10',
      organisation_id: OTHER_ORG,
      occurred_at: NOW,
      source: 'somebody',
    };
    const genuine = tradingConfigStream.receive(delivery(event, change), ctx);
    expect(genuine).toMatchObject({ kind: 'understood', orgId: OTHER_ORG });
    const forged = tradingConfigStream.receive(delivery(event, { ...change, owner: ORG }), ctx);
    expect(forged).toMatchObject({ kind: 'refused', orgId: ORG, fault: { reason: 'schema' } });
  });

  test("and set aside unread is its owner's", () => {
    const change = { exchange: 'vcp', routingKey: 'beta.telemetry.realtime', owner: ORG };
    for (const stream of [plantTelemetryStream, tradingConfigStream, deadLetterStream]) {
      expect(stream.ownerOf(delivery('', change), register)).toBe(ORG);
    }
  });

  test.each([
    ['alpha.telemetry.realtime', 'plant-telemetry'],
    ['alpha.config.topology', 'trading-config'],
    ['alpha.command.mode', 'partner-command'],
    ['beta.telemetry.realtime', 'plant-telemetry'],
  ])('and given up by the broker as %s is set aside for its owner, as of stream %s', (routingKey, stream) => {
    const death = { exchange: 'vcp', queue: 'vcp.alpha.first', reason: 'delivery_limit', 'routing-keys': [routingKey] };
    const dead = delivery('{', {
      exchange: 'ingest.dead',
      queue: 'ingest.dead',
      routingKey: 'moved',
      owner: ORG,
      properties: { headers: { 'x-death': [death], 'x-mine': 'kept' } },
    });
    expect(deadLetterStream.receive(dead, ctx)).toMatchObject({
      kind: 'refused',
      stream,
      orgId: ORG,
      delivery: {
        exchange: 'vcp',
        queue: 'vcp.alpha.first',
        routingKey,
        properties: { headers: { 'x-mine': 'kept' } },
      },
      fault: { reason: 'delivery_limit' },
    });
  });
});

describe('a register within some organisations', () => {
  test('knows nothing of the others, and everything of theirs', () => {
    const within = register.within([ORG]);
    expect([within.plant(PLANT)?.orgId, within.plant(OTHER_PLANT)]).toEqual([ORG, undefined]);
    expect(within.organisationIds).toEqual([ORG]);
    expect(within.plantIdsOf(ORG)).toEqual(register.plantIdsOf(ORG));
    expect(within.plantIdsOf(OTHER_ORG)).toEqual([]);
    expect(register.plantIdsOf(ORG)).toEqual([PLANT, SECOND_PLANT]);
  });
});
