import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { dispatchKey, EXCHANGES, partnerTelemetryKey } from '@quarterhour/contracts';
import {
  firstBrokenAudit,
  getQuarantined,
  loadRegister,
  NO_ORGANISATION,
  openDatabase,
  type Database,
  type OrganisationRow,
} from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import {
  discardDeliveries,
  dispatchStream,
  plantTelemetryStream,
  Register,
  replayDeliveries,
  prepareBatch,
  storeAll,
  type Delivery,
  type ReplayContext,
  type Stream,
} from '@quarterhour/ingestion';
import {
  aDispatch,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  testDatabase,
  type TestDatabase,
} from '@quarterhour/testkit';

let server: TestDatabase;
let ingest: Database;
let control: Database;
let owner: OrganisationRow;
let batchNo = 0;
let codes = 0;

beforeAll(async () => {
  server = await testDatabase();
  ingest = openDatabase({ url: server.ingestUrl, applicationName: 'test', maxConnections: 2 });
  control = openDatabase({ url: server.controlUrl, applicationName: 'test', maxConnections: 2 });
  await server.admin.transaction([], (trx) =>
    trx.query({ text: `alter table app.dispatch add check (source <> 'REFUSED')`, values: [] }),
  );
});

beforeEach(async () => {
  owner = await anOrganisation(server.admin);
});

afterAll(async () => {
  await ingest.close();
  await control.close();
  await server.drop();
});

const registerNow = async () => new Register(await loadRegister(server.admin));

/** Has deliveries come in, one after the other; those that are set aside are answered by id, in the order of arrival. */
async function arrive<Fact>(stream: Stream<Fact>, deliveries: readonly Delivery[]): Promise<string[]> {
  const ctx = { register: await registerNow(), nowMillis: Date.now() };
  for (const one of deliveries) {
    const received = stream.receive(one, ctx);
    await ingest.transaction([received.orgId], (trx) =>
      storeAll(trx, prepareBatch(stream, [received]), {
        worker: 'test',
        batchNo: (batchNo += 1),
        receivedAt: instantFromEpochMillis(Date.now() - 60_000 + batchNo),
      }),
    );
  }
  const rows = await query<{ id: string }>(
    'select id from app.quarantine where routing_key = any ($1) order by first_seen, id',
    deliveries.map(({ routingKey }) => routingKey),
  );
  return rows.map(({ id }) => id);
}

function delivery(exchange: string, routingKey: string, message: unknown): Delivery {
  const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
  return { body, exchange, routingKey, queue: 'q', redelivered: false, properties: { headers: {} } };
}

const query = <R extends object>(text: string, ...values: unknown[]) =>
  server.admin.read([], (trx) => trx.query<R>({ text, values }));

/** The asset that a code will get when it is registered. */
const assetOf = (code: string) => `DE_50HZ_${code}_1`;
const newCode = () => `R${(codes += 1)}`;
const command = (code: string, different: object = {}) =>
  delivery(EXCHANGES.dispatch, dispatchKey(assetOf(code)), { ...aDispatch({ asset_id: assetOf(code) }), ...different });

async function context(different: Partial<ReplayContext> = {}): Promise<ReplayContext> {
  return {
    db: control,
    register: await registerNow(),
    nowMillis: Date.now(),
    organisations: [owner.id, NO_ORGANISATION],
    by: 'operator@example.com',
    ...different,
  };
}

const shown = (id: string) => control.read([owner.id, NO_ORGANISATION], (trx) => getQuarantined(trx, id));

/** Everything that a replay could leave behind. */
const traces = () =>
  query(
    `select (select count(*) from app.dispatch) as dispatches, (select count(*) from app.telemetry_realtime) as samples,
       (select count(*) from app.receipt) as receipts, (select count(*) from app.audit) as audit,
       (select count(*) from pg_catalog.pg_inherits) as partitions, (select max(known_at) from app.org_head) as known,
       (select md5(string_agg(q::text, '' order by id)) from app.quarantine q) as quarantine`,
  );

describe('replaying what was set aside', () => {
  test('takes it in in the order in which it came, whatever order is asked for, and each once', async () => {
    const code = newCode();
    const ids = await arrive(
      dispatchStream,
      Array.from({ length: 6 }, () => command(code)),
    );
    await anAsset(server.admin, owner, { code });
    const asked = [...ids.toReversed(), ids[0]!];
    const results = await replayDeliveries(await context(), asked);
    expect(results).toEqual(ids.map((id) => ({ id, result: 'replayed', outcome: 'stored' })));
    expect(await query('select 1 from app.dispatch where asset_id = $1', assetOf(code))).toHaveLength(6);
    const again = await replayDeliveries(await context(), ids);
    expect(again).toEqual(ids.map((id) => ({ id, result: 'not-open', state: 'replayed' })));
  });

  test('finds the one that the database refuses, and takes the others in', async () => {
    const code = newCode();
    const ids = await arrive(dispatchStream, [
      command(code),
      command(code),
      command(code, { source: 'REFUSED' }),
      command(code),
      command(code),
    ]);
    await anAsset(server.admin, owner, { code });
    const results = await replayDeliveries(await context(), ids);
    expect(results.map(({ result }) => result)).toEqual([
      'replayed',
      'replayed',
      'still-quarantined',
      'replayed',
      'replayed',
    ]);
    expect(results[2]).toMatchObject({
      reason: 'implausible',
      detail: expect.stringContaining('the database refuses'),
    });
    expect(await query('select 1 from app.dispatch where asset_id = $1', assetOf(code))).toHaveLength(4);
    expect(await shown(ids[2]!)).toMatchObject({ state: 'open', attempts: 1, lastAttempt: { reason: 'implausible' } });
  });

  test('as a dry run says what would become of each and leaves no trace', async () => {
    const code = newCode();
    const commands = await arrive(dispatchStream, [command(code), command(code, { source: 'REFUSED' }), command(code)]);
    const key = partnerTelemetryKey(owner.queuePrefix ?? '', 'realtime', 'roof');
    const longAgo = new Date(Date.now() - 200 * 86_400_000).toISOString();
    const samples = await arrive(plantTelemetryStream, [
      delivery(EXCHANGES.vcp, key, aRealtimeEnvelope({ siteId: 'roof', timestamp: longAgo })),
    ]);
    await anAsset(server.admin, owner, { code });
    await aPlant(server.admin, owner, { externalPlantId: 'roof' });
    const before = await traces();
    const ids = [...commands, ...samples];
    const tried = await replayDeliveries(await context(), ids, { dryRun: true });
    expect(await traces()).toEqual(before);
    expect(tried.map(({ result }) => result)).toEqual(['replayed', 'still-quarantined', 'replayed', 'replayed']);
    expect(await replayDeliveries(await context(), ids)).toEqual(tried);
    expect(await traces()).not.toEqual(before);
  });

  test('leaves out what is out of reach, and stores nothing for an organisation that is', async () => {
    const code = newCode();
    const stranger = await anOrganisation(server.admin);
    const nobodys = await arrive(dispatchStream, [command(code)]);
    const key = partnerTelemetryKey(stranger.queuePrefix ?? '', 'realtime', 'x');
    const strangers = await arrive(plantTelemetryStream, [delivery(EXCHANGES.vcp, key, aRealtimeEnvelope())]);
    await anAsset(server.admin, stranger, { code });
    const results = await replayDeliveries(await context(), [...nobodys, ...strangers, randomUUID()]);
    expect(results).toEqual([
      {
        id: nobodys[0],
        result: 'still-quarantined',
        reason: 'schema',
        path: null,
        detail: 'it belongs to an organisation that is out of your reach',
      },
    ]);
    expect(await query('select 1 from app.dispatch where asset_id = $1', assetOf(code))).toEqual([]);
    const discarded = await discardDeliveries(await context(), strangers, { because: 'not mine' });
    expect(discarded).toEqual([]);
  });

  test('refuses what cannot end differently, and writes no attempt down', async () => {
    const code = newCode();
    await anAsset(server.admin, owner, { code });
    const first = aDispatch({ asset_id: assetOf(code) });
    const other = { ...first, target_power: { amount: '99', unit: 'MW' } };
    const key = dispatchKey(assetOf(code));
    const ids = await arrive(dispatchStream, [
      delivery(EXCHANGES.dispatch, key, first),
      delivery(EXCHANGES.dispatch, key, other),
      delivery(EXCHANGES.dispatch, key, '{'),
    ]);
    const results = await replayDeliveries(await context(), ids);
    expect(results).toEqual([
      { id: ids[0], result: 'not-replayable', detail: 'conflict cannot end differently for the same bytes' },
      { id: ids[1], result: 'not-replayable', detail: 'syntax cannot end differently for the same bytes' },
    ]);
    expect(await shown(ids[0]!)).toMatchObject({ attempts: 0, state: 'open' });
    expect(await query('select 1 from app.audit where org_id = $1', owner.id)).toEqual([]);
  });

  test('finds in conflict what something else stands for by now, and a copy a copy', async () => {
    const code = newCode();
    const parked = aDispatch({ asset_id: assetOf(code) });
    const key = dispatchKey(assetOf(code));
    const copy = aDispatch({ asset_id: assetOf(code) });
    const ids = await arrive(dispatchStream, [
      delivery(EXCHANGES.dispatch, key, parked),
      delivery(EXCHANGES.dispatch, key, copy),
    ]);
    await anAsset(server.admin, owner, { code });
    await arrive(dispatchStream, [
      delivery(EXCHANGES.dispatch, key, { ...parked, target_power: { amount: '99', unit: 'MW' } }),
      delivery(EXCHANGES.dispatch, key, copy),
    ]);
    const results = await replayDeliveries(await context(), ids);
    expect(results).toMatchObject([
      { result: 'still-quarantined', reason: 'conflict' },
      { result: 'replayed', outcome: 'duplicate' },
    ]);
  });

  test('writes who did what down, in a chain that is whole', async () => {
    const code = newCode();
    const ids = await arrive(dispatchStream, [command(code), command(code, { source: 'REFUSED' }), command(code)]);
    await anAsset(server.admin, owner, { code });
    await replayDeliveries(await context(), ids.slice(0, 2));
    await discardDeliveries(await context(), ids.slice(1), { because: 'a test of the simulator' });
    const entries = await query<{ action: string; subject: string; actor: string; detail: object }>(
      `select action, subject, actor, detail from app.audit where subject = any ($1) order by seq`,
      ids,
    );
    expect(entries.map(({ action, subject }) => [action, ids.indexOf(subject)])).toEqual([
      ['quarantine.replay', 0],
      ['quarantine.replay', 1],
      ['quarantine.discard', 1],
      ['quarantine.discard', 2],
    ]);
    expect(new Set(entries.map(({ actor }) => actor))).toEqual(new Set(['operator@example.com']));
    expect(entries.map(({ detail }) => detail)).toEqual([
      { replayed_as: 'stored' },
      { reason: 'implausible', path: null },
      { because: 'a test of the simulator', reason: 'unknown_asset' },
      { because: 'a test of the simulator', reason: 'unknown_asset' },
    ]);
    for (const orgId of [owner.id, NO_ORGANISATION]) {
      expect(await control.read([orgId], (trx) => firstBrokenAudit(trx, orgId))).toBeNull();
    }
  });

  test('by two people at once takes each delivery in once', async () => {
    const code = newCode();
    const ids = await arrive(
      dispatchStream,
      Array.from({ length: 20 }, () => command(code)),
    );
    await anAsset(server.admin, owner, { code });
    const [one, other] = await Promise.all(
      [ids, ids.toReversed()].map(async (asked) => replayDeliveries(await context(), asked)),
    );
    const replayed = [...(one ?? []), ...(other ?? [])].filter(({ result }) => result === 'replayed');
    expect(replayed.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(await query('select 1 from app.audit where subject = any ($1)', ids)).toHaveLength(20);
  });
});

describe('discarding what was set aside', () => {
  test('keeps its bytes and the reason, and a copy that comes later does not open it again', async () => {
    const code = newCode();
    const one = command(code);
    const [id = ''] = await arrive(dispatchStream, [one]);
    const before = await traces();
    const asked = { because: 'sent to the wrong exchange' };
    expect(await discardDeliveries(await context(), [id], { ...asked, dryRun: true })).toEqual([
      { id, result: 'discarded' },
    ]);
    expect(await traces()).toEqual(before);
    expect(await discardDeliveries(await context(), [id], asked)).toEqual([{ id, result: 'discarded' }]);
    await arrive(dispatchStream, [one]);
    const row = await shown(id);
    expect(row).toMatchObject({
      state: 'discarded',
      copies: 2,
      decidedBy: 'operator@example.com',
      decisionNote: asked.because,
    });
    expect(row?.body.equals(one.body)).toBe(true);
    expect(await discardDeliveries(await context(), [id], asked)).toEqual([
      { id, result: 'not-open', state: 'discarded' },
    ]);
    expect(await replayDeliveries(await context(), [id])).toEqual([{ id, result: 'not-open', state: 'discarded' }]);
  });
});
