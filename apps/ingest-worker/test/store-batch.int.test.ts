import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { beginProgress, CommitUnknownError, loadRegister, openDatabase, type Database } from '@quarterhour/db';
import { Register, dispatchStream, prepareBatch, type DispatchFact, type Received } from '@quarterhour/ingestion';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { aDispatch, anAsset, anOrganisation, eventually, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { Alarm } from '../src/alarm.js';
import { Partitions } from '../src/partitions.js';
import { StoppedError, storeBatch, type StoreContext } from '../src/store-batch.js';

const log = createLogger({ name: 'test', level: 'fatal' });

let database: TestDatabase;
let admin: Database;
let ingest: Database;
let asset: string;
let register: Register;

beforeAll(async () => {
  database = await testDatabase();
  admin = openDatabase({ url: database.adminUrl, applicationName: 'test', maxConnections: 2 });
  ingest = openDatabase({ url: database.ingestUrl, applicationName: 'test', maxConnections: 2 });
  asset = await anAsset(admin, await anOrganisation(admin));
  register = new Register(await loadRegister(ingest));
});

afterAll(async () => {
  await ingest.close();
  await admin.close();
  await database.drop();
});

type Transaction = Database['transaction'];

/** The worker's own context, except that transactions first go through `around`. */
function contextWith(
  around: (real: Transaction) => Transaction,
  stopping = new AbortController().signal,
): StoreContext {
  const db: Database = { ...ingest, transaction: around(ingest.transaction.bind(ingest)) };
  let batchNo = 0;
  return {
    db,
    log,
    clock: systemClock,
    partitions: new Partitions(ingest, systemClock),
    worker: `test-${Math.random()}`,
    nextBatchNo: () => (batchNo += 1),
    stopping,
    alarm: new Alarm(systemClock, log, 'dispatch'),
  };
}

function deliveries(count: number): Received<DispatchFact>[] {
  return Array.from({ length: count }, () => {
    const body = Buffer.from(JSON.stringify(aDispatch({ asset_id: asset })));
    const delivery = {
      body,
      exchange: 'dispatch',
      routingKey: `dispatch.${asset}`,
      queue: 'ingest.dispatch',
      redelivered: false,
      properties: { headers: {} },
    };
    return dispatchStream.receive(delivery, { register, nowMillis: systemClock.nowMillis() });
  });
}

async function countsOf(worker: string): Promise<Record<string, number>> {
  const rows = await admin.read([], (trx) =>
    trx.query<{ outcome: string; n: string }>({
      text: 'select outcome, sum(n)::text as n from app.ingest_minute where worker = $1 group by 1',
      values: [worker],
    }),
  );
  return Object.fromEntries(rows.map(({ outcome, n }) => [outcome, Number(n)]));
}

async function sessionsWaiting(): Promise<number | undefined> {
  const [found] = await admin.read([], (trx) =>
    trx.query<{ n: number }>({
      text: `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
      values: [],
    }),
  );
  return found?.n;
}

/** Fails the first calls, each in its own way, and lets the rest through. */
function failing(...failures: ((real: Transaction, ...call: Parameters<Transaction>) => Promise<never>)[]) {
  let calls = 0;
  return (real: Transaction): Transaction =>
    (organisations, work) => {
      const failure = failures[calls];
      calls += 1;
      return failure === undefined ? real(organisations, work) : failure(real, organisations, work);
    };
}

const lostReply = new CommitUnknownError(new Error('connection reset'));
const committedButUnheard = async (real: Transaction, ...[organisations, work]: Parameters<Transaction>) => {
  await real(organisations, work);
  throw lostReply;
};
const neverCommitted = () => Promise.reject(lostReply);
/** What a statement that takes too long comes to. */
const timesOut = (real: Transaction, ...[organisations]: Parameters<Transaction>) =>
  real(organisations, async (trx) => {
    await trx.query({ text: `set local statement_timeout = '20ms'`, values: [] });
    await trx.query({ text: 'select pg_sleep(10)', values: [] });
    throw new Error('slept on');
  });
const connectionRefused = () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));

describe('storing a batch', () => {
  test('whose commit happened although its reply was lost counts each delivery once', async () => {
    const ctx = contextWith(failing(committedButUnheard));
    expect(await storeBatch(ctx, dispatchStream, deliveries(3))).toEqual(['stored', 'stored', 'stored']);
    expect(await countsOf(ctx.worker)).toEqual({ stored: 3 });
  });

  test('whose commit did not happen is repeated, and counts each delivery once', async () => {
    const ctx = contextWith(failing(neverCommitted, connectionRefused, neverCommitted));
    expect(await storeBatch(ctx, dispatchStream, deliveries(3))).toEqual(['stored', 'stored', 'stored']);
    expect(await countsOf(ctx.worker)).toEqual({ stored: 3 });
  });

  test.each([
    ['commits after all', false],
    ['rolls back at last', true],
  ])('whose transaction lives on after its reply was lost, and %s, counts each delivery once', async (_end, fails) => {
    let end: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const zombies: Promise<unknown>[] = [];
    const livesOn = (real: Transaction, ...[organisations, work]: Parameters<Transaction>) =>
      new Promise<never>((_resolve, reject) => {
        const zombie = real(organisations, async (trx) => {
          await work(trx);
          reject(lostReply);
          await held;
          if (fails) throw new Error('rolled back');
        });
        zombies.push(zombie.catch(() => undefined));
      });
    const ctx = contextWith(failing(livesOn));
    await beginProgress(ingest, ctx.worker, 'dispatch');
    const storing = storeBatch(ctx, dispatchStream, deliveries(3));
    await eventually(async () => expect(await sessionsWaiting()).toBe(1));
    expect(await countsOf(ctx.worker)).toEqual({});
    end();
    await Promise.all(zombies);
    expect(await storing).toEqual(['stored', 'stored', 'stored']);
    expect(await countsOf(ctx.worker)).toEqual({ stored: 3 });
  });

  test('that takes too long three times is halved, and still says what became of each delivery in order', async () => {
    const ctx = contextWith(failing(timesOut, timesOut, timesOut));
    const transaction = jest.spyOn(ctx.db, 'transaction');
    const [one, two] = deliveries(2);
    if (one === undefined || two === undefined) throw new Error('no deliveries');
    expect(await storeBatch(ctx, dispatchStream, [one, one, two])).toEqual(['stored', 'duplicate', 'stored']);
    expect(transaction).toHaveBeenCalledTimes(3 + 2);
  });

  test('that takes too long now and then, between other troubles, is not halved', async () => {
    const ctx = contextWith(failing(timesOut, timesOut, connectionRefused, timesOut, timesOut));
    const transaction = jest.spyOn(ctx.db, 'transaction');
    expect(await storeBatch(ctx, dispatchStream, deliveries(2))).toEqual(['stored', 'stored']);
    expect(transaction).toHaveBeenCalledTimes(5 + 1);
  });

  test('whose commit may have happened is not halved, however long the question takes', async () => {
    const ctx = contextWith(failing(committedButUnheard, timesOut, timesOut, timesOut, timesOut));
    expect(await storeBatch(ctx, dispatchStream, deliveries(2))).toEqual(['stored', 'stored']);
    expect(await countsOf(ctx.worker)).toEqual({ stored: 2 });
  });

  test('of one message is never set aside for taking too long', async () => {
    const ctx = contextWith(failing(timesOut, timesOut, timesOut, timesOut, timesOut));
    expect(await storeBatch(ctx, dispatchStream, deliveries(1))).toEqual(['stored']);
  });

  test('waits for a database that is away, and says what became of each delivery in order', async () => {
    const ctx = contextWith(failing(connectionRefused, connectionRefused));
    const [one, two] = deliveries(2);
    if (one === undefined || two === undefined) throw new Error('no deliveries');
    expect(await storeBatch(ctx, dispatchStream, [one, one, two])).toEqual(['stored', 'duplicate', 'stored']);
  });

  test('that is halved after a data error still says what became of each delivery in order', async () => {
    const dividesByZero = (real: Transaction, ...[organisations]: Parameters<Transaction>) =>
      real(organisations, async (trx) => {
        await trx.query({ text: 'select 1 / 0', values: [] });
        throw new Error('divided by zero');
      });
    const ctx = contextWith(failing(dividesByZero));
    const [one, two] = deliveries(2);
    if (one === undefined || two === undefined) throw new Error('no deliveries');
    const batch = [one, one, two];
    const outcomes = await storeBatch(ctx, dispatchStream, batch, prepareBatch(dispatchStream, batch));
    expect(outcomes).toEqual(['stored', 'duplicate', 'stored']);
    expect(await countsOf(ctx.worker)).toEqual({ stored: 2, duplicate: 1 });
  });

  test('sets a bad message aside however deep its headers are nested', async () => {
    let headers: Record<string, unknown> = {};
    for (let level = 0; level < 20_000; level += 1) headers = { inner: headers };
    const body = Buffer.from(`{"${Math.random()}"`);
    const delivery = { body, exchange: 'dispatch', routingKey: 'dispatch.X', queue: 'q', redelivered: false };
    const received = dispatchStream.receive(
      { ...delivery, properties: { headers } },
      { register, nowMillis: systemClock.nowMillis() },
    );
    const ctx = contextWith((real) => real, AbortSignal.timeout(2_000));
    expect(await storeBatch(ctx, dispatchStream, [received, ...deliveries(1)])).toEqual(['quarantined', 'stored']);
  });

  test('that meets a fault of ours raises the alarm, believes no partition any more, stores nothing and keeps the batch', async () => {
    const stop = new AbortController();
    const ctx = contextWith(
      failing(() => Promise.reject(new TypeError('ours'))),
      stop.signal,
    );
    const forget = jest.spyOn(ctx.partitions, 'forget');
    const storing = storeBatch(ctx, dispatchStream, deliveries(1));
    setTimeout(() => stop.abort(), 50);
    await expect(storing).rejects.toThrow(StoppedError);
    expect(ctx.alarm.raised).toMatchObject({ cause: 'TypeError' });
    expect(forget).toHaveBeenCalledTimes(1);
    expect(await countsOf(ctx.worker)).toEqual({});
  });

  test('ends when the process stops before the database is back', async () => {
    const stop = new AbortController();
    const ctx = contextWith(failing(...Array.from({ length: 100 }, () => connectionRefused)), stop.signal);
    setTimeout(() => stop.abort(), 120);
    await expect(storeBatch(ctx, dispatchStream, deliveries(1))).rejects.toThrow(StoppedError);
  });
});
