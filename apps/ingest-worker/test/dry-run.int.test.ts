import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXCHANGES, type VcpEnvelope } from '@quarterhour/contracts';
import { loadRegister, signingKeyPlace } from '@quarterhour/db';
import { dryRun, Register, signingKeyBytes, type DryRun, type SigningKeys } from '@quarterhour/ingestion';
import { openKeyRing, systemClock } from '@quarterhour/runtime';
import {
  aCommandEnvelope,
  aConfigEnvelope,
  aMeterEnvelope,
  aPlant,
  anOrganisation,
  aRealtimeEnvelope,
  aSchedule,
  aSetpoint,
  signed,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aCommandHouse, type CommandHouse, type Partner } from './command-house.js';

let house: CommandHouse;
let worker: StartedProcess;
let partner: Partner;
let foreignSite: string;

beforeAll(async () => {
  house = await aCommandHouse();
  partner = await house.aPartner();
  foreignSite = (await aPlant(house.admin, await anOrganisation(house.admin))).id;
  worker = await house.startWorker();
}, 60_000);
afterAll(async () => {
  await worker.kill();
  await partner.vhost.drop();
  await house.close();
});

const setpoint = (different: Partial<VcpEnvelope> = {}, payload: object = aSetpoint()) =>
  aCommandEnvelope(partner.plant.id, payload, different);
const mode = (different: Partial<VcpEnvelope> = {}) => setpoint(different, { mode: 'AUTO' });
const sign = (envelope: VcpEnvelope) => partner.key.sign(envelope);
const at = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();
const realtime = (different: Parameters<typeof aRealtimeEnvelope>[0] = {}) =>
  aRealtimeEnvelope({ siteId: partner.plant.id, timestamp: at(-60), ...different });
const meter = (payload: object = {}) => {
  const envelope = aMeterEnvelope({ siteId: partner.plant.id });
  return { ...envelope, payload: { ...envelope.payload, ...payload } };
};
const config = (payload: object) => ({ ...aConfigEnvelope({ siteId: partner.plant.id }), payload });

interface Message {
  readonly body: object | string | Buffer;
  readonly contentType?: string;
}
const plain = (body: Message['body']): Message => ({ body });

const MESSAGES: readonly (readonly [what: string, key: string, make: () => Message])[] = [
  ['a set-point', 'command.site-setpoint', () => plain(setpoint())],
  ['a set-point, signed', 'command.site-setpoint', () => plain(sign(setpoint()))],
  [
    'a signature that is wrong',
    'command.site-setpoint',
    () => plain({ ...sign(setpoint()), correlationId: 'changed' }),
  ],
  ['another version', 'command.site-setpoint', () => plain({ ...setpoint(), version: '1.0' })],
  ['an old time', 'command.site-setpoint', () => plain(setpoint({ timestamp: at(-301) }))],
  ['a time ahead', 'command.site-setpoint', () => plain(setpoint({ timestamp: at(400) }))],
  ['a time with an offset', 'command.site-setpoint', () => plain(setpoint({ timestamp: '2026-01-15T10:00:00+01:00' }))],
  ['an unknown site', 'command.site-setpoint', () => plain(setpoint({ siteId: 'nowhere' }))],
  ['the site of another', 'command.site-setpoint', () => plain(setpoint({ siteId: foreignSite }))],
  [
    'an end that is over',
    'command.site-setpoint',
    () => plain(setpoint({}, aSetpoint({ validFrom: at(-20), validUntil: at(-10) }))),
  ],
  [
    'an end before its begin',
    'command.site-setpoint',
    () => plain(setpoint({}, aSetpoint({ validFrom: at(20), validUntil: at(10) }))),
  ],
  [
    'power without a target',
    'command.site-setpoint',
    () => plain(setpoint({}, { ...aSetpoint(), targetValueKw: undefined })),
  ],
  ['a target below zero', 'command.site-setpoint', () => plain(setpoint({}, { ...aSetpoint(), targetValueKw: -1 }))],
  ['no payload', 'command.site-setpoint', () => plain({ ...setpoint(), payload: undefined })],
  ['another organisation in it', 'command.site-setpoint', () => plain({ ...setpoint(), orgId: foreignSite })],
  [
    'a number that is not exact',
    'command.site-setpoint',
    () => plain(JSON.stringify(setpoint()).replace(':5,', ':5.0000000000000001,')),
  ],
  ['a mode, signed', 'command.mode', () => plain(sign(mode()))],
  ['a mode, unsigned', 'command.mode', () => plain(mode())],
  ['a mode, signed by another', 'command.mode', () => plain(signed(mode(), '00'.repeat(32)))],
  ['an emergency, unsigned', 'command.emergency', () => plain(setpoint({}, { action: 'RELEASE' }))],
  ['a schedule', 'schedule.create', () => plain(sign(setpoint({}, aSchedule())))],
  ['a schedule without slots', 'schedule.create', () => plain(sign(setpoint({}, { ...aSchedule(), slots: [] })))],
  ['what breaks off', 'command.site-setpoint', () => plain('{"version":"1.1"')],
  ['a member twice', 'command.site-setpoint', () => plain('{"version":"1.1","version":"1.1"}')],
  ['a list', 'command.site-setpoint', () => plain('[]')],
  ['no UTF-8', 'command.site-setpoint', () => plain(Buffer.from([0x7b, 0xff, 0x7d]))],
  ['a byte order mark', 'command.site-setpoint', () => plain(`\ufeff${JSON.stringify(setpoint())}`)],
  ['no bytes', 'command.site-setpoint', () => plain('')],
  ['what is too deep', 'command.site-setpoint', () => plain(`${'['.repeat(65)}${']'.repeat(65)}`)],
  [
    'what says it is no UTF-8',
    'command.site-setpoint',
    () => ({ body: setpoint(), contentType: 'application/json; charset=iso-8859-1' }),
  ],
  ['constraints', 'config.constraints', () => plain(config({ maxImportKw: 5 }))],
  ['constraints that say nothing', 'config.constraints', () => plain(config({}))],
  ['config of nothing known', 'config.colour', () => plain(config({ maxImportKw: 5 }))],
  ['a sample', 'telemetry.realtime', () => plain(realtime())],
  ['a sample beyond full', 'telemetry.realtime', () => plain(realtime({ payload: { socPercent: 101 } }))],
  ['a sample from ahead', 'telemetry.realtime', () => plain(realtime({ timestamp: at(400) }))],
  ['a sample of long ago', 'telemetry.realtime', () => plain(realtime({ timestamp: '2020-01-01T00:00:00Z' }))],
  ['a sample of an unknown site', 'telemetry.realtime', () => plain(realtime({ siteId: 'nowhere' }))],
  ['a sample of the site of another', 'telemetry.realtime', () => plain(realtime({ siteId: foreignSite }))],
  ['a reading', 'telemetry.meter', () => plain(meter())],
  ['a reading without a register', 'telemetry.meter', () => plain(meter({ meters: [{ deviceId: 'GRID' }] }))],
  [
    'a register below zero',
    'telemetry.meter',
    () => plain(meter({ meters: [{ deviceId: 'GRID', importRegisterKwh: -1 }] })),
  ],
];

const bytesOf = ({ body }: Message): Buffer => {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
};

/** What a message comes to, in one line, whoever says it. */
async function foretold(routingKey: string, message: Message): Promise<string> {
  const { organisation, key } = partner;
  const ring = openKeyRing(house.ringFile);
  const signingKeys: SigningKeys = {
    of: ({ orgId, id, sealedSigningKey }) => signingKeyBytes(ring.open(sealedSigningKey, signingKeyPlace(orgId, id))),
  };
  const run = dryRun(
    {
      exchange: EXCHANGES.vcp,
      routingKey,
      body: bytesOf(message),
      properties: { headers: {}, contentType: message.contentType ?? 'application/json' },
      sender: { keyId: key.id, orgId: organisation.id },
    },
    { register: new Register(await loadRegister(house.admin)), nowMillis: systemClock.nowMillis(), signingKeys },
  );
  return saidBy(run);
}

function saidBy(run: DryRun): string {
  switch (run.result) {
    case 'taken':
      return `${run.stream} stored`;
    case 'rejected':
      return `${run.stream} rejected ${run.code} ${run.isAnswered ? 'NACK' : 'silently'}`;
    case 'quarantined':
      return `${run.stream} quarantined ${run.fault.reason} at ${run.fault.path ?? 'no member'}`;
    default:
      return run.result;
  }
}

async function happened(routingKey: string, message: Message): Promise<string> {
  const before = await house.counts();
  const total = Object.values(before).reduce((sum, n) => sum + n, 0);
  const { contentType } = message;
  await partner.vhost.publisher.publish({ exchange: EXCHANGES.vcp, routingKey, body: bytesOf(message), contentType });
  await house.settled(total + 1);
  const after = await house.counts();
  const [counted = 'nothing'] = Object.keys(after).filter((name) => after[name] !== before[name]);
  if (counted.endsWith(' rejected')) {
    const [row] = await house.rows<{ said: string }>(
      `select split_part(rejection_reason, ': ', 1) || ' ' || coalesce(ack_status, 'silently') as said
         from app.command_log order by received_at desc limit 1`,
    );
    return `${counted} ${row?.said ?? ''}`;
  }
  if (!counted.endsWith(' quarantined')) return counted;
  const [row] = await house.rows<{ said: string }>(
    `select reason || ' at ' || coalesce(path, 'no member') as said from app.quarantine order by last_seen desc limit 1`,
  );
  return `${counted} ${row?.said ?? ''}`;
}

test.each(MESSAGES)('%s (%s) becomes what was foretold', async (_what, key, make) => {
  const message = make();
  const routingKey = `${partner.prefix}.${key}`;
  const said = await foretold(routingKey, message);
  expect(await happened(routingKey, message)).toBe(said);
});

test('the table has everything that a message can come to', async () => {
  const said = await Promise.all(MESSAGES.map(([, key, make]) => foretold(`${partner.prefix}.${key}`, make())));
  const outcomes = new Set(said.map((line) => line.split(' ').slice(0, 2).join(' ')));
  expect([...outcomes].sort()).toEqual([
    'partner-command quarantined',
    'partner-command rejected',
    'partner-command stored',
    'plant-telemetry quarantined',
    'plant-telemetry stored',
    'trading-config quarantined',
    'trading-config stored',
  ]);
});
