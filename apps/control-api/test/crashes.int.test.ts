import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TradingAction } from '@quarterhour/domain';
import { partnerVhost } from '@quarterhour/contracts';
import { listUnprovisioned, type Database } from '@quarterhour/db';
import { BrokerApiError, type RabbitApi } from '@quarterhour/messaging';
import { systemClock } from '@quarterhour/runtime';
import { revokeApiKey } from '@quarterhour/testkit';
import type { ProvisioningContext } from '../src/provisioning/pass.js';
import { removeCentral } from '../src/provisioning/places.js';
import { Quiet } from '../src/provisioning/quiet.js';
import { decideTrading } from '../src/trading/decide.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { aPartner, keptOf, onTheBroker, type Partner } from './broker-of-partners.js';

/*
 * A process that makes the broker look as Postgres says can be killed after any of its steps: after each call to the broker
 * and after each transaction. Whatever it left behind, another one makes of it what one clean run makes.
 */

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
afterAll(() => api.close());

/** What is left when a process has been killed: nothing that it does has any effect. */
class Killed extends Error {
  override readonly name = 'Killed';
}

interface Life {
  /** Steps taken so far. */
  steps: number;
  readonly last: number;
}

/** Lets steps through until the last one, after which everything fails. */
function step<A extends unknown[], R>(life: Life, work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return alive(life, async (...args) => {
    const done = await work(...args);
    life.steps += 1;
    return done;
  });
}

/** For what changes nothing: being killed after it is being killed after the step before. */
function alive<A extends unknown[], R>(life: Life, work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    if (life.steps >= life.last) throw new Killed();
    const done = await work(...args);
    if (life.steps >= life.last) throw new Killed();
    return done;
  };
}

const CHANGES = /^(put|delete|declare|close|import)/;

function mortalApi(api: RabbitApi, life: Life): RabbitApi {
  return new Proxy(api, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      if (typeof found !== 'function') return found;
      const call = async (...args: unknown[]): Promise<unknown> => {
        const answer: unknown = await Reflect.apply(found, target, args);
        return answer;
      };
      return CHANGES.test(String(name)) ? step(life, call) : alive(life, call);
    },
  });
}

function mortalDatabase(db: Database, life: Life): Database {
  return { ...db, transaction: (organisations, work) => step(life, () => db.transaction(organisations, work))() };
}

/** Counts here are of queues that never held anything, so they need not be young. */
const aQuiet = () => new Quiet(20, systemClock);

/** @returns whether it lived to the end */
async function livesThrough(partner: Partner, last: number): Promise<{ lived: boolean; steps: number }> {
  const life: Life = { steps: 0, last };
  const changes: Partial<ProvisioningContext> = {
    api: mortalApi(api.vhost.api, life),
    db: mortalDatabase(api.control, life),
    quiet: aQuiet(),
  };
  try {
    await api.aProvisioner(changes).settle(partner.organisation.id, { withinMs: 20_000 });
    return { lived: true, steps: life.steps };
  } catch (error) {
    if (error instanceof Killed) return { lived: false, steps: life.steps };
    throw error;
  }
}

const decide = ({ organisation: { id } }: Partner, action: TradingAction) =>
  decideTrading({ db: api.control, clock: systemClock }, { orgId: id, action, by: 'tom', reason: 'a test' });
const settle = ({ organisation: { id } }: Partner) =>
  api.aProvisioner({ quiet: aQuiet() }).settle(id, { withinMs: 20_000 });

/** Whether the job would find it. */
const isBehind = async ({ organisation: { id } }: Partner): Promise<boolean> =>
  (await api.control.read([id], listUnprovisioned)).length > 0;

/** Everything that is to be the same whatever happened on the way, without the names that are each partner's own. */
async function resultFor(partner: Partner, { isRecordOpen = false }: Scenario): Promise<unknown> {
  const { config, events, outbox, audit, vhosts } = await keptOf(api, partner);
  const places = Object.fromEntries(vhosts.map((key) => [key, 'there']));
  const kept = isRecordOpen ? { config, places } : { config, events, outbox, audit, places };
  const text = JSON.stringify({ kept, broker: await onTheBroker(api, partner, api.vhost.api) });
  const anonymous = partner.keys.reduce((rest, key, index) => rest.replaceAll(key, `key ${index}`), text);
  return JSON.parse(anonymous.replaceAll(partner.prefix, 'prefix'));
}

interface Scenario {
  /** What is done before, and survived. */
  readonly before: readonly TradingAction[];
  /** What is decided. */
  readonly decided: (partner: Partner) => Promise<unknown>;
  /** What is decided when the process has been killed. */
  readonly then?: (partner: Partner) => Promise<unknown>;
  /** Whether what is on record depends on how far the killed process came. */
  readonly isRecordOpen?: boolean;
  readonly keys?: number;
  /** Steps that there are at least; fewer would mean that nothing was tried. */
  readonly atLeast: number;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  enabling: { before: [], decided: (partner) => decide(partner, 'enable'), atLeast: 10 },
  'enabling, called off': {
    before: [],
    decided: (partner) => decide(partner, 'enable'),
    then: (partner) => decide(partner, 'disable'),
    atLeast: 10,
  },
  'a key that ends while its virtual host is made': {
    before: [],
    decided: (partner) => decide(partner, 'enable'),
    then: (partner) => revokeApiKey(api.admin, partner.organisation, partner.keys[0] ?? ''),
    isRecordOpen: true,
    atLeast: 10,
  },
  draining: { before: ['enable'], decided: (partner) => decide(partner, 'drain'), atLeast: 10 },
  'opening again': { before: ['enable', 'drain'], decided: (partner) => decide(partner, 'enable'), atLeast: 10 },
  disabling: { before: ['enable'], decided: (partner) => decide(partner, 'disable'), atLeast: 20 },
  'a key that ends': {
    keys: 2,
    before: ['enable'],
    decided: (partner) => revokeApiKey(api.admin, partner.organisation, partner.keys[0] ?? ''),
    atLeast: 20,
  },
};

async function prepared({ before, decided, keys = 1 }: Scenario): Promise<Partner> {
  const partner = await aPartner(api, keys);
  for (const action of before) {
    await decide(partner, action);
    await settle(partner);
  }
  await decided(partner);
  return partner;
}

/** A broker with hundreds of virtual hosts is a slow one. */
async function cleared({ keys, prefix }: Partner): Promise<void> {
  for (const key of keys) await api.vhost.api.deleteVhost(partnerVhost(key));
  await removeCentral(api.vhost.api, api.vhost.name, prefix);
}

/** What waits until queues are seen empty goes the same way again and again: each step of its first and last passes. */
function killedAt(steps: number): number[] {
  const all = Array.from({ length: steps }, (_, index) => index + 1);
  return all.filter((step) => step <= 24 || step > steps - 16);
}

describe.each(Object.entries(SCENARIOS))('%s', (_name, scenario) => {
  test('ends the same, after whichever step the process is killed', async () => {
    const clean = await prepared(scenario);
    const { lived, steps } = await livesThrough(clean, Infinity);
    expect([lived, steps >= scenario.atLeast]).toEqual([true, true]);
    const goesOn = async (partner: Partner) => {
      await scenario.then?.(partner);
      if (await isBehind(partner)) await settle(partner);
    };
    await goesOn(clean);
    const expected = await resultFor(clean, scenario);
    const killedAfter = async (last: number): Promise<void> => {
      const partner = await prepared(scenario);
      await livesThrough(partner, last);
      await goesOn(partner);
      expect([last, await resultFor(partner, scenario)]).toEqual([last, expected]);
      await cleared(partner);
    };
    // Several at once, as several organisations are.
    const kills = killedAt(steps);
    for (let first = 0; first < kills.length; first += 4) {
      await Promise.all(kills.slice(first, first + 4).map(killedAfter));
    }
  }, 300_000);
});

test('a vhost that somebody else deleted is made again when something is decided', async () => {
  const partner = await prepared({ before: [], decided: (one) => decide(one, 'enable'), atLeast: 0 });
  await settle(partner);
  const expected = await onTheBroker(api, partner, api.vhost.api);
  await api.vhost.api.deleteVhost(partnerVhost(partner.keys[0] ?? ''));
  await decide(partner, 'pause');
  await settle(partner);
  expect(await onTheBroker(api, partner, api.vhost.api)).toEqual(expected);
});

test('a queue that does not answer, on a broker that does, is on record until it answers', async () => {
  const partner = await prepared({ before: ['enable'], decided: (one) => decide(one, 'disable'), atLeast: 0 });
  const silent = new BrokerApiError('POST /queues/x/get', { status: null, body: '' });
  const deaf = { ...api.vhost.api, hasReady: () => Promise.reject(silent) };
  const troubleOf = async () => (await keptOf(api, partner)).config;
  const stuck = api.aProvisioner({ api: deaf, quiet: aQuiet() });
  await expect(stuck.settle(partner.organisation.id, { withinMs: 20_000 })).rejects.toBe(silent);
  expect(await troubleOf()).toMatchObject({ trouble: silent.message });
  const away = { ...deaf, overview: () => Promise.reject(silent) };
  await settle(partner);
  expect(await troubleOf()).toMatchObject({ state: 'DISABLED', trouble: null });
  await decide(partner, 'enable');
  const unreachable = api.aProvisioner({ api: { ...away, listVhosts: () => Promise.reject(silent) }, quiet: aQuiet() });
  await expect(unreachable.settle(partner.organisation.id, { withinMs: 20_000 })).rejects.toBe(silent);
  expect(await troubleOf()).toMatchObject({ trouble: null });
});
