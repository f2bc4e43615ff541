import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { outboundQueue, partnerVhost, partnerVhostTopology, refusingQueue } from '@quarterhour/contracts';
import { firstBrokenAudit, listPartnerQueues } from '@quarterhour/db';
import { rabbitApi, type Broker } from '@quarterhour/messaging';
import { eventually, revokeApiKey } from '@quarterhour/testkit';
import { recordDepths } from '../src/provisioning/queue-depths.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import {
  aPartner,
  connected,
  consumed,
  keptOf,
  keyOf,
  onTheBroker,
  published,
  telemetryQueue,
  type Partner,
} from './broker-of-partners.js';

let api: TestApi;
const brokers: Broker[] = [];
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
});
afterAll(() => api.close());

async function inVhost(vhost: string): Promise<Broker> {
  const broker = await connected(api, vhost);
  brokers.push(broker);
  return broker;
}
const vhostOf = ({ keys }: Partner, index = 0): string => partnerVhost(keys[index] ?? '');
const found = (partner: Partner) => onTheBroker(api, partner, api.vhost.api);
const isGone = { central: { queues: [], bindings: [] }, vhosts: {} };

async function anEnabledPartner(keyCount = 1): Promise<Partner> {
  const partner = await aPartner(api, keyCount);
  expect(await partner.step('enable')).toMatchObject({ status: 200, state: 'ENABLED' });
  return partner;
}

describe('enabling', () => {
  test('makes queues and a virtual host per key within two seconds, and says so', async () => {
    const partner = await aPartner(api, 2);
    const start = performance.now();
    const { status, state, body } = await partner.step('enable');
    expect(performance.now() - start).toBeLessThan(2_000);
    expect([status, state, body['status']]).toEqual([200, 'ENABLED', 'ENABLED']);
    const { central, vhosts } = await found(partner);
    const { prefix } = partner;
    expect(central.queues).toEqual([`vcp.${prefix}.config`, `vcp.${prefix}.telemetry`]);
    expect(central.bindings).toEqual([
      `vcp.${prefix}.config ${prefix}.config.#`,
      `vcp.${prefix}.telemetry ${prefix}.telemetry.#`,
    ]);
    expect(Object.keys(vhosts).toSorted()).toEqual(partner.keys.map(partnerVhost).toSorted());
    const wanted = partnerVhostTopology(prefix);
    for (const vhost of Object.values(vhosts)) {
      expect(vhost.queues).toEqual(wanted.queues.map(({ name }) => `${name} {"x-queue-type":"quorum"}`).toSorted());
      expect(vhost.bindings).toHaveLength(wanted.bindings.length);
      expect(vhost.policies).toEqual(['fan-out', 'ingest', 'outbound']);
    }
    expect((await keptOf(api, partner)).config).toMatchObject({ state: 'ENABLED', isProvisioned: true, trouble: null });
  });

  test('takes what a partner publishes', async () => {
    const partner = await anEnabledPartner();
    const broker = await inVhost(vhostOf(partner));
    for (const family of ['telemetry', 'config', 'command', 'schedule'] as const) {
      expect(await published(broker, keyOf(partner.prefix, family))).toEqual(['taken']);
    }
  });

  test('twice, and by two at once, is one step on record', async () => {
    const partner = await aPartner(api);
    const both = await Promise.all([partner.step('enable'), partner.step('enable')]);
    expect(both.map(({ status, state }) => [status, state])).toEqual([
      [200, 'ENABLED'],
      [200, 'ENABLED'],
    ]);
    await partner.step('enable');
    const { events, outbox, audit, config } = await keptOf(api, partner);
    expect(events).toMatchObject([{ kind: 'enabled', actor: 'tom', details: { from: 'DISABLED', to: 'ENABLED' } }]);
    expect(outbox).toEqual(['trading.config.enabled']);
    expect(audit).toMatchObject([{ action: 'trading.enable', actor: 'tom' }]);
    expect(config?.isProvisioned).toBe(true);
  });

  test('leaves alone a queue that is there with other arguments, shows it, and makes all the rest', async () => {
    const partner = await aPartner(api);
    const queue = telemetryQueue(partner.prefix);
    const other = { exchanges: [], queues: [{ name: queue, arguments: { 'x-queue-type': 'classic' } }], bindings: [] };
    await api.vhost.api.declare(api.vhost.name, other);
    expect(await partner.step('enable')).toMatchObject({ status: 200, state: 'ENABLED' });
    expect((await keptOf(api, partner)).config?.trouble).toBe(`queue ${queue} exists with other arguments`);
    expect(Object.keys((await found(partner)).vhosts)).toEqual([vhostOf(partner)]);
    const neighbour = await anEnabledPartner();
    expect((await keptOf(api, neighbour)).config).toMatchObject({ isProvisioned: true, trouble: null });

    await api.vhost.api.deleteQueue(api.vhost.name, queue);
    await api.aProvisioner().round();
    expect((await keptOf(api, partner)).config).toMatchObject({ isProvisioned: true, trouble: null });
  });
});

describe('pausing', () => {
  test('keeps what a partner publishes, with why, until it is resumed', async () => {
    const partner = await anEnabledPartner();
    const broker = await inVhost(vhostOf(partner));
    const paused = await partner.step('pause', 'a fault at their side');
    expect([paused.status, paused.state, paused.body['state']]).toEqual([200, 'PAUSED', 'PAUSED']);
    expect(await published(broker, keyOf(partner.prefix, 'telemetry'), 3)).toEqual(['taken', 'taken', 'taken']);
    await api.aProvisioner().settle(partner.organisation.id, { withinMs: 2_000 });
    await eventually(async () =>
      expect(await broker.depthOf(telemetryQueue(partner.prefix))).toMatchObject({ ready: 3 }),
    );
    expect((await partner.step('enable')).state).toBe('PAUSED');
    expect(await partner.step('resume')).toMatchObject({ status: 200, state: 'ENABLED' });
    expect((await keptOf(api, partner)).events).toMatchObject([
      { kind: 'enabled' },
      { kind: 'paused', actor: 'tom', reason: 'a fault at their side', details: { from: 'ENABLED', to: 'PAUSED' } },
      { kind: 'resumed', details: { from: 'PAUSED', to: 'ENABLED' } },
    ]);
  });
});

describe('draining', () => {
  test('refuses telemetry and config at once, still takes commands, and stores what was there', async () => {
    const partner = await anEnabledPartner();
    const { prefix } = partner;
    const [own, central] = [await inVhost(vhostOf(partner)), await inVhost(api.vhost.name)];
    for (const broker of [own, central]) await published(broker, keyOf(prefix, 'telemetry'), 2);
    expect(await partner.step('drain', 'maintenance')).toMatchObject({ status: 200, state: 'DRAINING' });
    for (const broker of [own, central]) {
      expect(await published(broker, keyOf(prefix, 'telemetry'))).toEqual(['PublishRefusedError']);
      expect(await published(broker, keyOf(prefix, 'config'))).toEqual(['PublishRefusedError']);
    }
    expect(await published(own, keyOf(prefix, 'command'))).toEqual(['taken']);
    const [ownTaken, centralTaken] = [
      await consumed(own, telemetryQueue(prefix)),
      await consumed(central, telemetryQueue(prefix)),
    ];
    await eventually(() => expect([ownTaken.taken.length, centralTaken.taken.length]).toEqual([2, 2]));
    expect((await keptOf(api, partner)).config).toMatchObject({ state: 'DRAINING', isProvisioned: true });
    expect(await partner.step('pause')).toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
  });

  test('is undone by enabling: everything is taken again', async () => {
    const partner = await anEnabledPartner();
    const before = await found(partner);
    await partner.step('drain');
    expect((await found(partner)).central.queues).toContain(refusingQueue(partner.prefix));
    expect(await partner.step('enable')).toMatchObject({ status: 200, state: 'ENABLED' });
    expect(await found(partner)).toEqual(before);
    const broker = await inVhost(vhostOf(partner));
    expect(await published(broker, keyOf(partner.prefix, 'telemetry'))).toEqual(['taken']);
  });
});

describe('disabling', () => {
  test('of a partner with nothing left takes its queues and virtual hosts away, within the answer', async () => {
    const partner = await anEnabledPartner(2);
    const { status, state, body } = await partner.step('disable');
    expect([status, state, body['status']]).toEqual([200, 'DISABLED', 'DISABLED']);
    expect(await found(partner)).toEqual(isGone);
    const { config, events, audit, vhosts } = await keptOf(api, partner);
    expect(config).toMatchObject({ state: 'DISABLED', isProvisioned: true });
    expect(events.map(({ kind }) => kind)).toEqual(['enabled', 'draining', 'disabled']);
    expect(audit.map(({ action }) => action)).toEqual(['trading.enable', 'trading.disable', 'trading.disabled']);
    expect(vhosts).toEqual([]);
    expect(await partner.step('disable')).toMatchObject({ status: 200, state: 'DISABLED' });
    const { id } = partner.organisation;
    expect(await api.read.read([id], (trx) => firstBrokenAudit(trx, id))).toBeNull();
  });

  test('stores what is left first, however slowly that goes, and refuses everything meanwhile', async () => {
    const partner = await anEnabledPartner();
    const { prefix } = partner;
    const broker = await inVhost(vhostOf(partner));
    await published(broker, keyOf(prefix, 'telemetry'), 30);
    const { taken } = await consumed(broker, telemetryQueue(prefix), 700);
    const disabling = partner.step('disable');
    const meanwhile: string[] = [];
    await eventually(async () => {
      meanwhile.push(...(await published(broker, keyOf(prefix, 'telemetry'))));
      expect(meanwhile.at(-1)).toBe('PublishRefusedError');
    });
    expect(await published(broker, keyOf(prefix, 'command'))).toEqual(['PublishRefusedError']);
    expect(await disabling).toMatchObject({ status: 200, state: 'DISABLED' });
    const confirmed = 30 + meanwhile.filter((answer) => answer === 'taken').length;
    expect(taken.length).toBeGreaterThanOrEqual(confirmed);
    expect(new Set(taken).size).toBe(30);
    // What is empty goes after trading is disabled: by itself where the ten seconds are over in between.
    const job = api.aProvisioner();
    await eventually(async () => {
      await job.round();
      expect(await found(partner)).toEqual(isGone);
    });
  });

  test('does not wait longer than ten seconds, says DRAINING, and is finished by the job', async () => {
    const partner = await anEnabledPartner();
    const { prefix } = partner;
    const broker = await inVhost(vhostOf(partner));
    await published(broker, keyOf(prefix, 'telemetry'), 2);
    const start = performance.now();
    const { status, state, body } = await partner.step('disable');
    expect([status, state, body['status']]).toEqual([200, 'DRAINING', 'ENABLED']);
    expect(performance.now() - start).toBeLessThan(12_000);
    expect((await found(partner)).vhosts).not.toEqual({});
    const { taken } = await consumed(broker, telemetryQueue(prefix));
    const job = api.aProvisioner();
    await eventually(
      async () => {
        await job.round();
        expect((await keptOf(api, partner)).config).toMatchObject({ state: 'DISABLED', isProvisioned: true });
      },
      { withinMs: 10_000 },
    );
    expect(taken).toHaveLength(2);
    expect(await found(partner)).toEqual(isGone);
  }, 60_000);

  test('counts what the partner did not fetch and what nobody answered into the event', async () => {
    const partner = await anEnabledPartner();
    const { prefix } = partner;
    const broker = await inVhost(vhostOf(partner));
    const { routingKey } = outboundQueue(prefix, 'alarm');
    expect(await published(broker, routingKey, 3)).toEqual(['taken', 'taken', 'taken']);
    expect(await published(broker, keyOf(prefix, 'command'), 2)).toEqual(['taken', 'taken']);
    await eventually(async () => {
      const queues = await api.provisioning.api.listQueues(vhostOf(partner));
      expect(queues.reduce((sum, { messages }) => sum + messages, 0)).toBe(5);
    });
    expect(await partner.step('disable')).toMatchObject({ state: 'DISABLED' });
    const { events } = await keptOf(api, partner);
    expect(events.at(-1)).toMatchObject({ kind: 'disabled', actor: 'tom', details: { undelivered: 3, unanswered: 2 } });
  });

  test('is called off by enabling, and nothing is gone', async () => {
    const partner = await anEnabledPartner();
    const before = await found(partner);
    const broker = await inVhost(vhostOf(partner));
    await published(broker, keyOf(partner.prefix, 'telemetry'));
    const disabling = partner.step('disable');
    await eventually(async () => expect((await keptOf(api, partner)).config?.state).toBe('DRAINING'));
    expect(await partner.step('enable')).toMatchObject({ status: 200, state: 'ENABLED' });
    expect(await disabling).toMatchObject({ status: 200, state: 'ENABLED' });
    await api.aProvisioner().settle(partner.organisation.id, { withinMs: 3_000 });
    expect(await found(partner)).toEqual(before);
    expect(await broker.depthOf(telemetryQueue(partner.prefix))).toMatchObject({ ready: 1 });
  });

  test('and enabling again gives the same as the first time', async () => {
    const partner = await anEnabledPartner();
    const before = await found(partner);
    await partner.step('disable');
    await partner.step('enable');
    expect(await found(partner)).toEqual(before);
  });
});

test('what waits in the queues of a partner is written down for those who have no broker', async () => {
  const partner = await anEnabledPartner();
  const broker = await inVhost(vhostOf(partner));
  await published(broker, keyOf(partner.prefix, 'telemetry'), 3);
  const { id } = partner.organisation;
  const ctx = { db: api.control, api: api.vhost.api, vhost: api.vhost.name };
  await eventually(async () => {
    await recordDepths(ctx);
    const queues = await api.read.read([id], listPartnerQueues);
    expect(queues).toHaveLength(11);
    const own = queues.find(({ vhost, name }) => vhost === vhostOf(partner) && name === telemetryQueue(partner.prefix));
    expect(own).toMatchObject({ direction: 'inbound', ready: 3, unsettled: 0, consumers: 0 });
  });
  await partner.step('drain');
  await recordDepths(ctx);
  expect(await api.read.read([id], listPartnerQueues)).toHaveLength(11);
});

describe('a key that ends', () => {
  test('loses its connections at once and its virtual host when what it sent is stored; other keys stay', async () => {
    const partner = await anEnabledPartner(2);
    const { prefix, organisation, keys } = partner;
    const vhost = vhostOf(partner);
    const broker = await inVhost(vhost);
    await published(broker, keyOf(prefix, 'telemetry'), 2);
    await revokeApiKey(api.admin, organisation, keys[0] ?? '');
    const job = api.aProvisioner();
    await job.round();
    expect(await published(broker, keyOf(prefix, 'telemetry'))).toEqual(['PublishRefusedError']);
    expect(Object.keys((await found(partner)).vhosts)).toHaveLength(2);
    const { taken } = await consumed(broker, telemetryQueue(prefix));
    await eventually(
      async () => {
        await job.round();
        expect(Object.keys((await found(partner)).vhosts)).toEqual([vhostOf(partner, 1)]);
      },
      { withinMs: 10_000 },
    );
    expect(taken).toHaveLength(2);
    expect((await keptOf(api, partner)).audit.at(-1)).toMatchObject({ action: 'trading.remove-vhost' });
  });
});

test('a broker that is out of reach: enabling is refused and decides nothing, disabling is decided', async () => {
  const away = await openTestApi({ rabbit: rabbitApi({ url: 'http://u:p@127.0.0.1:1', timeoutMs: 500 }) });
  try {
    const partner = await aPartner(away);
    const { status, headers, body } = await away.post('/api/v1/trading/config/enable', {}, partner.claims);
    expect([status, headers['retry-after'], body.code]).toEqual([503, '1', 'SERVICE_UNAVAILABLE']);
    expect((await keptOf(away, partner)).config?.state).toBe('DISABLED');
    await away.admin.transaction([partner.organisation.id], (trx) =>
      trx.query({ text: `update app.trading_config set state = 'ENABLED'`, values: [] }),
    );
    expect(await partner.step('pause')).toMatchObject({ status: 200, state: 'PAUSED' });
    expect(await partner.step('drain')).toMatchObject({ status: 200, state: 'DRAINING' });
    expect(await partner.step('disable')).toMatchObject({ status: 200, state: 'DRAINING' });
  } finally {
    await away.close();
  }
});
