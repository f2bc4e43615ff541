import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  INGEST_POLICY,
  PARTNER_POLICIES,
  PARTNER_VHOST_LIMITS,
  QUEUES,
  intakeStoppedPolicy,
  keyIdOfVhost,
  partnerConfigQueue,
  partnerQueues,
  partnerTelemetryQueue,
  partnerVhost,
  partnerVhostTopology,
  type Policy,
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

test('the virtual host binds every queue it holds, and holds no more than it may', () => {
  const { queues, bindings, exchanges } = partnerVhostTopology('acme');
  expect(queues.map(({ name }) => name).sort()).toEqual(bindings.map(({ queue }) => queue).sort());
  expect(new Set(bindings.map(({ exchange }) => exchange))).toEqual(new Set(exchanges.map(({ name }) => name)));
  expect(queues.length).toBeLessThan(PARTNER_VHOST_LIMITS['max-queues']);
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

describe('stopping the intake', () => {
  test('stands above the policies of both virtual hosts and keeps their dead letters', () => {
    const stopped = intakeStoppedPolicy('acme');
    for (const policy of [INGEST_POLICY, ...PARTNER_POLICIES])
      expect(stopped.priority).toBeGreaterThan(policy.priority);
    expect(stopped.definition).toMatchObject({
      'dead-letter-exchange': INGEST_POLICY.definition['dead-letter-exchange'],
      'max-length': 0,
      overflow: 'reject-publish',
    });
  });

  test('reaches what the partner publishes to, unless told fewer', () => {
    const reached = (policy: Policy) => partnerQueues('acme').filter(({ name }) => appliesTo(policy, name));
    expect(reached(intakeStoppedPolicy('acme')).map(({ direction }) => direction)).toEqual(Array(4).fill('inbound'));
    expect(reached(intakeStoppedPolicy('acme', ['telemetry'])).map(({ name }) => name)).toEqual(['vcp.acme.telemetry']);
  });

  test('never reaches another partner', () => {
    fc.assert(
      fc.property(prefixPairs(), ([one, other]) => {
        const stopped = intakeStoppedPolicy(one);
        expect(partnerQueues(other).some(({ name }) => appliesTo(stopped, name))).toBe(one === other);
      }),
    );
  });

  test.each(['a.b', 'a|b', '.*', 'a+', '-a', 'a', 'A1', 'a\n', ''])('refuses the malformed prefix %j', (prefix) => {
    expect(() => intakeStoppedPolicy(prefix)).toThrow(RangeError);
    expect(() => partnerVhostTopology(prefix)).toThrow(RangeError);
  });
});

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
