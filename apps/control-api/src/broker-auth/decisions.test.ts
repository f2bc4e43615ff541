import { describe, expect, test } from '@jest/globals';
import { partnerVhost } from '@quarterhour/contracts';
import fc from 'fast-check';
import { keyOfTags, mayEnter, mayRoute, mayUse, partnerOf, tagOfKey } from './decisions.js';
import type { Partner } from './decisions.js';

const KEY_ID = '0192c5a0-7d2b-7c4e-8b1f-3a5d6e7f8091';
const OTHER_KEY_ID = '0192c5a0-7d2b-7c4e-8b1f-3a5d6e7f8092';
const SITE = 'd290f1ee-6c54-4b01-90e6-d701748f0851';
const WRITE_SCOPES = ['setpoint', 'device-command', 'schedule', 'mode', 'config'].map((what) => `vcp:write:${what}`);
const ALL_SCOPES = ['vcp:connect', 'vcp:read', ...WRITE_SCOPES];

function aPartner(different: Partial<Partner> = {}): Partner {
  return { keyId: KEY_ID, prefix: 'acme', scopes: ALL_SCOPES, allowedIps: [], ...different };
}

function aLogin(different: Partial<Parameters<typeof partnerOf>[0]> = {}): Parameters<typeof partnerOf>[0] {
  const { keyId, prefix, scopes, allowedIps } = aPartner();
  return { keyId, slug: 'acme-inc', queuePrefix: prefix, state: 'ENABLED', scopes, allowedIps, ...different };
}

describe('a key lets its holder in', () => {
  test.each([
    ['while its organisation trades', {}, true],
    ['while it is paused', { state: 'PAUSED' }, true],
    ['while it is drained', { state: 'DRAINING' }, true],
    ['not while it is disabled', { state: 'DISABLED' }, false],
    ['not without a queue prefix', { queuePrefix: null }, false],
    ['with the scope that older keys have', { scopes: ['trading:connect'] }, true],
    ['not without a scope to connect', { scopes: ['vcp:read', ...WRITE_SCOPES] }, false],
    ['not with a scope that only looks like it', { scopes: ['vcp:connector', 'VCP:CONNECT', ' vcp:connect'] }, false],
  ] as const)('%s', (_case, different, isLetIn) => {
    expect(partnerOf(aLogin(different)) !== null).toBe(isLetIn);
  });
});

describe('a partner enters', () => {
  const anywhere = { vhost: partnerVhost(KEY_ID), ip: '192.0.2.1' };
  test.each([
    ['the virtual host of its key', {}, {}, true],
    ['not that of another key, be it of the same organisation', {}, { vhost: partnerVhost(OTHER_KEY_ID) }, false],
    ['not ours', {}, { vhost: 'quarterhour' }, false],
    ['not the default one', {}, { vhost: '/' }, false],
    ['not one that is written otherwise', {}, { vhost: partnerVhost(KEY_ID).toUpperCase() }, false],
    ['not one that goes on', {}, { vhost: `${partnerVhost(KEY_ID)}-x` }, false],
    ['from an address that its key is bound to', { allowedIps: ['192.0.2.0/24'] }, {}, true],
    ['from such an address in IPv6 spelling', { allowedIps: ['192.0.2.0/24'] }, { ip: '::ffff:192.0.2.9' }, true],
    ['not from another address', { allowedIps: ['198.51.100.0/24', '2001:db8::/32'] }, {}, false],
    ['not from what is no address', { allowedIps: ['0.0.0.0/0'] }, { ip: 'somewhere' }, false],
  ])('%s', (_case, partner, question, mayIt) => {
    expect(mayEnter(aPartner(partner), { ...anywhere, ...question })).toBe(mayIt);
  });
});

describe('a partner uses', () => {
  const allowed = [
    'write exchange vcp',
    'read queue vcp.acme.event.telemetry',
    'read queue vcp.acme.event.status',
    'read queue vcp.acme.event.execution',
    'read queue vcp.acme.event.alarm',
  ];
  const names = {
    exchange: ['vcp', 'amq.default', 'amq.topic', 'ingest.dead', 'trading', 'dispatch', 'fleet', ''],
    queue: [
      ...['command', 'schedule', 'config', 'telemetry', 'refused'].map((family) => `vcp.acme.${family}`),
      ...['telemetry', 'status', 'execution', 'alarm', 'other', ''].map((family) => `vcp.acme.event.${family}`),
      ...['vcp.acme-b.event.telemetry', 'vcp.acm.event.telemetry', 'vcp.acmeXevent.telemetry', 'VCP.acme.event.alarm'],
      ...['vcp.acme.own.one', 'amq.gen-one', 'ingest.dead', 'vcp.acme.event.telemetry\n', 'vcp'],
    ],
    topic: ['vcp'],
    '': ['vcp'],
  };

  const asked = Object.entries(names).flatMap(([resource, list]) =>
    ['configure', 'write', 'read', ''].flatMap((permission) => list.map((name) => ({ resource, permission, name }))),
  );

  test('what is listed here, and nothing else', () => {
    const vhost = partnerVhost(KEY_ID);
    const may = asked.filter((question) => mayUse(aPartner(), { vhost, ...question }));
    expect(may.map(({ permission, resource, name }) => `${permission} ${resource} ${name}`).sort()).toEqual(
      [...allowed].sort(),
    );
  });

  test('nothing in the virtual host of another key', () => {
    for (const vhost of [partnerVhost(OTHER_KEY_ID), 'quarterhour', '/']) {
      expect(asked.filter((question) => mayUse(aPartner(), { vhost, ...question }))).toEqual([]);
    }
  });
});

/** Keys without their prefix, and the one scope that allows each; `null` where none does. */
const KEYS: readonly (readonly [string, string | null])[] = [
  ['telemetry.realtime', 'vcp:connect'],
  ['telemetry.meter', 'vcp:connect'],
  [`telemetry.realtime.${SITE}`, 'vcp:connect'],
  ['telemetry.meter.HPR1', 'vcp:connect'],
  ['command.site-setpoint', 'vcp:write:setpoint'],
  ['command.device', 'vcp:write:device-command'],
  ['command.device.inverter-1', 'vcp:write:device-command'],
  ['command.mode', 'vcp:write:mode'],
  ['command.emergency', 'vcp:write:device-command'],
  ['schedule.create', 'vcp:write:schedule'],
  ['schedule.cancel', 'vcp:write:schedule'],
  ['config.constraints', 'vcp:write:config'],
  [`config.constraints.${SITE}`, 'vcp:write:config'],
  ['', null],
  ['telemetry', null],
  ['telemetry.', null],
  ['telemetry.history', null],
  ['telemetry.Realtime', null],
  ['Telemetry.realtime', null],
  ['telemetry.realtime.', null],
  ['telemetry.realtime.#', null],
  ['telemetry.realtime.*', null],
  ['telemetry.realtime.a.b', null],
  ['telemetry.realtime.a b', null],
  ['telemetry.realtime.ä', null],
  ['telemetry.realtime.a\n', null],
  [`telemetry.realtime.${'x'.repeat(65)}`, null],
  ['telemetry..realtime', null],
  ['command', null],
  ['command.other', null],
  ['command.mode.x', null],
  ['command.site-setpoint.x', null],
  ['command.device.a.b', null],
  ['command.ack', null],
  ['schedule.create.x', null],
  ['schedule', null],
  ['config', null],
  ['config.a.b.c', null],
  ['event', null],
  ['event.telemetry.realtime', null],
  [`event.telemetry.realtime.${SITE}`, null],
  ['event.command.ack', null],
  ['event.execution', null],
  ['event.alarm', null],
  ['other.thing', null],
  ['#', null],
  ['*.realtime', null],
  ['acme.telemetry.realtime', null],
];

describe('a partner publishes', () => {
  test.each(KEYS)('under acme.%s with the scope %s alone', (rest, scope) => {
    const enough = ALL_SCOPES.filter((only) => mayRoute(aPartner({ scopes: [only] }), written(`acme.${rest}`)));
    expect(enough).toEqual(scope === null ? [] : [scope]);
  });

  test.each(KEYS)('with all scopes but %s under acme.%s', (rest, scope) => {
    const scopes = ALL_SCOPES.filter((other) => other !== scope);
    expect(mayRoute(aPartner({ scopes }), written(`acme.${rest}`))).toBe(false);
  });

  test.each([
    'acme',
    'Acme.telemetry.realtime',
    'acme-b.telemetry.realtime',
    'acm.telemetry.realtime',
    '.telemetry.realtime',
    'telemetry.realtime',
    '#.telemetry.realtime',
    '*.telemetry.realtime',
    '',
    'acme.telemetry.realtime.'.padEnd(255, 'x'),
  ])('never under %s', (routingKey) => expect(mayRoute(aPartner(), written(routingKey))).toBe(false));

  test('to nothing but vcp, and binds to nothing', () => {
    const question = written('acme.telemetry.realtime');
    expect(mayRoute(aPartner(), question)).toBe(true);
    expect(mayRoute(aPartner(), { ...question, name: 'trading' })).toBe(false);
    expect(mayRoute(aPartner(), { ...question, permission: 'read' })).toBe(false);
    expect(mayRoute(aPartner(), { ...question, vhost: partnerVhost(OTHER_KEY_ID) })).toBe(false);
  });
});

describe('two partners whose names resemble each other', () => {
  test('never publish under, or read from, what is the other one’s', () => {
    fc.assert(
      fc.property(prefixPairs(), ([one, other]) => {
        fc.pre(one !== other);
        const partner = aPartner({ prefix: one });
        for (const [rest] of KEYS) expect(mayRoute(partner, written(`${other}.${rest}`))).toBe(false);
        for (const family of ['telemetry', 'status', 'execution', 'alarm', 'command']) {
          const queue = { resource: 'queue', permission: 'read', name: `vcp.${other}.event.${family}` };
          expect(mayUse(partner, { vhost: partnerVhost(KEY_ID), ...queue })).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a key that is allowed begins with the prefix and holds no other word of it', () => {
    fc.assert(
      fc.property(prefixes(), fc.array(words(), { maxLength: 5 }), (prefix, rest) => {
        const routingKey = rest.join('.');
        if (!mayRoute(aPartner({ prefix }), written(routingKey))) return;
        expect(rest[0]).toBe(prefix);
        expect(rest[1]).not.toBe('event');
        expect(routingKey).toMatch(/^[A-Za-z0-9_.-]{1,255}$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the tag of a key', () => {
  test('is read back', () => {
    expect(keyOfTags(tagOfKey(KEY_ID))).toBe(KEY_ID);
    expect(keyOfTags(`management ${tagOfKey(KEY_ID)}`)).toBe(KEY_ID);
  });

  test.each([
    '',
    'administrator',
    'key-',
    'key-x',
    `key-${KEY_ID} key-${OTHER_KEY_ID}`,
    `key-${KEY_ID.toUpperCase()}`,
    `key-${KEY_ID},administrator`,
    `xkey-${KEY_ID}`,
    `key-${KEY_ID}\n`,
  ])('is not found in %j', (tags) => expect(keyOfTags(tags)).toBeNull());
});

function written(routingKey: string) {
  const where = { vhost: partnerVhost(KEY_ID), resource: 'topic', name: 'vcp' };
  return { ...where, permission: 'write', routing_key: routingKey };
}

function prefixes() {
  return fc.oneof(fc.stringMatching(/^[ab][ab-]{0,3}[ab]$/), fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,8}[a-z0-9]$/));
}

/** The other one may have a prefix that no database takes: what guards the broker leans on nothing else. */
function prefixPairs() {
  const odd = fc.stringMatching(/^[ab.*#+?|()^$[\]\\-]{1,5}$/);
  return fc.oneof(
    fc.tuple(prefixes(), fc.oneof(prefixes(), odd)),
    fc.tuple(prefixes(), prefixes()).map(([one, tail]): [string, string] => [one, `${one}-${tail}`]),
    fc.tuple(prefixes(), prefixes()).map(([one, tail]): [string, string] => [`${one}-${tail}`, one]),
  );
}

function words() {
  const known = ['aa', 'a-b', 'telemetry', 'realtime', 'command', 'device', 'mode', 'event', 'schedule', 'config', '#'];
  return fc.oneof(fc.constantFrom(...known), prefixes(), fc.string({ maxLength: 3 }));
}
