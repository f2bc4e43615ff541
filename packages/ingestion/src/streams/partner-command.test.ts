import { describe, expect, test } from '@jest/globals';
import type { PartnerKeyRow, Standing } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { Decisions } from '../commands/decisions.js';
import type { PartnerCommandFact } from '../commands/fact.js';
import { DEFAULT_COMMAND_RULES } from '../commands/rules.js';
import { signatureOf, signingKeyBytes } from '../commands/signature.js';
import type { Delivery } from '../delivery.js';
import type { Fault, ReceiveContext, Received } from '../received.js';
import { Register } from '../register.js';
import { prepareBatch } from '../store-all.js';
import { deadLetterStream } from './dead-letter.js';
import { partnerCommandStream } from './partner-command.js';

const ORG = '0190a000-0000-7000-8000-000000000001';
const OTHER_ORG = '0190a000-0000-7000-8000-000000000002';
const PLANT = '0190a000-0000-7000-8000-0000000000a1';
const SECOND_PLANT = '0190a000-0000-7000-8000-0000000000a2';
const OTHER_PLANT = '0190a000-0000-7000-8000-0000000000b1';
const KEY = '0190a000-0000-7000-8000-0000000000c1';
const OTHER_KEY = '0190a000-0000-7000-8000-0000000000c2';
const POOR_KEY = '0190a000-0000-7000-8000-0000000000c3';
const ENDED_KEY = '0190a000-0000-7000-8000-0000000000c4';
const NOW = '2026-03-29T01:30:00Z';

const WRITES = ['setpoint', 'device-command', 'mode', 'schedule', 'config'].map((what) => `vcp:write:${what}`);
const key = (id: string, different: Partial<PartnerKeyRow> = {}): PartnerKeyRow => {
  const sealedSigningKey = id.replaceAll('-', '').repeat(2);
  return { id, orgId: ORG, expiresAtMillis: null, endsAtMillis: null, scopes: WRITES, sealedSigningKey, ...different };
};
const KEYS = [
  key(KEY),
  key(OTHER_KEY),
  key(POOR_KEY, { scopes: ['vcp:connect'] }),
  key(ENDED_KEY, { endsAtMillis: Date.parse(NOW) }),
];

const plant = (id: string, orgId: string, externalPlantId: string | null) => {
  return { orgId, id, externalPlantId, timeZone: 'Europe/Berlin', marketZone: 'Europe/Berlin' };
};
const register = new Register({
  version: '1',
  nowMillis: 0,
  tradingStates: [],
  apiKeys: KEYS,
  organisations: [
    { id: ORG, slug: 'alpha', queuePrefix: 'alpha', marketZone: 'Europe/Berlin' },
    { id: OTHER_ORG, slug: 'beta', queuePrefix: 'beta', marketZone: 'Europe/Berlin' },
  ],
  plants: [plant(PLANT, ORG, 'SITE-1'), plant(SECOND_PLANT, ORG, null), plant(OTHER_PLANT, OTHER_ORG, 'SITE-9')],
  assets: [],
});
const ctx: ReceiveContext = {
  register,
  nowMillis: Date.parse(NOW),
  signingKeys: { of: ({ sealedSigningKey }) => signingKeyBytes(sealedSigningKey) },
};

const SETPOINT = 'alpha.command.site-setpoint';
const DEVICE = 'alpha.command.device';
const MODE = 'alpha.command.mode';
const EMERGENCY = 'alpha.command.emergency';
const CREATE = 'alpha.schedule.create';
const CANCEL = 'alpha.schedule.cancel';

const setpoint = (different: object = {}) => ({
  type: 'POWER',
  targetValueKw: 5,
  direction: 'EXPORT',
  includeConsumption: true,
  priority: 'NORMAL',
  validFrom: '2026-03-29T01:00:00Z',
  ...different,
});
const device = (different: object = {}) => ({ deviceId: 'BAT-1', action: 'CHARGE', powerKw: 3, ...different });
const slot = (from: string, to: string, different: object = {}) => ({
  from: `2026-03-29T${from}Z`,
  to: `2026-03-29T${to}Z`,
  targetPowerKw: 5,
  direction: 'IMPORT',
  ...different,
});
const schedule = (different: object = {}) => ({
  scheduleId: 'plan-1',
  priority: 'NORMAL',
  slots: [slot('01:30:00', '01:45:00'), slot('01:45:00', '02:00:00')],
  ...different,
});

let ids = 0;
type Envelope = Record<string, unknown>;
const envelope = (payload: unknown, different: object = {}): Envelope => ({
  version: '1.1',
  messageId: `m-${(ids += 1)}`,
  correlationId: 'corr-1',
  timestamp: '2026-03-29T01:29:59.5Z',
  source: 'test-esm',
  siteId: PLANT,
  payload,
  ...different,
});
const signed = (one: Envelope, keyId = KEY): Envelope => {
  const { sealedSigningKey = '' } = KEYS.find(({ id }) => id === keyId) ?? {};
  const toSign = { ...one, signatureAlgo: 'HMAC-SHA256' };
  return { ...toSign, signature: signatureOf(toSign, signingKeyBytes(sealedSigningKey)) };
};

function delivery(routingKey: string, body: unknown, change: Partial<Delivery> = {}): Delivery {
  return {
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    exchange: 'vcp',
    routingKey,
    queue: 'vcp.alpha.command',
    redelivered: false,
    properties: { headers: {} },
    owner: ORG,
    keyId: KEY,
    ...change,
  };
}

const receive = (
  routingKey: string,
  body: unknown,
  change: Partial<Delivery> = {},
  more: Partial<ReceiveContext> = {},
) => partnerCommandStream.receive(delivery(routingKey, body, change), { ...ctx, ...more });

function factOf(received: Received<PartnerCommandFact>): PartnerCommandFact {
  if (received.kind === 'refused') throw new Error(`refused: ${JSON.stringify(received.fault)}`);
  return received.fact;
}

function faultOf(received: Received<unknown>): Fault {
  if (received.kind === 'understood') throw new Error('understood, although it should not be');
  return received.fault;
}

/** Why it is refused by its bytes alone: the code, or null. */
const refusalOf = (
  routingKey: string,
  body: unknown,
  change: Partial<Delivery> = {},
  more: Partial<ReceiveContext> = {},
) => factOf(receive(routingKey, body, change, more)).refusal;
const codeOf = (...asked: Parameters<typeof refusalOf>) => refusalOf(...asked)?.code ?? null;

/** Everything enabled, nothing known. */
const FRESH: Standing = {
  commands: [],
  schedules: [],
  paces: [],
  states: new Map([[ORG, 'ENABLED']]),
};
const stands = (different: Partial<Standing> = {}) => new Decisions({ ...FRESH, ...different });
const now = (text = NOW) => parseInstant(text);

/** What became of a message, and why. */
function decide(decisions: Decisions, routingKey: string, body: unknown, change: Partial<Delivery> = {}, at = NOW) {
  const commands = decisions.commands.length;
  const answers = decisions.answers.length;
  const verdict = decisions.decide(factOf(receive(routingKey, body, change)), now(at));
  const [command] = decisions.commands.slice(commands);
  return {
    verdict,
    code: command?.rejectionReason?.split(':')[0] ?? null,
    command,
    answers: decisions.answers.slice(answers).map(({ body: text }): unknown => JSON.parse(text.toString())),
    rows: decisions.answers.slice(answers),
  };
}

describe('what a message is about', () => {
  test.each([
    [SETPOINT, setpoint(), 'SITE_SETPOINT'],
    [DEVICE, device(), 'DEVICE_COMMAND'],
    [`${DEVICE}.BAT-1`, device(), 'DEVICE_COMMAND'],
    [MODE, { mode: 'ECO' }, 'MODE_CHANGE'],
    [EMERGENCY, { action: 'STOP' }, 'EMERGENCY'],
    [CREATE, schedule(), 'SCHEDULE_CREATE'],
    [CANCEL, { scheduleId: 'plan-1' }, 'SCHEDULE_CANCEL'],
  ])('%s is told by the routing key', (routingKey, payload, kind) => {
    const fact = factOf(receive(routingKey, signed(envelope(payload))));
    expect(fact).toMatchObject({
      kind,
      refusal: null,
      plantId: PLANT,
      orgId: ORG,
      keyId: KEY,
      correlationId: 'corr-1',
    });
  });

  test('the queue that it came by tells nothing, nor do properties', () => {
    const headers = { CC: [CANCEL], BCC: [MODE] };
    const change = { queue: 'vcp.alpha.schedule', properties: { headers, messageId: 'another', type: 'mode' } };
    expect(factOf(receive(SETPOINT, envelope(setpoint()), change))).toMatchObject({ kind: 'SITE_SETPOINT' });
  });

  test('a key of another family is no command, however it got here', () => {
    expect(codeOf('alpha.config.constraints', envelope({}))).toBe('SCHEMA');
    expect(codeOf('alpha.command.unheard-of', envelope({}))).toBe('NOT_ALLOWED');
    expect(codeOf('alpha.command.mode.extra', envelope({ mode: 'ECO' }))).toBe('NOT_ALLOWED');
  });

  test('a plant is named by our id or by the one that the partner knows', () => {
    expect(factOf(receive(SETPOINT, envelope(setpoint(), { siteId: 'SITE-1' })))).toMatchObject({ plantId: PLANT });
    expect(factOf(receive(SETPOINT, envelope(setpoint(), { siteId: PLANT.toUpperCase() })))).toMatchObject({
      plantId: PLANT,
      siteId: PLANT.toUpperCase(),
    });
  });

  test('members that nobody knows are borne, and signed', () => {
    const extra = envelope(setpoint({ colour: 'red' }), { traceId: 't-1' });
    expect(codeOf(SETPOINT, signed(extra))).toBeNull();
    expect(JSON.parse(factOf(receive(SETPOINT, extra)).payload)).toMatchObject({ colour: 'red' });
    expect(codeOf(SETPOINT, { ...signed(extra), traceId: 't-2' })).toBe('SIGNATURE');
  });
});

describe('a signature', () => {
  test.each([
    [DEVICE, device()],
    [`${DEVICE}.BAT-1`, device()],
    [MODE, { mode: 'ECO' }],
    [CREATE, schedule()],
    [CANCEL, { scheduleId: 'plan-1' }],
  ])('is due for %s', (routingKey, payload) => {
    expect(codeOf(routingKey, envelope(payload))).toBe('UNSIGNED');
    expect(codeOf(routingKey, envelope(payload, { signature: null }))).toBe('UNSIGNED');
    expect(codeOf(routingKey, signed(envelope(payload)))).toBeNull();
  });

  test.each([
    [SETPOINT, setpoint()],
    [EMERGENCY, { action: 'STOP' }],
  ])('is not due for %s, and verified all the same', (routingKey, payload) => {
    const one = envelope(payload);
    expect(codeOf(routingKey, one)).toBeNull();
    expect(codeOf(routingKey, signed(one))).toBeNull();
    expect(codeOf(routingKey, { ...signed(one), source: 'somebody' })).toBe('SIGNATURE');
    expect(codeOf(routingKey, { ...one, signature: '' })).toBe('SIGNATURE');
  });

  test('is due for an emergency where the installation says so', () => {
    const commandRules = { ...DEFAULT_COMMAND_RULES, needsSignedEmergency: true };
    expect(codeOf(EMERGENCY, envelope({ action: 'STOP' }), {}, { commandRules })).toBe('UNSIGNED');
    expect(codeOf(EMERGENCY, signed(envelope({ action: 'STOP' })), {}, { commandRules })).toBeNull();
  });

  test('of another key is none, also of the same organisation', () => {
    expect(codeOf(MODE, signed(envelope({ mode: 'ECO' }), OTHER_KEY))).toBe('SIGNATURE');
    expect(codeOf(MODE, signed(envelope({ mode: 'ECO' }), OTHER_KEY), { keyId: OTHER_KEY })).toBeNull();
  });

  test('is none where nobody can verify it', () => {
    const { signingKeys: _none, ...without } = ctx;
    const received = partnerCommandStream.receive(delivery(MODE, signed(envelope({ mode: 'ECO' }))), without);
    expect(factOf(received).refusal?.code).toBe('SIGNATURE');
  });

  test.each([
    ['a wrong version', { version: '1.0' }],
    ['a wrong shape', { siteId: 7 }],
    ['another site', { siteId: OTHER_PLANT }],
    ['another organisation', { orgId: OTHER_ORG }],
  ])('comes first: nothing is said about %s to whom nobody vouched for', (_name, different) => {
    expect(codeOf(MODE, envelope({ mode: 'ECO' }, different))).toBe('UNSIGNED');
    expect(codeOf(MODE, { ...signed(envelope({ mode: 'ECO' })), ...different })).toBe('SIGNATURE');
  });
});

describe('what cannot be read is set aside and never taken in later', () => {
  test.each([
    ['syntax', '{"messageId":"m-1"'],
    ['syntax', ''],
    ['schema', '[]'],
    ['duplicate_key', '{"version":"1.1","messageId":"a","messageId":"b","payload":{}}'],
    ['depth', `{"messageId":"a","payload":${'['.repeat(70)}${']'.repeat(70)}}`],
    ['schema', JSON.stringify({ version: '1.1' })],
    ['schema', JSON.stringify(envelope(setpoint(), { messageId: 'x'.repeat(300) }))],
    ['schema', JSON.stringify(envelope(setpoint(), { messageId: 'a\u202eb' }))],
  ])('%s', (reason, body) => {
    expect(faultOf(receive(SETPOINT, body))).toMatchObject({ reason, waitsFor: null });
  });

  test('a key that is given twice is refused before a signature is looked at', () => {
    const text = JSON.stringify(signed(envelope({ mode: 'ECO' })));
    expect(faultOf(receive(MODE, text.replace('{', '{"source":"other",'))).reason).toBe('duplicate_key');
  });

  test('commands outside of a virtual host of the partner are none', () => {
    const { owner: _owner, keyId: _keyId, ...elsewhere } = delivery(SETPOINT, envelope(setpoint()));
    expect(faultOf(partnerCommandStream.receive(elsewhere, ctx))).toMatchObject({ reason: 'schema', waitsFor: null });
  });

  test('what the broker gave up on is of this stream', () => {
    const dead = (routingKey: string) => deadLetterStream.receive(delivery(routingKey, '{}'), ctx);
    expect([dead(MODE), dead(CREATE)]).toMatchObject([{ stream: 'partner-command' }, { stream: 'partner-command' }]);
    expect(prepareBatch(deadLetterStream, [dead(MODE)]).refused).toHaveLength(1);
  });
});

describe('the envelope', () => {
  test.each([
    ['VERSION', { version: '1.0' }],
    ['VERSION', { version: '2.0' }],
    ['VERSION', { version: undefined }],
    ['VERSION', { version: 1.1 }],
    ['SCHEMA', { timestamp: undefined }],
    ['SCHEMA', { timestamp: '2026-03-29T01:30:00+01:00' }],
    ['SCHEMA', { timestamp: '2026-02-30T01:30:00Z' }],
    ['SCHEMA', { timestamp: 1774747800 }],
    ['SCHEMA', { source: '' }],
    ['SCHEMA', { source: 'a\u0007b' }],
    ['SCHEMA', { siteId: 5 }],
    ['SCHEMA', { siteId: undefined }],
    ['SCHEMA', { correlationId: 5 }],
    ['SCHEMA', { payload: [] }],
    ['SCHEMA', { payload: undefined }],
    ['SCHEMA', { payload: setpoint({ note: 'a\u0000b' }) }],
    ['SCHEMA', { payload: setpoint({ note: '\ud800' }) }],
    ['UNKNOWN_SITE', { siteId: 'SITE-2' }],
    ['UNKNOWN_SITE', { siteId: OTHER_PLANT }],
    ['UNKNOWN_SITE', { siteId: 'SITE-9' }],
    ['IDENTITY', { orgId: OTHER_ORG }],
    ['IDENTITY', { organizationId: 'somebody' }],
  ])('is refused as %s: %j', (code, different) => {
    expect(codeOf(SETPOINT, envelope(setpoint(), different))).toBe(code);
  });

  test('a site that nobody has and one of somebody else are refused alike', () => {
    const [nobodys, others] = ['SITE-2', OTHER_PLANT].map((siteId) =>
      factOf(receive(SETPOINT, envelope(setpoint(), { siteId, messageId: 'm' }))),
    );
    expect(nobodys?.refusal).toEqual(others?.refusal);
    expect([nobodys?.plantId, others?.plantId]).toEqual([null, null]);
  });

  test('another prefix is not that of the virtual host', () => {
    expect(codeOf('beta.command.site-setpoint', envelope(setpoint()))).toBe('IDENTITY');
  });

  test('numbers that are not exact are refused', () => {
    const text = JSON.stringify(envelope(setpoint({ targetValueKw: 7 }))).replace(':7,', ':0.12345678901234567,');
    expect(codeOf(SETPOINT, text)).toBe('SCHEMA');
    expect(codeOf(SETPOINT, text.replace('0.12345678901234567', '1e400'))).toBe('SCHEMA');
  });

  test('names of prototypes pollute nothing', () => {
    const text = JSON.stringify(envelope(setpoint())).replace(
      '{',
      '{"__proto__":{"polluted":1},"constructor":{"prototype":1},',
    );
    expect(codeOf(SETPOINT, text)).toBeNull();
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});

describe('the key', () => {
  test.each([
    ['without a scope for it', POOR_KEY],
    ['that has ended', ENDED_KEY],
    ['that nobody knows', OTHER_ORG],
  ])('%s commands nothing', (_name, keyId) => {
    expect(codeOf(SETPOINT, envelope(setpoint()), { keyId })).toBe('NOT_ALLOWED');
  });
});

describe('a payload', () => {
  test.each([
    [SETPOINT, setpoint({ type: 'HEAT' })],
    [SETPOINT, setpoint({ targetValueKw: undefined })],
    [SETPOINT, setpoint({ targetValueKw: null })],
    [SETPOINT, setpoint({ targetValueKw: -1 })],
    [SETPOINT, setpoint({ targetValueKw: '5' })],
    [SETPOINT, setpoint({ direction: 'UP' })],
    [SETPOINT, setpoint({ includeConsumption: undefined })],
    [SETPOINT, setpoint({ priority: 'LOW' })],
    [SETPOINT, setpoint({ validFrom: undefined })],
    [SETPOINT, setpoint({ type: 'ENERGY' })],
    [SETPOINT, setpoint({ type: 'ENERGY', targetValueKwh: 5 })],
    [SETPOINT, setpoint({ type: 'ENERGY', targetValueKwh: 5, intervalMinutes: 0 })],
    [SETPOINT, setpoint({ validUntil: '2026-03-29T01:00:00Z' })],
    [SETPOINT, setpoint({ validUntil: '2026-03-29T00:59:59Z' })],
    [DEVICE, device({ deviceId: 'bat 1' })],
    [DEVICE, device({ action: 'SCHEDULE' })],
    [DEVICE, device({ powerKw: undefined })],
    [DEVICE, device({ action: 'SET_SOC_LIMITS', socMin: 20 })],
    [DEVICE, device({ action: 'SET_SOC_LIMITS', socMin: 80, socMax: 20 })],
    [DEVICE, device({ socMax: 101 })],
    [DEVICE, device({ payloadVersion: 2 })],
    [DEVICE, device({ pwoerKw: 3 })],
    [MODE, { mode: '' }],
    [MODE, { mode: 'x'.repeat(65) }],
    [EMERGENCY, { action: 'CHARGE' }],
    [EMERGENCY, { action: 'STOP', reason: 'x'.repeat(201) }],
    [CREATE, schedule({ slots: [] })],
    [CREATE, schedule({ slots: [slot('01:30:00', '01:30:00')] })],
    [CREATE, schedule({ slots: [slot('01:45:00', '02:00:00'), slot('01:30:00', '01:45:00')] })],
    [CREATE, schedule({ slots: [slot('01:30:00', '01:46:00'), slot('01:45:00', '02:00:00')] })],
    [CREATE, schedule({ slots: Array.from({ length: 769 }, () => slot('01:30:00', '01:45:00')) })],
    [CREATE, schedule({ scheduleId: 'plan 1' })],
    [CANCEL, schedule()],
  ])('of %s is refused: %j', (routingKey, payload) => {
    expect(codeOf(routingKey, signed(envelope(payload)))).toBe('SCHEMA');
  });

  test.each([
    [SETPOINT, setpoint({ type: 'ENERGY', targetValueKw: undefined, targetValueKwh: 5, intervalMinutes: 15 })],
    [SETPOINT, setpoint({ targetValueKw: 0, validUntil: null, targetValueKwh: null })],
    [DEVICE, device({ action: 'SET_SOC_LIMITS', powerKw: null, socMin: 20, socMax: 20 })],
    [DEVICE, device({ action: 'HOLD', powerKw: undefined, payloadVersion: 1 })],
    [
      CREATE,
      schedule({ slots: [slot('01:30:00', '01:45:00'), slot('03:00:00', '04:00:00', { includeConsumption: false })] }),
    ],
  ])('of %s is taken: %j', (routingKey, payload) => {
    expect(codeOf(routingKey, signed(envelope(payload)))).toBeNull();
  });

  test.each([
    [SETPOINT, setpoint({ targetValueKw: 1e9 })],
    [DEVICE, device({ powerKw: 1e300 })],
    [CREATE, schedule({ slots: [slot('01:30:00', '01:45:00', { targetPowerKw: 1e8 })] })],
  ])('of %s that no site could carry out is refused: %j', (routingKey, payload) => {
    expect(codeOf(routingKey, signed(envelope(payload)))).toBe('IMPLAUSIBLE');
  });

  test('what was read of a refused message is kept with it', () => {
    const { command } = decide(stands(), SETPOINT, envelope(setpoint({ type: 'HEAT' })));
    expect(command).toMatchObject({ plantId: PLANT, siteId: PLANT, commandType: 'SITE_SETPOINT', source: 'test-esm' });
    expect(JSON.parse(command?.payload ?? '')).toMatchObject({ type: 'HEAT' });
    const little = decide(stands(), 'alpha.command.unheard-of', { messageId: 'm-little' }).command;
    expect(little).toMatchObject({ plantId: null, siteId: null, commandType: null, payload: '{}', ackStatus: 'NACK' });
  });

  test('a reason that quotes a message quotes no characters that do harm', () => {
    const { command } = decide(stands(), DEVICE, signed(envelope(device({ 'a\u001b[31m\u0000\nb': 1 }))));
    expect(command?.rejectionReason).toMatch(/^SCHEMA: /);
    expect(command?.rejectionReason).not.toMatch(/[\u0000-\u001f]/);
  });
});

describe('a decision', () => {
  test('takes what is in order, and answers the key that asked', () => {
    const one = envelope(setpoint());
    const { verdict, command, answers, rows } = decide(stands(), SETPOINT, one);
    expect(verdict).toBe('stored');
    expect(command).toMatchObject({
      status: 'PENDING',
      ackStatus: 'ACK',
      isFirst: true,
      nextStepAt: NOW,
      receivedAt: NOW,
    });
    expect(rows).toMatchObject([
      {
        orgId: ORG,
        vhost: `partner-${KEY}`,
        exchange: 'vcp',
        routingKey: 'alpha.event.command.ack',
        orderKey: `key ${KEY} site ${PLANT}`,
      },
    ]);
    expect(answers).toMatchObject([
      {
        version: '1.1',
        siteId: PLANT,
        correlationId: 'corr-1',
        payload: { commandMessageId: one['messageId'], status: 'ACK', receivedAt: NOW },
      },
    ]);
  });

  test('answers what has no correlation id with its message id', () => {
    const one = envelope(setpoint(), { correlationId: undefined });
    expect(decide(stands(), SETPOINT, one).answers).toMatchObject([{ correlationId: one['messageId'] }]);
  });

  test('of a command for later is due later', () => {
    const validFrom = '2026-03-29T02:00:00.5Z';
    const { command } = decide(stands(), SETPOINT, envelope(setpoint({ validFrom })));
    expect(command).toMatchObject({ nextStepAt: '2026-03-29T02:00:00.500Z', validFrom: '2026-03-29T02:00:00.500Z' });
  });

  test.each([
    ['a moment before the window', '2026-03-29T01:25:00Z', null],
    ['beyond the window', '2026-03-29T01:24:59.999999Z', 'STALE'],
    ['ahead within the window', '2026-03-29T01:35:00Z', null],
    ['ahead beyond the window', '2026-03-29T01:35:00.000001Z', 'STALE'],
  ])('about a time %s', (_name, timestamp, code) => {
    expect(decide(stands(), SETPOINT, envelope(setpoint(), { timestamp })).code).toBe(code);
  });

  test.each([
    [SETPOINT, setpoint({ validUntil: NOW }), 'EXPIRED'],
    [SETPOINT, setpoint({ validUntil: '2026-03-29T01:30:00.000001Z' }), null],
    [DEVICE, device({ validUntil: '2026-03-29T01:29:00Z' }), 'EXPIRED'],
    [CREATE, schedule({ slots: [slot('01:00:00', '01:30:00')] }), 'EXPIRED'],
    [SETPOINT, setpoint({ validFrom: '2026-04-29T01:30:01Z' }), 'IMPLAUSIBLE'],
    [CREATE, schedule({ slots: [{ ...slot('01:30:00', '01:45:00'), to: '2026-05-29T01:45:00Z' }] }), 'IMPLAUSIBLE'],
  ])('goes by the clock of the database: %s %j is %s', (routingKey, payload, code) => {
    expect(decide(stands(), routingKey, signed(envelope(payload))).code).toBe(code);
  });

  test('about what is hours late says that it expired, and otherwise that it is stale', () => {
    const late = '2026-03-29T04:30:00Z';
    expect(decide(stands(), SETPOINT, envelope(setpoint({ validUntil: '2026-03-29T02:00:00Z' })), {}, late).code).toBe(
      'EXPIRED',
    );
    expect(decide(stands(), SETPOINT, envelope(setpoint()), {}, late).code).toBe('STALE');
  });

  test.each([
    ['ENABLED', null, null],
    ['PAUSED', 'PAUSED', null],
    ['DRAINING', 'DRAINING', null],
    ['DISABLED', 'DRAINING', 'DRAINING'],
  ] as const)('while trading is %s', (state, other, emergency) => {
    const standing = { states: new Map([[ORG, state]]) };
    const all = [
      [SETPOINT, setpoint()],
      [DEVICE, device()],
      [MODE, { mode: 'ECO' }],
      [CREATE, schedule()],
    ] as const;
    for (const [routingKey, payload] of all) {
      const { code, answers } = decide(stands(standing), routingKey, signed(envelope(payload)));
      expect([code, answers.length]).toEqual([other, state === 'DISABLED' ? 0 : 1]);
    }
    expect(decide(stands(standing), EMERGENCY, envelope({ action: 'STOP' })).code).toBe(emergency);
  });

  test('about an organisation that never traded is no', () => {
    expect(decide(stands({ states: new Map() }), SETPOINT, envelope(setpoint()))).toMatchObject({
      verdict: 'rejected',
      answers: [],
    });
  });
});

describe('a message id', () => {
  test('stands for the content that came first: the same again changes nothing and gets the same answer', () => {
    const decisions = stands();
    const one = signed(envelope(device()));
    const first = decide(decisions, DEVICE, one);
    const again = decide(decisions, DEVICE, one, {}, '2027-03-29T01:30:00Z');
    expect(again).toMatchObject({ verdict: 'duplicate', command: undefined });
    expect(again.answers).toEqual(first.answers);
    expect(again.rows[0]?.body).toEqual(first.rows[0]?.body);
    expect(again.rows[0]?.messageId).toBe(first.rows[0]?.messageId);
    expect(decisions.commands).toHaveLength(1);
  });

  test('gets the same answer from what is kept of the command, whatever has changed since', () => {
    const decisions = stands();
    const one = envelope(setpoint());
    const first = decide(decisions, SETPOINT, one);
    const later = stands({ commands: decisions.commands, states: new Map([[ORG, 'PAUSED']]) });
    const again = decide(later, SETPOINT, one, {}, '2026-03-30T02:30:00Z');
    expect(again).toMatchObject({ verdict: 'duplicate' });
    expect(again.rows).toEqual(first.rows);
  });

  test('with other content is a conflict, each of which is refused and told once more when it comes again', () => {
    const decisions = stands();
    decide(decisions, SETPOINT, envelope(setpoint(), { messageId: 'm-c' }));
    const other = envelope(setpoint({ targetValueKw: 6 }), { messageId: 'm-c' });
    const conflict = decide(decisions, SETPOINT, other);
    expect(conflict).toMatchObject({
      verdict: 'rejected',
      code: 'CONFLICT',
      command: { isFirst: false, ackStatus: 'NACK' },
    });
    const again = decide(decisions, SETPOINT, other);
    expect(again).toMatchObject({ verdict: 'duplicate', answers: conflict.answers });
    expect(decide(decisions, SETPOINT, envelope(setpoint({ targetValueKw: 7 }), { messageId: 'm-c' })).code).toBe(
      'CONFLICT',
    );
  });

  test('of another organisation is another', () => {
    const decisions = stands();
    decide(decisions, SETPOINT, envelope(setpoint(), { messageId: 'm-o' }));
    const theirs = decisions.commands.map((command) => ({ ...command, orgId: OTHER_ORG }));
    expect(decide(stands({ commands: theirs }), SETPOINT, envelope(setpoint(), { messageId: 'm-o' })).verdict).toBe(
      'stored',
    );
  });

  test('under another routing key asks for something else, and is a conflict', () => {
    const decisions = stands();
    const one = signed(envelope(device()));
    decide(decisions, DEVICE, one);
    expect(decide(decisions, `${DEVICE}.BAT-2`, one).code).toBe('CONFLICT');
  });

  test('is not taken by what nobody vouched for, which gets no answer', () => {
    const decisions = stands();
    const one = signed(envelope(device()));
    const { signature: _signature, ...unsigned } = one;
    const forged = { ...one, signature: 'A'.repeat(43) };
    for (const [body, code] of [
      [unsigned, 'UNSIGNED'],
      [forged, 'SIGNATURE'],
    ] as const) {
      expect(decide(decisions, DEVICE, body)).toMatchObject({
        verdict: 'rejected',
        code,
        answers: [],
        command: { isFirst: false, ackStatus: null, status: 'REJECTED' },
      });
      expect(decide(decisions, DEVICE, body)).toMatchObject({ verdict: 'duplicate', answers: [] });
    }
    expect(decide(decisions, DEVICE, one)).toMatchObject({ verdict: 'stored', code: null });
  });

  test('that was refused stays refused', () => {
    const decisions = stands({ states: new Map([[ORG, 'PAUSED']]) });
    const one = envelope(setpoint());
    const paused = decide(decisions, SETPOINT, one);
    const later = stands({ commands: decisions.commands });
    expect(decide(later, SETPOINT, one)).toMatchObject({ verdict: 'duplicate', answers: paused.answers });
  });

  test('of a second key is answered to that key', () => {
    const decisions = stands();
    const one = envelope(setpoint());
    decide(decisions, SETPOINT, one);
    const again = decide(decisions, SETPOINT, one, { keyId: OTHER_KEY });
    expect([again.verdict, again.rows[0]?.vhost]).toEqual(['duplicate', `partner-${OTHER_KEY}`]);
  });

  test('of two keys about one site has answers that do not wait for each other', () => {
    const decisions = stands();
    const orderOf = (keyId: string) => decide(decisions, SETPOINT, envelope(setpoint()), { keyId }).rows[0]?.orderKey;
    expect(orderOf(KEY)).toBe(orderOf(KEY));
    expect(orderOf(KEY)).not.toBe(orderOf(OTHER_KEY));
  });
});

describe('the pace of a site', () => {
  const SENT_NOW = { timestamp: NOW };

  test('lets so many through at once and in the long run, and refuses the rest', () => {
    const decisions = stands();
    const codes = (at: string, count: number) =>
      Array.from(
        { length: count },
        () => decide(decisions, SETPOINT, envelope(setpoint(), { timestamp: at }), {}, at).code,
      );
    const taken = (all: readonly (string | null)[]) => all.filter((code) => code === null).length;
    expect(taken(codes(NOW, 100))).toBe(20);
    expect(taken(codes('2026-03-29T01:30:00.099Z', 5))).toBe(0);
    expect(taken(codes('2026-03-29T01:30:00.100Z', 5))).toBe(1);
    expect(taken(codes('2026-03-29T01:30:01.100Z', 100))).toBe(10);
    expect(taken(codes('2026-03-29T01:31:00Z', 100))).toBe(20);
    expect(new Set(codes('2026-03-29T01:31:00Z', 3))).toEqual(new Set(['RATE_LIMITED']));
  });

  test('is its own, does not hold up emergencies, and goes on where it was', () => {
    const decisions = stands();
    for (let n = 0; n < 20; n += 1) decide(decisions, SETPOINT, envelope(setpoint(), SENT_NOW));
    expect(decide(decisions, SETPOINT, envelope(setpoint(), { siteId: SECOND_PLANT })).code).toBeNull();
    expect(decide(decisions, EMERGENCY, envelope({ action: 'STOP' })).code).toBeNull();
    const next = stands({ paces: decisions.paces });
    expect(decide(next, SETPOINT, envelope(setpoint(), SENT_NOW)).code).toBe('RATE_LIMITED');
  });

  test('does not count what is refused, nor what came before', () => {
    const decisions = stands();
    const one = envelope(setpoint(), SENT_NOW);
    decide(decisions, SETPOINT, one);
    for (let n = 0; n < 30; n += 1) {
      decide(decisions, SETPOINT, one);
      decide(decisions, SETPOINT, envelope(setpoint({ validUntil: NOW })));
    }
    const next = () => decide(decisions, SETPOINT, envelope(setpoint(), SENT_NOW)).code;
    for (let n = 0; n < 19; n += 1) expect(next()).toBeNull();
    expect(next()).toBe('RATE_LIMITED');
  });
});

describe('a backlog of a site', () => {
  const sentMillis = (millisAgo: number) => ({ timestamp: new Date(Date.parse(NOW) - millisAgo).toISOString() });
  const codeOfSent = (decisions: Decisions, millisAgo: number, at = NOW) =>
    decide(decisions, SETPOINT, envelope(setpoint(), sentMillis(millisAgo)), {}, at).code;

  test('that was sent at the pace that is allowed is taken, whenever it arrives', () => {
    const decisions = stands();
    const codes = Array.from({ length: 600 }, (_, n) => codeOfSent(decisions, 60_000 - n * 100));
    expect(new Set(codes)).toEqual(new Set([null]));
  });

  test('that was sent faster is taken as far as it would have been', () => {
    const decisions = stands();
    const codes = Array.from({ length: 500 }, () => codeOfSent(decisions, 10_000));
    expect(codes.filter((code) => code === null)).toHaveLength(120);
    expect(codes.at(-1)).toBe('RATE_LIMITED');
  });

  test('counts by its own clock for nobody else: one whose clock is behind does not wait for one whose clock is right', () => {
    const decisions = stands();
    for (let n = 0; n < 10; n += 1) expect(codeOfSent(decisions, 0)).toBeNull();
    expect(codeOfSent(decisions, 60_000)).toBeNull();
  });

  test('from a clock that is ahead is of now', () => {
    const decisions = stands();
    for (let n = 0; n < 20; n += 1) expect(codeOfSent(decisions, -60_000)).toBeNull();
    expect(codeOfSent(decisions, -60_000)).toBe('RATE_LIMITED');
    expect(codeOfSent(decisions, 0, '2026-03-29T01:30:02Z')).toBeNull();
  });
});

describe('a schedule', () => {
  test('is kept with its slots in order and its span', () => {
    const decisions = stands();
    const { command } = decide(decisions, CREATE, signed(envelope(schedule())));
    expect(decisions.schedules).toMatchObject([
      {
        id: command?.id,
        plantId: PLANT,
        scheduleId: 'plan-1',
        priority: 'NORMAL',
        validFrom: '2026-03-29T01:30:00Z',
        validUntil: '2026-03-29T02:00:00Z',
      },
    ]);
    expect(JSON.parse(decisions.schedules[0]?.slots ?? '')).toMatchObject([
      {
        from: '2026-03-29T01:30:00Z',
        to: '2026-03-29T01:45:00Z',
        targetPowerKw: 5,
        direction: 'IMPORT',
        includeConsumption: true,
      },
      { from: '2026-03-29T01:45:00Z', to: '2026-03-29T02:00:00Z' },
    ]);
  });

  test('has its name for ever, in its plant', () => {
    const decisions = stands();
    decide(decisions, CREATE, signed(envelope(schedule())));
    expect(decide(decisions, CREATE, signed(envelope(schedule({ priority: 'HIGH' })))).code).toBe('CONFLICT');
    expect(decide(decisions, CREATE, signed(envelope(schedule(), { siteId: SECOND_PLANT }))).code).toBeNull();
    decide(decisions, CANCEL, signed(envelope({ scheduleId: 'plan-1' })));
    expect(decide(decisions, CREATE, signed(envelope(schedule()))).code).toBe('CONFLICT');
  });

  test('is cancelled once', () => {
    const decisions = stands({ schedules: [{ orgId: ORG, plantId: PLANT, scheduleId: 'plan-1', isCancelled: false }] });
    const cancel = () => decide(decisions, CANCEL, signed(envelope({ scheduleId: 'plan-1' })));
    const first = cancel();
    expect(first).toMatchObject({ verdict: 'stored', command: { status: 'PENDING' } });
    expect(decisions.cancellations).toMatchObject([
      { plantId: PLANT, scheduleId: 'plan-1', cancelledBy: first.command?.id },
    ]);
    expect(cancel().code).toBe('UNKNOWN_SCHEDULE');
    expect(decide(decisions, CANCEL, signed(envelope({ scheduleId: 'plan-2' }))).code).toBe('UNKNOWN_SCHEDULE');
    expect(decide(decisions, CANCEL, signed(envelope({ scheduleId: 'plan-1' }, { siteId: SECOND_PLANT }))).code).toBe(
      'UNKNOWN_SCHEDULE',
    );
  });
});
