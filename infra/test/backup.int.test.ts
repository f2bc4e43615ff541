import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dispatchKey, EXCHANGES, fleetTelemetryKey, type Outcome } from '@quarterhour/contracts';
import {
  ensurePartitions,
  firstBrokenAudit,
  knownAt,
  latestTelemetry,
  listDispatches,
  listReceipts,
  loadRegister,
  measuredKnownAt,
  LOGIN_ROLES,
  migrate,
  openDatabase,
  recordAudit,
  type Database,
  type Trx,
} from '@quarterhour/db';
import { compareInstants, instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import {
  dispatchStream,
  plantTelemetryStream,
  Register,
  prepareBatch,
  storeAll,
  type Delivery,
} from '@quarterhour/ingestion';
import { aDispatch, anAsset, anOrganisation, aPlant, aRealtimeEnvelope } from '@quarterhour/testkit';
import { password } from '../src/stack/secrets.js';
import { aCluster, backUp, type Cluster } from './base-backup.js';

const SECRET = password();
const ROLE_PASSWORD = password();

let original: Cluster;
let restored: Cluster;
let orgId: string;
let plantId: string;
let asset: string;
let batchNo = 0;

/** Something that a publisher sent and was told is settled; it may send it again. */
interface Sent {
  readonly to: 'dispatch' | 'telemetry';
  readonly messageId: string;
  readonly delivery: Delivery;
}

/** An answer with the marks that it bore. */
interface Answer {
  readonly agreed: UtcInstant;
  readonly measured: UtcInstant;
  readonly bytes: string;
}

let sentBefore: readonly Sent[];
let answeredBefore: Answer;
let sentAfter: readonly Sent[];
let answeredAfter: Answer;

beforeAll(async () => {
  original = await aCluster(SECRET);
  await migrate(original.adminUrl, {
    rolePasswords: { ingest: ROLE_PASSWORD, read: ROLE_PASSWORD, control: ROLE_PASSWORD, usage: ROLE_PASSWORD },
  });
  const owner = await anOrganisation(original.admin);
  orgId = owner.id;
  plantId = (await aPlant(original.admin, owner)).id;
  asset = await anAsset(original.admin, owner);
  const days = [-1, 0].map((ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10));
  await ensurePartitions(original.admin, 'plant-telemetry', days);

  sentBefore = await write(20);
  await audit();
  answeredBefore = await ask(original);
  restored = await aCluster(SECRET, (data) =>
    backUp(original, data, async () => {
      await write(20);
    }),
  );
  sentAfter = await write(20);
  await audit();
  answeredAfter = await ask(original);
}, 120_000);

const readers = new Map<Cluster, Database>();

/** A cluster as the read API sees it. */
function reader(cluster: Cluster): Database {
  const url = new URL(cluster.adminUrl);
  url.username = LOGIN_ROLES.read;
  url.password = ROLE_PASSWORD;
  const open = readers.get(cluster) ?? openDatabase({ url: url.href, applicationName: 'test', maxConnections: 2 });
  readers.set(cluster, open);
  return open;
}

afterAll(async () => {
  for (const open of readers.values()) await open.close();
  await restored.stop();
  await original.stop();
});

/** Dispatches and telemetry of which every fifth corrects the one before. */
async function write(rounds: number): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const command = aDispatch({ asset_id: asset });
    const timestamp = new Date(Date.now() - 60_000 + (round % 5) * 1_000).toISOString().replace(/\d{3}Z$/, '000Z');
    const sample = aRealtimeEnvelope({ siteId: plantId, timestamp, payload: { gridPowerKw: batchNo } });
    sent.push(
      {
        to: 'dispatch',
        messageId: command.event_id,
        delivery: delivery(EXCHANGES.dispatch, dispatchKey(asset), command),
      },
      {
        to: 'telemetry',
        messageId: sample.messageId,
        delivery: delivery(EXCHANGES.fleet, fleetTelemetryKey('realtime', plantId), sample),
      },
    );
    for (const one of sent.slice(-2)) await settle(original, one);
  }
  return sent;
}

function delivery(exchange: string, routingKey: string, message: object): Delivery {
  const body = Buffer.from(JSON.stringify(message));
  return { body, exchange, routingKey, queue: 'q', redelivered: false, properties: { headers: {} } };
}

/** What the worker does with one delivery before it acknowledges it. */
async function settle({ admin }: Cluster, { to, delivery: one }: Sent): Promise<Outcome | undefined> {
  const nowMillis = Date.now();
  const ctx = { register: new Register(await loadRegister(admin)), nowMillis };
  const by = { worker: 'worker', batchNo: (batchNo += 1), receivedAt: instantFromEpochMillis(nowMillis) };
  const [outcome] = await admin.transaction([orgId], (trx) =>
    to === 'dispatch'
      ? storeAll(trx, prepareBatch(dispatchStream, [dispatchStream.receive(one, ctx)]), by)
      : storeAll(trx, prepareBatch(plantTelemetryStream, [plantTelemetryStream.receive(one, ctx)]), by),
  );
  return outcome;
}

const audit = () =>
  original.admin.transaction([orgId], (trx) =>
    recordAudit(trx, [{ orgId, actor: 'operator', action: 'backup.test', subject: 'x', detail: {} }]),
  );

async function bytesAt(trx: Trx, agreed: UtcInstant, measured: UtcInstant): Promise<string> {
  const dispatches = await listDispatches(
    trx,
    { assetIds: [asset], order: 'asc', limit: 1_000, offset: 0, knownAt: agreed },
    [
      { name: 'id', column: 'event_id', as: 'text' },
      { name: 'received', column: 'received_at', as: 'instant' },
    ],
  );
  const latest = await latestTelemetry(trx, plantId, measured, [
    { name: 'at', column: 'measured_at', as: 'instant' },
    { name: 'power', column: 'grid_kw', as: { number: {} } },
    { name: 'received', column: 'received_at', as: 'instant' },
  ]);
  return `${dispatches.json}\n${latest}`;
}

function ask(cluster: Cluster): Promise<Answer> {
  return reader(cluster).read([orgId], async (trx) => {
    const agreed = (await knownAt(trx))?.knownAt;
    if (agreed === undefined) throw new Error('nobody is in scope');
    const measured = (await measuredKnownAt(trx)).knownAt;
    return { agreed, measured, bytes: await bytesAt(trx, agreed, measured) };
  });
}

const askAgain = (cluster: Cluster, { agreed, measured }: Answer) =>
  reader(cluster).read([orgId], (trx) => bytesAt(trx, agreed, measured));

async function receiptOf(cluster: Cluster, { messageId }: Sent): Promise<string> {
  const page = await reader(cluster).read([orgId], (trx) =>
    listReceipts(trx, { messageId, limit: 5 }, [{ name: 'outcome', column: 'outcome', as: 'text' }]),
  );
  return page.json;
}

const query = <R extends object>(cluster: Cluster, text: string, ...values: unknown[]) =>
  reader(cluster).read([orgId], (trx) => trx.query<R>({ text, values }));

async function samplesIn(cluster: Cluster, sent: readonly Sent[]): Promise<number> {
  const ids = sent.flatMap(({ to, messageId }) => (to === 'telemetry' ? [messageId] : []));
  const rows = await query(
    cluster,
    `select message_id from app.telemetry_realtime where message_id = any ($1)
     union all select message_id from app.telemetry_realtime_history where message_id = any ($1)`,
    ids,
  );
  return rows.length;
}

const commands = (sent: readonly Sent[]) => sent.filter(({ to }) => to === 'dispatch');
const settledIn = async (cluster: Cluster): Promise<number> =>
  (await query<{ n: number }>(cluster, 'select sum(n)::int as n from app.ingest_minute'))[0]?.n ?? 0;

/*
 * One story, told in steps: each test goes on where the one before ended.
 */

test('everything that was acknowledged before the backup began is in what was restored', async () => {
  for (const one of commands(sentBefore)) expect(await receiptOf(restored, one)).toBe('[{"outcome":"stored"}]');
  expect(await samplesIn(restored, sentBefore)).toBe(commands(sentBefore).length);
  expect(await restored.admin.read([orgId], (trx) => firstBrokenAudit(trx, orgId))).toBeNull();
});

test('an answer from before the backup is the same, byte for byte, as of its mark', async () => {
  expect(await askAgain(restored, answeredBefore)).toBe(answeredBefore.bytes);
});

test('what came after it is missing, and shows: no receipt, fewer deliveries settled, a mark from before', async () => {
  for (const one of commands(sentAfter)) expect(await receiptOf(restored, one)).toBe('[]');
  expect(await samplesIn(restored, sentAfter)).toBe(0);
  expect(await settledIn(restored)).toBeLessThanOrEqual((await settledIn(original)) - sentAfter.length);
  expect(compareInstants((await ask(restored)).agreed, answeredAfter.agreed)).toBeLessThan(0);
  expect(await askAgain(restored, answeredAfter)).not.toBe(answeredAfter.bytes);
});

test('once the clocks of knowledge are set forward, no mark lies behind one that somebody holds', async () => {
  const lost = await askAgain(restored, answeredAfter);
  await restored.admin.transaction([], (trx) =>
    trx.query({ text: 'select app.raise_known_at(array(select org_id from app.org_head))', values: [] }),
  );
  const { agreed, measured } = await ask(restored);
  expect(compareInstants(agreed, answeredAfter.agreed)).toBeGreaterThan(0);
  expect(compareInstants(measured, answeredAfter.measured)).toBeGreaterThan(0);
  expect(await askAgain(restored, answeredAfter)).toBe(lost);
});

test('sending the lost messages again makes it whole, and sending the others again changes nothing', async () => {
  const gap = await askAgain(restored, answeredAfter);
  const outcomes = new Set<Outcome | undefined>();
  for (const one of sentBefore) outcomes.add(await settle(restored, one));
  expect(outcomes).toEqual(new Set(['duplicate']));
  for (const one of sentAfter) expect(['stored', 'revised']).toContain(await settle(restored, one));
  for (const one of commands(sentAfter)) expect(await receiptOf(restored, one)).toBe('[{"outcome":"stored"}]');
  expect(await samplesIn(restored, sentAfter)).toBe(commands(sentAfter).length);

  const everything = (cluster: Cluster) =>
    query(
      cluster,
      `select event_id::text as id, target_power_mw::text as said from app.dispatch where event_id = any ($1)
       union all select plant_id || measured_at::text, message_id || grid_kw from app.telemetry_realtime order by 1`,
      [...sentBefore, ...sentAfter].flatMap(({ to, messageId }) => (to === 'dispatch' ? [messageId] : [])),
    );
  expect(await everything(restored)).toEqual(await everything(original));
  expect(await askAgain(restored, answeredBefore)).toBe(answeredBefore.bytes);
  expect(await askAgain(restored, answeredAfter)).toBe(gap);
});
