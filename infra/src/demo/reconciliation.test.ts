import { describe, expect, test } from '@jest/globals';
import { assetDispatch, type AssetDispatch, type IngestionMinute, type QuarantineItem } from '@quarterhour/contracts';
import { parseInstant } from '@quarterhour/domain';
import { demoMessages, shiftsToEndAt } from './demo-set.js';
import type { ReadApi } from './read-api.js';
import { reconcile, type Finding } from './reconciliation.js';

const NOW = parseInstant('2026-11-21T12:00:00Z');
const LOADED = { from: NOW, to: parseInstant('2026-11-21T12:00:10Z') };
const PLANTS = {
  hornsdale: '01890000-0000-7000-8000-00000000000a',
  home: '01890000-0000-7000-8000-00000000000b',
  sungrow: '01890000-0000-7000-8000-00000000000c',
};
const MESSAGES = demoMessages(PLANTS, shiftsToEndAt(NOW));

describe('reconciliation of the demo', () => {
  test('holds when everything is stored or explained', async () => {
    const findings = await findingsOf(aStore());
    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
    expect(findings.map(({ due, found }) => [due, found])).toEqual([
      [1_697, 1_697],
      [12_480, 12_480],
      [3, 3],
      [137, 137],
      [14_314, 14_314],
    ]);
  });

  test('finds a dispatch that is missing', async () => {
    const store = aStore();
    store.dispatches.pop();
    expect(await differing(store)).toEqual([['dispatches, read back as published', 1_697, 1_696]]);
  });

  test('finds a dispatch that says something else', async () => {
    const store = aStore();
    store.dispatches[0]!.target_power.amount = '0.000001';
    expect(await differing(store)).toEqual([['dispatches, read back as published', 1_697, 1_696]]);
  });

  test('finds a sample that was lost on the way', async () => {
    const store = aStore();
    store.minutes[1]!.n -= 1;
    expect((await differing(store)).map(([, due, found]) => [due, found])).toEqual([
      [12_480, 12_479],
      [14_314, 14_313],
    ]);
  });

  test('finds a plant that lags behind', async () => {
    const store = aStore();
    store.latest.set(PLANTS.home, '2026-11-21T11:00:00Z');
    expect(await differing(store)).toEqual([['plants, with the latest sample that is due', 3, 2]]);
  });

  test('finds a bad message that was taken for something else', async () => {
    const store = aStore();
    store.quarantine[0]!.reason = 'unknown_plant';
    expect(await differing(store)).toEqual([['bad messages, set aside for their reason', 137, 136]]);
  });

  test('lets a redelivered copy be settled twice, and no other', async () => {
    const settledAgain = aMinute({ outcome: 'duplicate', n: 5 });
    expect(await differing({ ...aStore(), minutes: [...aStore().minutes, settledAgain] })).toHaveLength(1);
    const redelivered = { ...settledAgain, redelivered: true };
    expect(await differing({ ...aStore(), minutes: [...aStore().minutes, redelivered] })).toEqual([]);
  });
});

interface Store {
  dispatches: AssetDispatch[];
  minutes: IngestionMinute[];
  latest: Map<string, string>;
  quarantine: QuarantineItem[];
}

/** What the read API knows when everything went well. */
function aStore(): Store {
  return {
    dispatches: MESSAGES.filter(({ stream }) => stream === 'dispatch').map(({ body }) =>
      assetDispatch.parse(JSON.parse(body.toString())),
    ),
    minutes: [
      aMinute({ stream: 'dispatch', n: 1_697 }),
      aMinute({ n: 12_480 }),
      aMinute({ outcome: 'quarantined', n: 137 }),
    ],
    latest: new Map([
      [PLANTS.hornsdale, '2026-11-21T11:59:59Z'],
      [PLANTS.home, '2026-11-21T12:00:00Z'],
    ]),
    quarantine: MESSAGES.flatMap(({ messageId, routingKey, body, fault }) =>
      fault === null
        ? []
        : [aQuarantineItem({ reason: fault, routingKey, messageId: fault === 'syntax' ? null : messageId, body })],
    ),
  };
}

async function differing(store: Store): Promise<[string, number, number][]> {
  const findings = await findingsOf(store);
  return findings.filter(({ holds }) => !holds).map(({ what, due, found }) => [what, due, found]);
}

function findingsOf(store: Store): Promise<Finding[]> {
  const published = { confirmed: MESSAGES.length, withoutConfirm: 0 };
  return reconcile({ api: apiOf(store), messages: MESSAGES, plants: PLANTS, loaded: LOADED, published });
}

function apiOf(store: Store): ReadApi {
  return {
    dispatches: (assetIds) => Promise.resolve(store.dispatches.filter(({ asset_id }) => assetIds.includes(asset_id))),
    minutes: () => Promise.resolve(store.minutes),
    quarantine: () => Promise.resolve(store.quarantine),
    latestTelemetry: (plantId) => {
      const time = store.latest.get(plantId);
      return Promise.resolve(time === undefined ? null : { ...NOTHING_MEASURED, time, plant_id: plantId });
    },
  };
}

const NOTHING_MEASURED = {
  consumption: null,
  fve_power: null,
  fve_reg: null,
  grid_power: null,
  invertor_power: null,
  soc: null,
};

function aMinute(different: Partial<IngestionMinute>): IngestionMinute {
  return { minute: NOW, stream: 'plant-telemetry', outcome: 'stored', redelivered: false, n: 1, ...different };
}

function aQuarantineItem(item: {
  reason: QuarantineItem['reason'];
  routingKey: string;
  messageId: string | null;
  body: Buffer;
}): QuarantineItem {
  return {
    id: '01890000-0000-7000-8000-00000000000d',
    organisation_id: '01890000-0000-7000-8000-000000000001',
    stream: 'plant-telemetry',
    state: 'open',
    reason: item.reason,
    path: null,
    detail: 'why',
    replayable: true,
    routing_key: item.routingKey,
    message_id: item.messageId,
    body_bytes: item.body.length,
    body_dropped: false,
    waits_for: null,
    first_seen: NOW,
    last_seen: NOW,
    copies: 1,
    attempts: 0,
    last_attempt: null,
    replayed_as: null,
    decided_at: null,
    decided_by: null,
    decision_note: null,
  };
}
