import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  isBoundBy,
  INGEST_POLICY,
  PARTNER_POLICIES,
  PARTNER_VHOST_LIMITS,
  QUEUES,
  keyIdOfVhost,
  partnerConfigQueue,
  partnerQueues,
  partnerTelemetryQueue,
  partnerTopology,
  partnerVhost,
  partnerVhostTopology,
  refusalTopology,
  refusingQueue,
  type Policy,
  type Topology,
} from './topology.js';

const KEY_ID = '0192c5a0-7d2b-7c4e-8b1f-3a5d6e7f8091';

test('a virtual host belongs to the key that it is named after', () => {
  expect(partnerVhost(KEY_ID)).toBe(`partner-${KEY_ID}`);
  expect(keyIdOfVhost(partnerVhost(KEY_ID))).toBe(KEY_ID);
  expect(keyIdOfVhost('quarterhour')).toBeNull();
});

test('a partner and we talk over the queues and keys of the contract', () => {
  const spelled = partnerQueues('a-b').map(({ name, direction, routingKey }) => [name, direction, routingKey]);
  expect(spelled).toEqual([
    ['vcp.a-b.command', 'inbound', 'a-b.command.#'],
    ['vcp.a-b.schedule', 'inbound', 'a-b.schedule.*'],
    ['vcp.a-b.config', 'inbound', 'a-b.config.#'],
    ['vcp.a-b.telemetry', 'inbound', 'a-b.telemetry.#'],
    ['vcp.a-b.event.telemetry', 'outbound', 'a-b.event.telemetry.#'],
    ['vcp.a-b.event.status', 'outbound', 'a-b.event.command.ack'],
    ['vcp.a-b.event.execution', 'outbound', 'a-b.event.execution'],
    ['vcp.a-b.event.alarm', 'outbound', 'a-b.event.alarm'],
  ]);
});

test('what a partner publishes to is named as in our own virtual host', () => {
  const names = partnerQueues('acme').map(({ name }) => name);
  expect(names).toContain(partnerTelemetryQueue('acme'));
  expect(names).toContain(partnerConfigQueue('acme'));
});

test('no queue that we take from is bound to the keys that are ours to publish', () => {
  const inbound = partnerQueues('acme').filter(({ direction }) => direction === 'inbound');
  expect(inbound.filter(({ routingKey }) => routingKey.startsWith('acme.event'))).toEqual([]);
});

test('the virtual host binds every queue it holds, and uses every exchange', () => {
  const { queues, bindings, exchanges } = partnerVhostTopology('acme');
  expect(queues.map(({ name }) => name).sort()).toEqual(bindings.map(({ queue }) => queue).sort());
  expect(new Set(bindings.map(({ exchange }) => exchange))).toEqual(new Set(exchanges.map(({ name }) => name)));
});

test('one policy applies to each queue of the virtual host, and none to the dead letters', () => {
  for (const { name } of partnerVhostTopology('a-b').queues) {
    const applying = PARTNER_POLICIES.filter((policy) => appliesTo(policy, name));
    expect(applying).toHaveLength(name === QUEUES.dead ? 0 : 1);
  }
});

test('what a partner sends is kept or refused, what we send it drops its oldest', () => {
  const overflow = partnerQueues('acme').map(({ name, direction }) => [
    direction,
    PARTNER_POLICIES.find((policy) => appliesTo(policy, name))?.definition['overflow'],
  ]);
  expect(new Set(overflow.map((pair) => pair.join(' ')))).toEqual(
    new Set(['inbound reject-publish', 'outbound drop-head']),
  );
});

describe('a refusal', () => {
  test('reaches every key that the partner publishes under, and fewer when told so', () => {
    const inbound = partnerQueues('acme').filter(({ direction }) => direction === 'inbound');
    const refused = (topology: Topology) => topology.bindings.map(({ routingKey }) => routingKey);
    expect(refused(refusalTopology('acme'))).toEqual(inbound.map(({ routingKey }) => routingKey));
    expect(refused(refusalTopology('acme', ['config']))).toEqual(['acme.config.#']);
  });

  test('is a queue that takes nothing and that no policy touches', () => {
    const [queue] = refusalTopology('acme').queues;
    expect(queue?.arguments).toMatchObject({ 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    expect([INGEST_POLICY, ...PARTNER_POLICIES].filter((policy) => appliesTo(policy, 'vcp.acme.refused'))).toEqual([]);
  });

  test('fits beside what the virtual host holds', () => {
    const held = [...partnerVhostTopology('acme').queues, ...refusalTopology('acme').queues];
    expect(held.length).toBeLessThanOrEqual(PARTNER_VHOST_LIMITS['max-queues']);
  });
});

test('nothing that is named after one partner is named after another', () => {
  fc.assert(
    fc.property(prefixPairs(), ([one, other]) => {
      fc.pre(one !== other);
      expect(namesOf(one).filter((name) => namesOf(other).includes(name))).toEqual([]);
    }),
  );
});

test.each([
  ['a.#', 'a', true],
  ['a.#', 'a.b.c', true],
  ['#.c', 'a.b.c', true],
  ['a.*.c', 'a.b.c', true],
  ['a.*.c', 'a.c', false],
  ['a.*', 'a.b.c', false],
  ['a.#.c', 'a.c', true],
  ['a.#.c', 'a.b.d', false],
  ['a.b', 'a.b', true],
  ['a.b', 'a.bc', false],
  ['#', '', true],
])('a binding by %j takes %j: %p', (binding, key, takes) => {
  expect(isBoundBy(binding, key)).toBe(takes);
});

test.each(['a.b', 'a|b', '.*', 'a+', '-a', 'a', 'A1', 'a\n', ''])('the malformed prefix %j names nothing', (prefix) => {
  for (const topology of [partnerTopology, partnerVhostTopology, refusalTopology]) {
    expect(() => topology(prefix)).toThrow(RangeError);
  }
});

function namesOf(prefix: string): string[] {
  const queues = [...partnerQueues(prefix), { name: refusingQueue(prefix), routingKey: '' }];
  return queues.flatMap(({ name, routingKey }) => [name, routingKey]).filter((name) => name !== '');
}

function appliesTo({ pattern }: Policy, queue: string): boolean {
  return new RegExp(pattern).test(queue);
}

/** Prefixes of few letters, so that one is often the beginning of the other, or the same. */
function prefixPairs() {
  const prefix = fc.stringMatching(/^[ab][ab-]{0,3}[ab]$/);
  return fc.oneof(
    fc.tuple(prefix, prefix),
    fc.tuple(prefix, prefix).map(([one, tail]): [string, string] => [one, `${one}-${tail}`]),
  );
}
