import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { anOrganisation, eventually, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  beginProgress,
  listIngestMinutes,
  lockProgress,
  NO_ORGANISATION,
  readProgress,
  recordBatch,
  type BatchCounts,
  type Database,
  type IngestMinuteColumn,
  type IngestMinuteKey,
  type IngestMinuteQuery,
  type MinuteCount,
  type Page,
  type Projection,
} from '@quarterhour/db';
import { at, connect, query } from './fixtures.js';

let server: TestDatabase;
let ingest: Database;
let read: Database;
let orgId: string;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
});

beforeEach(async () => {
  orgId = (await anOrganisation(server.admin)).id;
});

afterAll(async () => {
  await ingest.close();
  await read.close();
  await server.drop();
});

const minute = (n: number): MinuteCount['minute'] => at(`2026-01-15T10:0${n}:00Z`);

const count = (different: Partial<MinuteCount> = {}): MinuteCount => ({
  orgId,
  stream: 'dispatch',
  minute: minute(0),
  outcome: 'stored',
  redelivered: false,
  n: 1,
  ...different,
});

const record = (different: Partial<BatchCounts> = {}): Promise<void> =>
  ingest.transaction([orgId, NO_ORGANISATION], (trx) => {
    recordBatch(trx, { worker: 'w-1', stream: 'dispatch', batchNo: 1, counts: [count()], ...different });
    return Promise.resolve();
  });

const columns: Projection<IngestMinuteColumn> = [
  { name: 'minute', column: 'minute', as: 'instant' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'outcome', column: 'outcome', as: 'text' },
  { name: 'redelivered', column: 'redelivered', as: 'boolean' },
  { name: 'n', column: 'n', as: 'integer' },
];

const list = (different: Partial<IngestMinuteQuery> = {}, scope = [orgId]): Promise<Page<IngestMinuteKey>> =>
  read.read(scope, (trx) =>
    listIngestMinutes(trx, { from: minute(0), to: minute(9), limit: 50, ...different }, columns),
  );

const rowsOf = (page: Page<IngestMinuteKey>): readonly unknown[] => {
  const rows: readonly unknown[] = JSON.parse(page.json);
  return rows;
};

describe('the books of ingestion', () => {
  test('add up what batches and workers count', async () => {
    await record({ counts: [count({ n: 2 }), count({ n: 3 }), count({ outcome: 'duplicate', redelivered: true })] });
    await record({ worker: 'w-2', counts: [count({ n: 10 })] });
    await record({ counts: [count({ n: 100 })] });
    expect(rowsOf(await list())).toEqual([
      { minute: minute(0), stream: 'dispatch', outcome: 'duplicate', redelivered: true, n: 1 },
      { minute: minute(0), stream: 'dispatch', outcome: 'stored', redelivered: false, n: 115 },
    ]);
  });

  test('forget a batch that did not commit, its progress included', async () => {
    await record({ batchNo: 7 });
    const failing = ingest.transaction([orgId], async (trx) => {
      recordBatch(trx, { worker: 'w-1', stream: 'dispatch', batchNo: 8, counts: [count()] });
      await trx.query(query('select 1'));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await readProgress(ingest, 'w-1', 'dispatch')).toBe(7);
    expect(rowsOf(await list())).toEqual([expect.objectContaining({ n: 1 })]);
  });

  test('know how far each worker came with each stream', async () => {
    await record({ worker: 'w-9', batchNo: 9_007_199_254_740_991 });
    await record({ worker: 'w-9', batchNo: 3 });
    expect(await readProgress(ingest, 'w-9', 'dispatch')).toBe(9_007_199_254_740_991);
    expect(await readProgress(ingest, 'w-9', 'plant-telemetry')).toBeNull();
  });

  test('raise the progress of a batch that counts nothing', async () => {
    await record({ worker: 'w-8', batchNo: 2, counts: [] });
    expect(await readProgress(ingest, 'w-8', 'dispatch')).toBe(2);
  });

  test('begin with a row, once', async () => {
    await beginProgress(ingest, 'w-7', 'dispatch');
    expect(await readProgress(ingest, 'w-7', 'dispatch')).toBe(0);
    await record({ worker: 'w-7', batchNo: 5 });
    await beginProgress(ingest, 'w-7', 'dispatch');
    expect(await readProgress(ingest, 'w-7', 'dispatch')).toBe(5);
  });

  test.each([
    ['commits', false, 1],
    ['rolls back', true, 0],
  ])('wait for a batch that is begun and not over, until it %s', async (how, fails, reached) => {
    const worker = `w-${how}`;
    await beginProgress(ingest, worker, 'dispatch');
    let end: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    let isBegun = false;
    const zombie = ingest.transaction([orgId], async (trx) => {
      lockProgress(trx, worker, 'dispatch');
      await trx.query(query('select 1'));
      isBegun = true;
      recordBatch(trx, { worker, stream: 'dispatch', batchNo: 1, counts: [count()] });
      await held;
      if (fails) throw new Error('rolled back');
    });
    const ended = zombie.catch(() => undefined);
    await eventually(() => expect(isBegun).toBe(true));
    let answer: number | null | undefined;
    const reading = readProgress(ingest, worker, 'dispatch').then((progress) => (answer = progress));
    await eventually(async () => expect(await waiting()).toBe(1));
    expect(answer).toBeUndefined();
    end();
    await ended;
    expect(await reading).toBe(reached);
  });

  const waiting = async () => {
    const [found] = await server.admin.read([], (trx) =>
      trx.query<{ n: number }>({
        text: `select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`,
        values: [],
      }),
    );
    return found?.n;
  };

  test('are read by stream and span, and walked by key', async () => {
    const outcomes = ['stored', 'duplicate', 'quarantined'];
    const counts = [0, 1, 2].flatMap((n) =>
      outcomes.flatMap((outcome) =>
        [true, false].map((redelivered) => count({ minute: minute(n), outcome, redelivered })),
      ),
    );
    await record({ counts });
    await record({ counts: counts.map((one) => ({ ...one, stream: 'plant-telemetry' })) });
    expect((await list({ stream: 'dispatch' })).size).toBe(18);
    expect((await list({ from: minute(1), to: minute(2) })).size).toBe(12);
    const walked: unknown[] = [];
    let after: IngestMinuteKey | null = null;
    do {
      const page: Page<IngestMinuteKey> = await list({ limit: 5, ...(after === null ? {} : { after }) });
      walked.push(...rowsOf(page));
      after = page.hasMore ? page.lastKey : null;
    } while (after !== null);
    expect(walked).toEqual(rowsOf(await list()));
    expect(walked).toHaveLength(36);
  });

  test('are walked to the end when each minute has one row', async () => {
    await record({ counts: [0, 1, 2, 3].map((n) => count({ minute: minute(n) })) });
    let pages = 0;
    let after: IngestMinuteKey | null = null;
    do {
      const page: Page<IngestMinuteKey> = await list({ limit: 1, ...(after === null ? {} : { after }) });
      expect(page.size).toBe(1);
      pages += 1;
      after = page.hasMore ? page.lastKey : null;
    } while (after !== null);
    expect(pages).toBe(4);
  });

  test('show an organisation its own, and what nobody owns to a scope that contains nobody', async () => {
    await record({ counts: [count(), count({ orgId: NO_ORGANISATION, outcome: 'quarantined' })] });
    expect((await list()).size).toBe(1);
    expect((await list({}, [orgId, NO_ORGANISATION])).size).toBe(2);
    expect((await list({}, [])).size).toBe(0);
  });
});
