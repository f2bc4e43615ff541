import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { compareInstants, epochMicros, instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import {
  anAsset,
  anOrganisation,
  aPlant,
  eventually,
  takeStamp,
  testDatabase,
  type TestDatabase,
} from '@quarterhour/testkit';
import {
  ensurePartitions,
  insertDispatches,
  insertTradingConfigEvents,
  knownAt,
  latestTelemetry,
  listDispatches,
  listTradingConfigEvents,
  measuredKnownAt,
  raiseKnownAt,
  type Database,
  type DispatchColumn,
  type NewMeterReading,
  type NewRealtimeSample,
  type NewTradingConfigEvent,
  type Projection,
  type RealtimeColumn,
  type TradingConfigColumn,
  type Trx,
} from '@quarterhour/db';
import {
  connect,
  dayFromNow,
  keepReadings,
  keepSamples,
  newDispatch,
  newReading,
  newSample,
  NOW,
  query,
  sha256,
} from './fixtures.js';

let server: TestDatabase;
/** Two writers with a connection each, as two workers have them, and two readers. */
let writers: readonly Database[];
let readers: readonly Database[];
let read: Database;
let orgId: string;
let plantId: string;

beforeAll(async () => {
  server = await testDatabase();
  writers = [connect(server.ingestUrl, 1), connect(server.ingestUrl, 1)];
  readers = [connect(server.readUrl, 1), connect(server.readUrl, 1)];
  read = connect(server.readUrl);
  await ensurePartitions(writers[0]!, 'plant-telemetry', [dayFromNow(-1), dayFromNow(0)]);
});

beforeEach(async () => {
  const owner = await anOrganisation(server.admin);
  orgId = owner.id;
  plantId = (await aPlant(server.admin, owner)).id;
});

afterAll(async () => {
  for (const db of [...writers, ...readers, read]) await db.close();
  await server.drop();
});

const KEYS = 4;
const keyAt = (key: number): UtcInstant => instantFromEpochMillis(Date.parse(NOW) - key * 60_000);

const sample = (different: Partial<NewRealtimeSample> = {}): NewRealtimeSample =>
  newSample({ orgId, plantId, messageId: randomUUID(), ...different });
const reading = (different: Partial<NewMeterReading> = {}): NewMeterReading =>
  newReading({ orgId, plantId, messageId: randomUUID(), ...different });

const storeSamples = (db: Database, rows: readonly NewRealtimeSample[]) =>
  db.transaction([orgId], async (trx) => {
    const receivedAt = await takeStamp(trx);
    return keepSamples(trx, rows, receivedAt);
  });
const storeReadings = (db: Database, rows: readonly NewMeterReading[]) =>
  db.transaction([orgId], async (trx) => {
    const receivedAt = await takeStamp(trx);
    return keepReadings(trx, rows, receivedAt);
  });

const POINT: Projection<RealtimeColumn> = [
  { name: 'time', column: 'measured_at', as: 'instant' },
  { name: 'power', column: 'grid_kw', as: { number: {} } },
  { name: 'message', column: 'message_id', as: 'text' },
  { name: 'received', column: 'received_at', as: 'instant' },
];

/** Every version that was current at a mark, straight from the tables. */
const AS_OF = `
  select coalesce(string_agg(v.line, E'\\n' order by v.line collate "C"), '') as text from (
    select concat_ws(' ', 'r', measured_at, message_id, grid_kw, received_at) as line from app.telemetry_realtime
     where plant_id = $1 and received_at <= $2::timestamptz
    union all
    select concat_ws(' ', 'r', measured_at, message_id, grid_kw, received_at) from app.telemetry_realtime_history
     where plant_id = $1 and received_at <= $2::timestamptz and displaced_at > $2::timestamptz
    union all
    select concat_ws(' ', 'm', read_at, message_id, value_kwh, received_at) from app.telemetry_meter
     where plant_id = $1 and received_at <= $2::timestamptz
    union all
    select concat_ws(' ', 'm', read_at, message_id, value_kwh, received_at) from app.telemetry_meter_history
     where plant_id = $1 and received_at <= $2::timestamptz and displaced_at > $2::timestamptz) v`;

type Answer = string;

/** Takes a mark and answers with it: as one request does. */
interface Marked {
  readonly mark: UtcInstant;
  readonly answers: readonly Answer[];
}

async function telemetryAt(trx: Trx, mark: UtcInstant): Promise<Answer[]> {
  const latest = await latestTelemetry(trx, plantId, mark, POINT);
  const [all] = await trx.query<{ text: string }>(query(AS_OF, [plantId, mark]));
  return [latest ?? 'none', all?.text ?? ''];
}

/** Reads again and again while the work goes on, once more after it, and has everybody wait for everybody. */
async function readWhile(work: Promise<unknown>, ask: (db: Database) => Promise<Marked>): Promise<Marked[]> {
  let isOver = false;
  const seen: Marked[] = [];
  const reading = readers.map(async (db) => {
    while (!isOver) seen.push(await ask(db));
    seen.push(await ask(db));
  });
  await work.finally(() => {
    isOver = true;
  });
  await Promise.all(reading);
  return seen;
}

/** The marks whose answers are others when they are asked again. */
function changed(
  scope: readonly string[],
  seen: readonly Marked[],
  ask: (trx: Trx, mark: UtcInstant) => Promise<readonly Answer[]>,
): Promise<UtcInstant[]> {
  return read.read(scope, async (trx) => {
    const found: UtcInstant[] = [];
    for (const { mark, answers } of seen) {
      if (JSON.stringify(await ask(trx, mark)) !== JSON.stringify(answers)) found.push(mark);
    }
    return found;
  });
}

const messagesIn = async (...tables: string[]): Promise<string[]> => {
  const all = tables.map((table) => `select message_id from app.${table} where plant_id = $1`).join(' union all ');
  const rows = await read.read([orgId], (trx) => trx.query<{ message_id: string }>(query(all, [plantId])));
  return rows.map((row) => row.message_id).sort();
};

/** A writer that has done its part and is neither committed nor rolled back, until it is let go. */
interface Held<T> {
  readonly done: T;
  /** @param fails whether it is rolled back */
  readonly release: (fails?: boolean) => Promise<void>;
}

async function holdOpen<T>(
  db: Database,
  organisations: readonly string[],
  work: (trx: Trx) => Promise<T>,
): Promise<Held<T>> {
  let letGo: (fails: boolean) => void = () => undefined;
  const gate = new Promise<boolean>((resolve) => {
    letGo = resolve;
  });
  let writing: Promise<void> = Promise.resolve();
  const done = await new Promise<T>((resolve, reject) => {
    writing = db.transaction(organisations, async (trx) => {
      resolve(await work(trx));
      if (await gate) throw new RolledBack();
    });
    writing.catch(reject);
  });
  const release = async (fails = false): Promise<void> => {
    letGo(fails);
    await writing.catch((error: unknown) => {
      if (!fails) throw error;
    });
  };
  held.add(release);
  return { done, release };
}

class RolledBack extends Error {
  override readonly name = 'RolledBack';
}

/** Let go after a test that failed before it did so itself. */
const held = new Set<Held<unknown>['release']>();

afterEach(async () => {
  for (const release of held) await release().catch(() => undefined);
  held.clear();
});

/** Waits until somebody waits for a lock in our database. */
const untilSomebodyWaits = () =>
  eventually(async () => {
    const waiting = await server.admin.read([], (trx) =>
      trx.query(
        query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`),
      ),
    );
    expect(waiting).toHaveLength(1);
  });

describe('a thousand corrections of a few measurements by two writers', () => {
  test('leave every version there once, and every answer that bore a mark as it was', async () => {
    const perWriter = 300;
    const offered: string[] = [];
    const correct = async (db: Database, writer: number): Promise<void> => {
      for (let n = 0; n < perWriter; n += 1) {
        const keys = Array.from({ length: 1 + (n % KEYS) }, (_, index) => keyAt((index + n * (writer + 1)) % KEYS));
        const value = n * 2 + writer;
        const rows = keys.slice(0, 2);
        if (n % 3 === 0) {
          const readings = rows.map((readAt, index) => reading({ readAt, valueKwh: value + index / 4 }));
          offered.push(...readings.map(({ messageId }) => messageId));
          await storeReadings(db, readings);
        } else {
          const samples = rows.map((measuredAt, index) => sample({ measuredAt, gridKw: value + index / 4 }));
          offered.push(...samples.map(({ messageId }) => messageId));
          await storeSamples(db, samples);
        }
      }
    };
    const seen = await readWhile(Promise.all(writers.map(correct)), (db) =>
      db.read([orgId], async (trx) => {
        const mark = (await measuredKnownAt(trx)).knownAt;
        return { mark, answers: await telemetryAt(trx, mark) };
      }),
    );

    expect(await changed([orgId], seen, telemetryAt)).toEqual([]);
    const kept = await messagesIn(
      'telemetry_realtime',
      'telemetry_realtime_history',
      'telemetry_meter',
      'telemetry_meter_history',
    );
    expect(kept).toEqual(offered.toSorted());
    expect(new Set(seen.map(({ answers }) => answers.join('\n'))).size).toBeGreaterThan(20);
  }, 90_000);

  test('by writers that are put aside before they hold their lock: a mark may fall, but every answer stays as it was', async () => {
    const undo = await putAsideBefore('perform pg_advisory');
    const writing = Promise.all(
      writers.map(async (db) => {
        for (let n = 0; n < 50; n += 1) await storeSamples(db, [sample({ measuredAt: keyAt(n % KEYS), gridKw: n })]);
      }),
    );
    const seen = await readWhile(writing, (db) =>
      db.read([orgId], async (trx) => {
        const mark = (await measuredKnownAt(trx)).knownAt;
        return { mark, answers: await telemetryAt(trx, mark) };
      }),
    );
    await undo();
    const marks = seen.map(({ mark }) => mark);
    expect(marks.some((mark, index) => index > 0 && compareInstants(mark, marks[index - 1] ?? mark) < 0)).toBe(true);
    expect(await changed([orgId], seen, telemetryAt)).toEqual([]);
  });
});

/** Has writers pause now and then, for longer than readers take, before a place in how they announce themselves. */
async function putAsideBefore(place: string): Promise<() => Promise<unknown>> {
  const asAdmin = <R extends object>(text: string): Promise<R[]> =>
    server.admin.transaction([], (trx) => trx.query<R>(query(text)));
  const [found] = await asAdmin<{ text: string }>(
    `select pg_get_functiondef('app.announce_writer()'::regprocedure) as text`,
  );
  const { text } = found!;
  expect(text).toContain(place);
  await asAdmin(text.replace(place, `if random() < 0.3 then perform pg_sleep(0.003); end if; ${place}`));
  return () => asAdmin(text);
}

describe('two corrections of one measurement at once', () => {
  /** The second begins while the first is not committed yet, and so waits for it. */
  async function oneAfterTheOther(
    second: (trx: Trx, row: NewRealtimeSample, receivedAt: UtcInstant) => Promise<unknown>,
  ): Promise<string[]> {
    const [one, other] = [writers[0]!, writers[1]!];
    await storeSamples(one, [sample({ messageId: 'stood', gridKw: 1 })]);
    const first = await holdOpen(one, [orgId], async (trx) => {
      const receivedAt = await takeStamp(trx);
      await keepSamples(trx, [sample({ messageId: 'first', gridKw: 2 })], receivedAt);
    });
    const waiting = other.transaction([orgId], async (trx) => {
      const receivedAt = await takeStamp(trx);
      await second(trx, sample({ messageId: 'second', gridKw: 3 }), receivedAt);
    });
    await Promise.race([untilSomebodyWaits(), waiting]);
    await first.release();
    await waiting;
    return messagesIn('telemetry_realtime', 'telemetry_realtime_history');
  }

  test('are both kept beside what stood, although the second waited with the row of before', async () => {
    expect(await oneAfterTheOther((trx, row, receivedAt) => keepSamples(trx, [row], receivedAt))).toEqual([
      'first',
      'second',
      'stood',
    ]);
  });

  test('would lose the first if one statement changed the row and kept the one before: that is why it is three', async () => {
    const inOneStatement = (trx: Trx, { messageId, gridKw, measuredAt }: NewRealtimeSample, receivedAt: UtcInstant) =>
      trx.query(
        query(
          `with before as (
             select * from app.telemetry_realtime where plant_id = $1 and measured_at = $2::timestamptz
           ), kept as (
             insert into app.telemetry_realtime_history select before.*, $5::timestamptz from before on conflict do nothing
           )
           update app.telemetry_realtime set message_id = $3, grid_kw = $4, received_at = $5::timestamptz
            where plant_id = $1 and measured_at = $2::timestamptz`,
          [plantId, measuredAt, messageId, gridKw, receivedAt],
        ),
      );
    expect(await oneAfterTheOther(inOneStatement)).toEqual(['second', 'stood']);
  });
});

describe('a mark', () => {
  /** Asks while a writer that has its stamp is not over, and again when it is. */
  async function askedTwice(takeMark: (trx: Trx) => Promise<UtcInstant>): Promise<[Answer[], Answer[]]> {
    await storeSamples(writers[0]!, [sample({ gridKw: 1 })]);
    const writing = await holdOpen(writers[0]!, [orgId], async (trx) => {
      const receivedAt = await takeStamp(trx);
      await keepSamples(trx, [sample({ gridKw: 2 })], receivedAt);
    });
    const { mark, answers } = await read.read([orgId], async (trx) => {
      const taken = await takeMark(trx);
      return { mark: taken, answers: await telemetryAt(trx, taken) };
    });
    await writing.release();
    return [answers, await read.read([orgId], (trx) => telemetryAt(trx, mark))];
  }

  test('gives the same answer after a writer is done that had its stamp before', async () => {
    const [before, after] = await askedTwice(async (trx) => (await measuredKnownAt(trx)).knownAt);
    expect(after).toEqual(before);
  });

  test('would not if it were the time of the clock: that is why it lies before who still writes', async () => {
    const [before, after] = await askedTwice(async (trx) => {
      const [row] = await trx.query<{ now: UtcInstant }>(query('select app.instant_text(clock_timestamp()) as now'));
      return row!.now;
    });
    expect(after).not.toEqual(before);
  });

  const mark = async (): Promise<UtcInstant> => (await read.read([orgId], measuredKnownAt)).knownAt;

  test.each([
    ['commits', false],
    ['rolls back', true],
  ])('stays below the stamp of a writer that is held open, and moves on when it %s', async (_case, fails) => {
    const { done: stamp, release } = await holdOpen(writers[0]!, [orgId], takeStamp);
    const before = await mark();
    await storeSamples(writers[1]!, [sample()]);
    expect(await mark()).toBe(before);
    expect(compareInstants(before, stamp)).toBeLessThan(0);
    await release(fails);
    expect(compareInstants(await mark(), stamp)).toBeGreaterThan(0);
  });

  test('that a hung writer holds back says by how much, and the writer can be found and ended', async () => {
    const hung = connect(server.ingestUrl, 1);
    const { release } = await holdOpen(hung, [orgId], takeStamp);
    const { knownAt: before, now } = await read.read([orgId], measuredKnownAt);
    const later = await read.read([orgId], measuredKnownAt);
    expect(later.knownAt).toBe(before);
    expect(epochMicros(later.now) - epochMicros(before)).toBeGreaterThan(epochMicros(now) - epochMicros(before));

    const oldest = await server.admin.transaction([], (trx) =>
      trx.query<{ application_name: string; ended: boolean }>(
        query(`select a.application_name, pg_terminate_backend(a.pid) as ended
          from pg_locks l join pg_stat_activity a using (pid)
          where l.locktype = 'advisory' and l.classid::int8 >> 16 = 20808 and a.datname = current_database()`),
      ),
    );
    expect(oldest).toEqual([{ application_name: 'db-test', ended: true }]);
    await eventually(async () => expect(compareInstants(await mark(), later.now)).toBeGreaterThan(0));
    await release(true);
    await hung.close();
  });
});

describe('agreed data of two organisations, each with two writers', () => {
  const EVENT: Projection<TradingConfigColumn> = [
    { name: 'id', column: 'message_id', as: 'text' },
    { name: 'organisation', column: 'org_id', as: 'text' },
    { name: 'received', column: 'received_at', as: 'instant' },
  ];
  const DISPATCH: Projection<DispatchColumn> = [
    { name: 'id', column: 'event_id', as: 'text' },
    { name: 'asset', column: 'asset_id', as: 'text' },
    { name: 'received', column: 'received_at', as: 'instant' },
  ];
  const newEvent = (owner: string, receivedAt: UtcInstant): NewTradingConfigEvent => ({
    orgId: owner,
    messageId: randomUUID(),
    origin: 'control-plane',
    kind: 'updated',
    plantId: null,
    correlationId: null,
    source: 'control',
    actor: null,
    reason: null,
    occurredAt: NOW,
    payload: '{}',
    routingKey: 'trading.config.updated',
    contentSha256: sha256(randomUUID()),
    body: Buffer.from('{}'),
    receivedAt,
  });

  test('every answer that bore a mark, of one organisation or of both, is the same when it is asked again', async () => {
    const rounds = 60;
    const second = (await anOrganisation(server.admin)).id;
    const assets = new Map([
      [orgId, await anAsset(server.admin, { id: orgId })],
      [second, await anAsset(server.admin, { id: second })],
    ]);
    const pools = Array.from({ length: 4 }, () => connect(server.ingestUrl, 1));
    const write = async (db: Database, writer: number): Promise<void> => {
      const owner = writer % 2 === 0 ? orgId : second;
      for (let n = 0; n < rounds; n += 1) {
        await db.transaction([orgId, second], async (trx) => {
          const owners = n % 5 === 0 ? [orgId, second] : [owner];
          const stamps = await raiseKnownAt(trx, owners);
          for (const one of owners) {
            const receivedAt = stamps.get(one)!;
            const assetId = assets.get(one)!;
            await insertDispatches(trx, [newDispatch({ orgId: one, assetId, receivedAt })]);
            await insertTradingConfigEvents(trx, [newEvent(one, receivedAt), newEvent(one, receivedAt)]);
          }
        });
      }
    };
    const assetIds = [...assets.values()];
    const agreedAt = async (trx: Trx, at: UtcInstant): Promise<Answer[]> => [
      (await listDispatches(trx, { assetIds, order: 'asc', limit: 10_000, offset: 0, knownAt: at }, DISPATCH)).json,
      (await listTradingConfigEvents(trx, { order: 'asc', limit: 10_000, knownAt: at }, EVENT)).json,
    ];
    const scopes = [[orgId], [orgId, second], [second]];
    const asked: (Marked & { scope: readonly string[] })[] = [];
    let turn = 0;
    await readWhile(Promise.all(pools.map(write)), async (db) => {
      turn += 1;
      const scope = scopes[turn % scopes.length]!;
      const one = await db.read(scope, async (trx) => {
        const at = (await knownAt(trx))!.knownAt;
        return { mark: at, answers: await agreedAt(trx, at), scope };
      });
      asked.push(one);
      return one;
    });
    for (const pool of pools) await pool.close();

    for (const scope of scopes) {
      const ofScope = asked.filter((one) => one.scope === scope);
      expect(ofScope.length).toBeGreaterThan(10);
      expect(await changed(scope, ofScope, agreedAt)).toEqual([]);
    }
    const [events] = await read.read([orgId, second], (trx) =>
      trx.query<{ n: number }>(
        query('select count(*)::int as n from app.trading_config_event where org_id = any ($1)', [[orgId, second]]),
      ),
    );
    expect(events?.n).toBe(4 * (rounds + rounds / 5) * 2);
  }, 90_000);

  test('the mark of one organisation moves only when something of it changed, and never back', async () => {
    const of = async (scope: string[]): Promise<UtcInstant> => (await read.read(scope, knownAt))!.knownAt;
    const other = (await anOrganisation(server.admin)).id;
    const before = await of([orgId]);
    await writers[0]!.transaction([other], (trx) => raiseKnownAt(trx, [other]));
    expect(await of([orgId])).toBe(before);
    await writers[0]!.transaction([orgId], (trx) => raiseKnownAt(trx, [orgId]));
    expect(compareInstants(await of([orgId]), before)).toBeGreaterThan(0);
  });

  test('a writer of one organisation that is held open keeps the mark over both below its stamp', async () => {
    const second = (await anOrganisation(server.admin)).id;
    const { done: stamp, release } = await holdOpen(writers[0]!, [orgId], async (trx) =>
      (await raiseKnownAt(trx, [orgId])).get(orgId)!,
    );
    const both = (await read.read([orgId, second], knownAt))!.knownAt;
    expect(compareInstants(both, stamp)).toBeLessThan(0);
    await release();
    expect(compareInstants((await read.read([orgId, second], knownAt))!.knownAt, stamp)).toBeGreaterThan(0);
  });
});
