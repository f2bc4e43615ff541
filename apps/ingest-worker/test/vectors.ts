import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  dispatchKey,
  partnerConfigKey,
  partnerTelemetryKey,
  tradingConfigKey,
  type Reason,
} from '@quarterhour/contracts';
import type { Target, VectorHouse } from './vector-house.js';

/** A valid message's text with one thing changed that no object can say. */
const edited =
  (target: Target, edit: (text: string) => string) =>
  (at: VectorHouse): string =>
    edit(JSON.stringify(at.valid[target]()));
const withMember = (target: Target, member: string) => edited(target, (text) => text.replace('{', `{${member},`));

export type Expected =
  | { readonly outcome: 'stored' }
  | { readonly outcome: 'quarantined'; readonly reason: Reason; readonly path?: string | null };

export interface Vector {
  readonly title: string;
  readonly to: Target;
  /** Called once the register is there. */
  readonly body: (at: VectorHouse) => unknown;
  readonly expected: Expected;
  readonly key?: (at: VectorHouse) => string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

const STORED: Expected = { outcome: 'stored' };
const quarantined = (reason: Reason, path: string | null = null): Expected => ({
  outcome: 'quarantined',
  reason,
  path,
});

const EVERY: readonly Target[] = ['dispatch', 'realtime', 'meter', 'config', 'change'];

/** What is wrong whatever the stream: the bytes, before anybody looks at a member. */
const BYTES: readonly (readonly [
  title: string,
  body: (to: Target, at: VectorHouse) => unknown,
  expected: Expected,
  properties?: Readonly<Record<string, unknown>>,
])[] = [
  ['P1 an empty body', () => Buffer.alloc(0), quarantined('syntax')],
  ['P1 white space', () => ' \r\n\t', quarantined('syntax')],
  ['P1 null', () => 'null', quarantined('schema')],
  ['P1 an array', () => '[]', quarantined('schema')],
  ['P1 a text', () => '"x"', quarantined('schema')],
  ['P1 a number', () => '42', quarantined('schema')],
  ['P2 a body that ends too early', (to, at) => JSON.stringify(at.valid[to]()).slice(0, -1), quarantined('syntax')],
  ['P2 bytes behind the end', (to, at) => `${JSON.stringify(at.valid[to]())}x`, quarantined('syntax')],
  ['P2 two documents', (to, at) => JSON.stringify(at.valid[to]()).repeat(2), quarantined('syntax')],
  ['P2 a byte-order mark', (to, at) => `\ufeff${JSON.stringify(at.valid[to]())}`, quarantined('syntax')],
  ['P2 a comment', (to, at) => withMember(to, '/* hello */ "x":1')(at), quarantined('syntax')],
  ['P2 single quotes', () => "{'a':1}", quarantined('syntax')],
  ['P2 a NaN literal', (to, at) => withMember(to, '"x":NaN')(at), quarantined('syntax')],
  [
    'P3 bytes that are no UTF-8',
    (to, at) => Buffer.concat([Buffer.from([0xff]), Buffer.from(JSON.stringify(at.valid[to]()))]),
    quarantined('charset'),
  ],
  [
    'P3 half a character in bytes',
    (to) => Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from(`","y":"${to}"}`)]),
    quarantined('charset'),
  ],
  [
    'P3 an overlong spelling of a quote',
    (to) => Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xa2]), Buffer.from(`","y":"${to}"}`)]),
    quarantined('charset'),
  ],
  [
    'P3 UTF-16 with its mark',
    (to, at) => Buffer.from(`\ufeff${JSON.stringify(at.valid[to]())}`, 'utf16le'),
    quarantined('charset'),
  ],
  ['P3 UTF-16 without', (to, at) => Buffer.from(JSON.stringify(at.valid[to]()), 'utf16le'), quarantined('syntax')],
  ['P3 Latin-1', (to, at) => Buffer.from(withMember(to, '"x":"é"')(at), 'latin1'), quarantined('charset')],
  [
    'P3 a content type that names another charset',
    (to, at) => at.valid[to](),
    quarantined('charset'),
    { content_type: 'application/json; charset="utf-16"' },
  ],
  [
    'P4 gzip that says so',
    (to, at) => gzipSync(JSON.stringify(at.valid[to]())),
    quarantined('encoding'),
    { content_encoding: 'gzip' },
  ],
  [
    'P4 a gzip bomb, which nobody inflates',
    (to) => gzipSync(Buffer.alloc(16 * 1024 * 1024, to)),
    quarantined('encoding'),
    { content_encoding: 'gzip' },
  ],
  ['P4 gzip that does not say so', (to, at) => gzipSync(JSON.stringify(at.valid[to]())), quarantined('charset')],
  ['P4 an encoding nobody knows', (to, at) => at.valid[to](), quarantined('encoding'), { content_encoding: 'br, x' }],
  ['P6 65 levels', (to, at) => withMember(to, `"x":${'['.repeat(64)}${']'.repeat(64)}`)(at), quarantined('depth')],
  ['P6 10,000 levels', (to, at) => withMember(to, `"x":${'['.repeat(10_000)}`)(at), quarantined('depth')],
  ['P7 20,001 elements', (to, at) => withMember(to, `"x":[${'0,'.repeat(20_001)}0]`)(at), quarantined('schema')],
  ['P7 a key of 50,000 bytes', (to, at) => withMember(to, `"${'k'.repeat(50_000)}":1`)(at), quarantined('schema')],
  ['P9 a key twice', (to, at) => withMember(to, '"source":"mallory"')(at), quarantined('duplicate_key')],
  [
    'P9 a key twice, once in escapes',
    (to, at) => withMember(to, '"\\u0073ource":"mallory"')(at),
    quarantined('duplicate_key'),
  ],
  [
    'P9 a key twice, deep inside',
    (to, at) => withMember(to, '"x":[{"y":{"a":1,"a":2}}]')(at),
    quarantined('duplicate_key'),
  ],
  [
    '1.7 no. 16: MessagePack',
    (to) => Buffer.concat([Buffer.from([0x82, 0xa1, 0x61, 0xc3]), Buffer.from(to), Buffer.from([0xc1])]),
    quarantined('charset'),
    { content_type: 'application/msgpack' },
  ],
  [
    '1.7 no. 16: Protobuf',
    (to) => Buffer.concat([Buffer.from([0x08, 0x96, 0x01, 0x12, 0xff]), Buffer.from(to)]),
    quarantined('charset'),
    { content_type: 'application/protobuf' },
  ],
  ['1.7 no. 16: XML', (to) => `<?xml version="1.0"?><${to}/>`, quarantined('syntax'), { content_type: 'text/xml' }],
];

const BYTE_VECTORS: readonly Vector[] = EVERY.flatMap((to) =>
  BYTES.map(([title, body, expected, properties]) => ({
    title: `${title}, to ${to}`,
    to,
    body: (at: VectorHouse) => body(to, at),
    expected,
    ...(properties === undefined ? {} : { properties }),
  })),
);

const vector = (
  title: string,
  to: Target,
  body: Vector['body'],
  expected: Expected,
  more: Pick<Vector, 'key' | 'properties'> = {},
): Vector => ({ title, to, body, expected, ...more });

const amount = (text: string | number) => ({ target_power: { amount: text, unit: 'MW' } });
const literal = (to: Target, from: string, text: string) => edited(to, (whole) => whole.replace(from, text));

const MEMBER_VECTORS: readonly Vector[] = [
  vector('P5 a dispatch of 256 KiB and a byte', 'dispatch', () => ' '.repeat(256 * 1024 + 1), quarantined('size')),
  vector('P5 telemetry of 64 KiB and a byte', 'realtime', () => ' '.repeat(64 * 1024 + 1), quarantined('size')),
  vector('P5 config of 1 MiB', 'config', () => ' '.repeat(1024 * 1024), quarantined('size')),
  vector('P7 20,001 keys in a config', 'config', (at) => at.config(manyKeys(20_001)), quarantined('schema')),
  vector(
    'P7 1,001 devices',
    'realtime',
    (at) => at.realtime({ devices: Array(1_001).fill({}) }),
    quarantined('schema', 'payload.devices'),
  ),
  vector('P7 keys that look like an array with holes', 'config', (at) => at.config({ 4294967294: 1, 7: 2 }), STORED),

  ...EVERY.flatMap((to) => [
    vector(`P8 a member __proto__ does no harm, to ${to}`, to, withMember(to, '"__proto__":{"polluted":true}'), STORED),
    vector(
      `P8 constructor and prototype do no harm, to ${to}`,
      to,
      withMember(to, '"constructor":{"prototype":{"polluted":true}}'),
      STORED,
    ),
  ]),
  vector(
    'P8 a device with a member __proto__ does no harm',
    'realtime',
    (at) =>
      JSON.stringify(at.realtime({ devices: [{ id: 1 }] })).replace('"id":1', '"__proto__":{"polluted":true},"id":1'),
    STORED,
  ),

  vector('P10 a NUL in a source', 'dispatch', (at) => at.dispatch({ source: 'a\0b' }), quarantined('schema', 'source')),
  vector(
    'P10 half a character in a source',
    'dispatch',
    (at) => at.dispatch({ source: '\ud800' }),
    quarantined('schema', 'source'),
  ),
  vector(
    'P10 a bidi mark in a message id',
    'realtime',
    (at) => at.sample({ messageId: 'a\u202eb' }),
    quarantined('schema', 'messageId'),
  ),
  vector(
    'P10 a zero-width mark in a message id',
    'meter',
    (at) => at.reading({}, { messageId: 'a\u200bb' }),
    quarantined('schema', 'messageId'),
  ),
  vector(
    'P10 a site id that is not composed',
    'config',
    (at) => at.config({}, { siteId: 'e\u0301' }),
    quarantined('schema', 'siteId'),
  ),
  vector(
    'P10 an event id that is no UUID',
    'change',
    (at) => at.change({ event_id: 'e\u0301' }),
    quarantined('schema', 'event_id'),
  ),
  vector(
    'P10 a NUL in a device',
    'realtime',
    (at) => at.realtime({ devices: [{ name: 'a\0' }] }),
    quarantined('schema', 'payload.devices.0.name'),
  ),
  vector(
    'P10 half a character in a device',
    'realtime',
    (at) => at.realtime({ devices: [{ name: '\udc00' }] }),
    quarantined('schema', 'payload.devices.0.name'),
  ),
  vector('P10 a NUL in a config', 'config', (at) => at.config({ note: 'a\0' }), quarantined('schema', 'payload.note')),
  vector('P10 half a character in a config', 'config', (at) => at.config({ note: '\ud83d' }), quarantined('schema')),
  vector(
    'P10 half a character in what nobody asked for',
    'dispatch',
    (at) => at.dispatch({ note: '\ud83d' }),
    quarantined('schema'),
  ),
  vector(
    'P10 a NUL in the details of a change',
    'change',
    (at) => at.change({ details: { note: 'a\0' } }),
    quarantined('schema', 'details.note'),
  ),
  vector('P10 a whole character outside the plane', 'config', (at) => at.config({ note: 'battery \u{1f50b}' }), STORED),

  vector(
    'P11 1e400 in a sample',
    'realtime',
    literal('realtime', '"gridPowerKw":0', '"gridPowerKw":1e400'),
    quarantined('schema', 'payload.gridPowerKw'),
  ),
  vector(
    'P11 1e400 in a register',
    'meter',
    literal('meter', '1234.5', '1e400'),
    quarantined('schema', 'payload.meters.0.importRegisterKwh'),
  ),
  vector(
    'P11 1e400 in a config',
    'config',
    literal('config', '"socMinPercent":10', '"socMinPercent":-1e400'),
    quarantined('schema', 'payload.socMinPercent'),
  ),
  vector(
    'P11 1e400 in the details of a change',
    'change',
    (at) => JSON.stringify(at.change({ details: { n: 7 } })).replace('"n":7', '"n":1e400'),
    quarantined('schema', 'details.n'),
  ),
  vector(
    'P11 2^53 + 1 as a number in a dispatch',
    'dispatch',
    (at) => JSON.stringify(at.dispatch(amount(77))).replace('"amount":77', '"amount":9007199254740993'),
    quarantined('schema'),
  ),
  vector(
    'P11 400 digits in a dispatch',
    'dispatch',
    (at) => at.dispatch(amount('9'.repeat(400))),
    quarantined('schema', 'target_power.amount'),
  ),
  vector(
    'P11 400 digits in a sample',
    'realtime',
    literal('realtime', '"gridPowerKw":0', `"gridPowerKw":${'9'.repeat(400)}`),
    quarantined('schema', 'payload.gridPowerKw'),
  ),
  vector(
    'P11 a truth value as an amount',
    'dispatch',
    (at) => at.dispatch({ target_power: { amount: true, unit: 'MW' } }),
    quarantined('schema', 'target_power.amount'),
  ),
  vector(
    'P11 a truth value as a power',
    'realtime',
    (at) => at.realtime({ fvePowerKw: true }),
    quarantined('schema', 'payload.fvePowerKw'),
  ),
  vector(
    'P11 a text as a power',
    'realtime',
    (at) => at.realtime({ fvePowerKw: '12.5' }),
    quarantined('schema', 'payload.fvePowerKw'),
  ),
  vector(
    'P11 an exponent in an amount',
    'dispatch',
    (at) => at.dispatch(amount('1e3')),
    quarantined('schema', 'target_power.amount'),
  ),
  vector(
    'P12 kW where MW is agreed',
    'dispatch',
    (at) => at.dispatch({ target_power: { amount: '1', unit: 'kW' } }),
    quarantined('schema', 'target_power.unit'),
  ),
  vector(
    'P12 5,000 percent',
    'realtime',
    (at) => at.realtime({ socPercent: 5_000 }),
    quarantined('implausible', 'payload.socPercent'),
  ),
  vector(
    'P13 a state of charge below nothing',
    'realtime',
    (at) => at.realtime({ socPercent: -1 }),
    quarantined('implausible', 'payload.socPercent'),
  ),
  vector(
    'P13 a register that counts below zero',
    'meter',
    (at) => at.reading({ meters: [{ deviceId: 'G', importRegisterKwh: -1 }] }),
    quarantined('implausible', 'payload.meters.0.importRegisterKwh'),
  ),

  vector(
    'P14 an asset that nobody has',
    'dispatch',
    (at) => at.dispatch({ asset_id: 'DE_50HZ_NO_1' }),
    quarantined('unknown_asset', 'asset_id'),
  ),
  vector(
    'P14 a plant that nobody has',
    'realtime',
    (at) => at.sample({ siteId: 'nowhere' }),
    quarantined('unknown_plant', 'siteId'),
  ),
  vector(
    'P14 a plant of somebody else',
    'realtime',
    (at) => at.sample({ siteId: at.otherPlant.id }),
    quarantined('unknown_plant', 'siteId'),
  ),
  vector(
    'P14 config of a plant of somebody else',
    'config',
    (at) => at.config({}, { siteId: at.otherPlant.id }),
    quarantined('unknown_plant', 'siteId'),
  ),
  vector(
    'P14 a change of an organisation that does not exist',
    'change',
    (at) => at.change({ organisation_id: randomUUID() }),
    quarantined('unknown_organisation', 'organisation_id'),
  ),
  vector(
    'P14 a change that names a plant of somebody else',
    'change',
    (at) => at.change({ plant_id: at.otherPlant.id }),
    quarantined('unknown_plant', 'plant_id'),
  ),

  vector('P20 an hour late', 'realtime', (at) => at.sample({ timestamp: hoursAgo(1.01) }), STORED),
  vector('P20 30 days late', 'realtime', (at) => at.sample({ timestamp: hoursAgo(30 * 24) }), STORED),
  vector('P20 a meter 30 days late', 'meter', (at) => at.reading({ readingAt: hoursAgo(30 * 24) }), STORED),
  vector('P20 four minutes ahead', 'realtime', (at) => at.sample({ timestamp: hoursAgo(-4 / 60) }), STORED),
  vector(
    'P20 a year ahead',
    'realtime',
    (at) => at.sample({ timestamp: hoursAgo(-365 * 24) }),
    quarantined('implausible', 'timestamp'),
  ),
  vector(
    'P20 two years late',
    'meter',
    (at) => at.reading({ readingAt: hoursAgo(2 * 365 * 24) }),
    quarantined('too_old', 'payload.readingAt'),
  ),
  vector(
    'P20 the year 1970',
    'realtime',
    (at) => at.sample({ timestamp: '1970-01-01T00:00:00Z' }),
    quarantined('too_old', 'timestamp'),
  ),
  vector(
    'P20 the year 9999',
    'realtime',
    (at) => at.sample({ timestamp: '9999-12-31T23:59:59Z' }),
    quarantined('implausible', 'timestamp'),
  ),
  vector(
    'P20 the year 0000',
    'dispatch',
    (at) => at.dispatch({ published_at: '0000-01-01T00:00:00Z' }),
    quarantined('schema', 'published_at'),
  ),
  vector(
    'P20 the year 1969',
    'change',
    (at) => at.change({ occurred_at: '1969-12-31T23:59:59Z' }),
    quarantined('schema', 'occurred_at'),
  ),
  vector(
    'P20 30 February',
    'realtime',
    (at) => at.sample({ timestamp: '2026-02-30T00:00:00Z' }),
    quarantined('schema', 'timestamp'),
  ),
  vector(
    'P20 a leap second',
    'dispatch',
    (at) => at.dispatch({ dispatch_time: '2026-06-30T23:59:60Z' }),
    quarantined('schema', 'dispatch_time'),
  ),
  vector(
    'P20 the hour that the clock repeats',
    'dispatch',
    (at) =>
      at.dispatch({ dispatch_time: '2025-10-26T02:30:00+02:00', delivery_period_start: '2025-10-26T02:30:00+01:00' }),
    STORED,
  ),
  vector(
    'P21 finer than microseconds',
    'dispatch',
    (at) => at.dispatch({ dispatch_time: '2026-01-15T10:00:00.0000001Z' }),
    quarantined('schema', 'dispatch_time'),
  ),

  vector('P23 version 1.0', 'realtime', (at) => at.sample({ version: '1.0' }), quarantined('schema', 'version')),
  vector('P23 version 2.0', 'config', (at) => at.config({}, { version: '2.0' }), quarantined('schema', 'version')),
  vector('P23 no version', 'meter', (at) => at.reading({}, { version: undefined }), quarantined('schema', 'version')),
  vector('P23 a member that nobody knows', 'dispatch', (at) => at.dispatch({ strategy: { name: 'x' } }), STORED),
  vector(
    'P23 a quality that nobody knows',
    'realtime',
    (at) => at.realtime({ dataQuality: 'FINE' }),
    quarantined('schema', 'payload.dataQuality'),
  ),
  vector('P23 a subject that nobody knows', 'config', (at) => at.config(), quarantined('schema'), {
    key: (at) => partnerConfigKey(at.prefix, 'colour', at.house.plant.id),
  }),
  vector('P23 a change that nobody knows', 'change', (at) => at.change(), quarantined('schema'), {
    key: () => tradingConfigKey('abolished'),
  }),

  vector(
    'P26 a body for another asset than its key',
    'dispatch',
    (at) => at.dispatch({ asset_id: at.otherAsset }),
    quarantined('schema', 'asset_id'),
    { key: (at) => dispatchKey(at.house.asset) },
  ),
  vector(
    'P26 a site that is not the one of the key',
    'realtime',
    (at) => at.sample(),
    quarantined('schema', 'siteId'),
    {
      key: (at) => partnerTelemetryKey(at.prefix, 'realtime', at.otherPlant.id),
    },
  ),
  vector(
    'P26 an organisation in the body changes nothing',
    'realtime',
    (at) => at.sample({ orgId: at.other.id, org_id: at.other.id }),
    STORED,
  ),

  vector('P27 no message id, no content type', 'dispatch', (at) => at.dispatch(), STORED, { properties: {} }),
  vector('P27 another message id than in the body', 'realtime', (at) => at.sample(), STORED, {
    properties: { message_id: 'x'.repeat(255) },
  }),
  vector(
    'P27 a message id of 300 characters in the body',
    'realtime',
    (at) => at.sample({ messageId: 'x'.repeat(300) }),
    quarantined('schema', 'messageId'),
  ),
  vector('P27 headers in tables in tables', 'dispatch', (at) => at.dispatch(), STORED, {
    properties: { headers: nested(12) },
  }),
  vector('P27 headers that nobody can keep', 'dispatch', () => '{"headers":', quarantined('syntax'), {
    properties: { headers: nested(60) },
  }),
  vector(
    'P27 a time far off, to expire, to be answered, urgent, and not durable',
    'config',
    (at) => at.config(),
    STORED,
    {
      properties: {
        timestamp: 99_999_999_999,
        expiration: '600000',
        reply_to: 'ingest.dispatch',
        priority: 255,
        delivery_mode: 1,
      },
    },
  ),

  vector(
    'P31 a line break and colours in an id',
    'realtime',
    (at) => at.sample({ messageId: 'x\r\n{"level":"fatal"}\u001b[31m' }),
    quarantined('schema', 'messageId'),
  ),
  vector(
    'P31 200,000 characters in an id',
    'dispatch',
    (at) => at.dispatch({ event_id: '\n'.repeat(100_000) }),
    quarantined('schema', 'event_id'),
  ),
  vector('P32 a formula as a source', 'dispatch', (at) => at.dispatch({ source: '=cmd|calc!A1' }), STORED),

  ...[
    ['in the extended year', '+002026-01-15T10:00:00.000Z'],
    ['with a space', '2026-01-15 10:00:00.189393+00:00'],
    ['without a zone', '2026-01-15T10:00:00'],
    ['in epoch seconds', 1_768_471_200],
    ['in epoch milliseconds', 1_768_471_200_000],
    ['in compact digits', '20260115100000105'],
  ].map(([how, timestamp]) =>
    vector(
      `1.7 no. 9: an instant ${how}`,
      'realtime',
      (at) => at.sample({ timestamp }),
      quarantined('schema', 'timestamp'),
    ),
  ),
  vector(
    '1.7 no. 9: an instant in 2099',
    'meter',
    (at) => at.reading({ readingAt: '2099-01-01T00:00:00Z' }),
    quarantined('implausible', 'payload.readingAt'),
  ),
  vector('1.7 no. 15: a type property is no schema', 'realtime', (at) => at.sample(), STORED, {
    properties: { type: 'pubsub', app_id: 'volttron' },
  }),
  vector(
    '1.7 no. 15: VOLTTRON as it is',
    'realtime',
    () => ({ sender: 's', bus: '', headers: {}, message: [{ p: 1 }, {}] }),
    quarantined('schema', 'version'),
  ),
];

function manyKeys(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_one, index) => [`k${index}`, 0]));
}

function nested(levels: number): Record<string, unknown> {
  return levels === 0 ? { text: 'a\r\nb' } : { inner: nested(levels - 1) };
}

function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString();
}

export const VECTORS: readonly Vector[] = [...BYTE_VECTORS, ...MEMBER_VECTORS];
