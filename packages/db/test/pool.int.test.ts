import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  classifyError,
  CommitRefusedError,
  CommitUnknownError,
  openDatabase,
  TransactionMisuseError,
  tryAlone,
  UnansweredError,
  type Database,
} from '@quarterhour/db';
import { query } from './fixtures.js';

const ORG = '0190a000-0000-7000-8000-000000000001';

let server: TestDatabase;
let db: Database;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await testDatabase();
  db = open({ url: server.adminUrl });
  await db.transaction([], (trx) => trx.query(query('create table public.note (id int primary key, words text)')));
});

afterEach(async () => {
  await db.transaction([], (trx) => trx.query(query('truncate public.note')));
});

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await server.drop();
});

function open(options: Partial<Parameters<typeof openDatabase>[0]>): Database {
  const opened = openDatabase({ url: server.adminUrl, applicationName: 'pool-test', maxConnections: 1, ...options });
  closing.push(() => opened.close());
  return opened;
}

const insert = (id: number): ReturnType<typeof query> => query('insert into public.note (id) values ($1)', [id]);
const backend = query('select pg_backend_pid() as pid');

async function notes(): Promise<number[]> {
  const rows = await db.read([], (trx) => trx.query<{ id: number }>(query('select id from public.note order by id')));
  return rows.map(({ id }) => id);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a transaction', () => {
  test('commits what it did when its work resolves', async () => {
    await db.transaction([], (trx) => trx.query(insert(1)));
    expect(await notes()).toEqual([1]);
  });

  test('leaves nothing behind when its work rejects', async () => {
    const error = await rejection(
      db.transaction([], async (trx) => {
        await trx.query(insert(1));
        throw new Error('changed my mind');
      }),
    );
    expect(error).toEqual(new Error('changed my mind'));
    expect(await notes()).toEqual([]);
  });

  test('is refused when its work swallowed the error of a statement', async () => {
    const error = await rejection(
      db.transaction([], async (trx) => {
        await trx.query(insert(1));
        await trx.query(insert(1)).catch(() => undefined);
      }),
    );
    expect(error).toBeInstanceOf(CommitRefusedError);
    expect(classifyError(error)).toBe('bug');
    expect(await notes()).toEqual([]);
  });

  test('keeps its connection after an error of the database, so that the next one finds it usable', async () => {
    const [first] = await db.read([], (trx) => trx.query<{ pid: number }>(backend));
    await rejection(db.transaction([], (trx) => trx.query(query('select 1 / 0'))));
    const [second] = await db.read([], (trx) => trx.query<{ pid: number }>(backend));
    expect(second).toEqual(first);
  });

  test('takes one statement at a time', async () => {
    const error = await rejection(
      db.transaction([], (trx) => Promise.all([trx.query(query('select 1')), trx.query(query('select 2'))])),
    );
    expect(error).toBeInstanceOf(TransactionMisuseError);
  });

  test('rejects work that ends before its last statement, and does not store it', async () => {
    const error = await rejection(
      db.transaction([], (trx) => {
        void trx.query(insert(1)).catch(() => undefined);
        return Promise.resolve();
      }),
    );
    expect(error).toBeInstanceOf(TransactionMisuseError);
    expect(await notes()).toEqual([]);
  });

  test('cannot be used after its end', async () => {
    const escaped = await db.transaction([], (trx) => Promise.resolve(trx));
    await expect(escaped.query(query('select 1'))).rejects.toBeInstanceOf(TransactionMisuseError);
  });

  test('is not what holds a lock when it reads: nothing lasts from one statement to the next', async () => {
    const error = await rejection(db.read([], (trx) => tryAlone(trx, 'pool-test')));
    expect(error).toBeInstanceOf(TransactionMisuseError);
    expect(await db.transaction([], (trx) => tryAlone(trx, 'pool-test'))).toBe(true);
  });

  test('cannot write when it reads', async () => {
    const error = await rejection(db.read([], (trx) => trx.query(insert(1))));
    expect(error).toMatchObject({ code: '25006' });
  });
});

describe('the scope of a transaction', () => {
  const scope = query('select app.orgs() as orgs');

  test('is what it was opened for', async () => {
    const rows = await db.read([ORG], (trx) => trx.query(scope));
    expect(rows).toEqual([{ orgs: `{${ORG}}` }]);
  });

  test('is gone for the next borrower of the connection', async () => {
    const alone = open({});
    const [inside] = await alone.transaction([ORG], (trx) => trx.query<{ pid: number }>(backend));
    const [after] = await alone.read([], (trx) => trx.query<{ pid: number }>(backend));
    expect(after).toEqual(inside);
    expect(await alone.read([], (trx) => trx.query(scope))).toEqual([{ orgs: '{}' }]);
  });

  test('is gone after an error as well', async () => {
    const alone = open({});
    await rejection(alone.transaction([ORG], (trx) => trx.query(query('select 1 / 0'))));
    expect(await alone.read([], (trx) => trx.query(scope))).toEqual([{ orgs: '{}' }]);
  });

  test('takes nothing but UUIDs', async () => {
    await expect(db.read([`${ORG}'; drop schema app`], () => Promise.resolve())).rejects.toBeInstanceOf(RangeError);
  });
});

describe('values', () => {
  test('come back as text where a JavaScript number or Date would lose something', async () => {
    const [row] = await db.transaction([], async (trx) => {
      await trx.query(query(`set local timezone = 'UTC'`));
      return trx.query(
        query(`select 9007199254740993::int8 as big, 0.1000000000000000000001::numeric as exact,
          '2026-03-08'::date as day, '2026-03-08T01:02:03.000001Z'::timestamptz as instant`),
      );
    });
    expect(row).toEqual({
      big: '9007199254740993',
      exact: '0.1000000000000000000001',
      day: '2026-03-08',
      instant: '2026-03-08 01:02:03.000001+00',
    });
  });

  test.each([
    ['2026-01-15T10:00:00Z', '2026-01-15T10:00:00Z'],
    ['2026-01-15T10:00:00.5Z', '2026-01-15T10:00:00.500Z'],
    ['2026-01-15T10:00:00.000001Z', '2026-01-15T10:00:00.000001Z'],
    ['2026-01-15T11:00:00.12+01:00', '2026-01-15T10:00:00.120Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ])('instants are written canonically: %s', async (given, canonical) => {
    const rows = await db.read([], (trx) =>
      trx.query(query('select app.instant_text($1::timestamptz) as instant', [given])),
    );
    expect(rows).toEqual([{ instant: canonical }]);
  });
});

describe('a connection in trouble', () => {
  test('is destroyed when a statement is not answered in time, and its transaction ends', async () => {
    const hasty = open({ answerTimeoutMs: 300, statementTimeoutMs: 60_000 });
    const error = await rejection(
      hasty.transaction([ORG], async (trx) => {
        await trx.query(insert(1));
        await trx.query(query('select pg_sleep(1)'));
      }),
    );
    expect(error).toBeInstanceOf(UnansweredError);
    expect(classifyError(error)).toBe('infrastructure');
    expect(await hasty.read([], (trx) => trx.query(query('select app.orgs() as orgs')))).toEqual([{ orgs: '{}' }]);
    expect(await notes()).toEqual([]);
  });

  test('ends a statement at the server before that', async () => {
    const hasty = open({ statementTimeoutMs: 200 });
    const error = await rejection(hasty.read([], (trx) => trx.query(query('select pg_sleep(30)'))));
    expect(error).toMatchObject({ code: '57014' });
    expect(classifyError(error)).toBe('infrastructure');
  });

  test('is replaced when the server ended it in the middle of a transaction', async () => {
    const victim = open({});
    const error = await rejection(
      victim.transaction([], async (trx) => {
        const [row] = await trx.query<{ pid: number }>(backend);
        await db.read([], (other) => other.query(query('select pg_terminate_backend($1)', [row?.pid])));
        await trx.query(query('select 1'));
      }),
    );
    expect(classifyError(error)).toBe('infrastructure');
    await expect(victim.ping()).resolves.toBeUndefined();
  });

  test('is replaced when the server ended it while idle, and the pool says so', async () => {
    const errors: Error[] = [];
    const idle = open({ onIdleError: (error) => errors.push(error) });
    const [row] = await idle.read([], (trx) => trx.query<{ pid: number }>(backend));
    await db.read([], (trx) => trx.query(query('select pg_terminate_backend($1)', [row?.pid])));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(errors).toHaveLength(1);
    await expect(idle.ping()).resolves.toBeUndefined();
  });

  test('is not waited for longer than agreed', async () => {
    const silent = net.createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const url = at(server.adminUrl, portOf(silent));
    const error = await rejection(open({ url, connectTimeoutMs: 200 }).ping());
    silent.close();
    expect(classifyError(error)).toBe('infrastructure');
  });
});

describe('COMMIT', () => {
  test('whose answer is lost leaves an unknown outcome, and the row is there', async () => {
    const proxy = await proxyThatLosesCommitReplies(server.adminUrl);
    const behindProxy = open({ url: proxy.url });
    const error = await rejection(behindProxy.transaction([], (trx) => trx.query(insert(1))));
    await proxy.close();
    expect(error).toBeInstanceOf(CommitUnknownError);
    expect(classifyError(error)).toBe('commit-unknown');
    expect(await notes()).toEqual([1]);
  });

  test('that the server refuses counts as unknown too', async () => {
    const error = await rejection(
      db.transaction([], async (trx) => {
        await trx.query(query('create temp table once (id int unique deferrable initially deferred) on commit drop'));
        await trx.query(query('insert into once values (1), (1)'));
      }),
    );
    expect(error).toBeInstanceOf(CommitUnknownError);
    expect(error).toMatchObject({ cause: { code: '23505' } });
    await expect(db.ping()).resolves.toBeUndefined();
  });
});

describe('a deferred statement', () => {
  const later = (id: number) => ({
    name: 'note_later',
    text: 'insert into public.note (id) values ($1)',
    values: [id],
  });

  test('runs before the next statement, which sees what it did', async () => {
    const counted = await db.transaction([], (trx) => {
      trx.defer(later(1));
      trx.defer(later(2));
      return trx.query<{ n: number }>(query('select count(*)::int as n from public.note'));
    });
    expect(counted).toEqual([{ n: 2 }]);
  });

  test('goes with COMMIT when nothing follows, also where nothing went before', async () => {
    await db.transaction([], async (trx) => {
      await trx.query(insert(1));
      trx.defer(later(2));
    });
    await db.transaction([], (trx) => Promise.resolve(trx.defer(later(3))));
    expect(await notes()).toEqual([1, 2, 3]);
  });

  test('that fails at the end is the reason why nothing is committed', async () => {
    const error = await rejection(
      db.transaction([], async (trx) => {
        await trx.query(insert(1));
        trx.defer(later(1));
      }),
    );
    expect(error).toMatchObject({ code: '23505' });
    expect(classifyError(error)).toBe('data');
    expect(await notes()).toEqual([]);
  });

  test('that fails ahead of another fails it, and what its values mean is said by the server', async () => {
    const error = await rejection(
      db.transaction([], (trx) => {
        trx.defer({ ...later(1), values: ['one'] });
        return trx.query(insert(2));
      }),
    );
    expect(error).toMatchObject({ code: '22P02' });
    expect(await notes()).toEqual([]);
  });

  test('that cannot be parsed leaves nothing behind, and the connection usable', async () => {
    const error = await rejection(
      db.transaction([], async (trx) => {
        await trx.query(insert(1));
        trx.defer({ name: 'note_nowhere', text: 'insert into public.nowhere values (1)', values: [] });
      }),
    );
    expect(error).toMatchObject({ code: '42P01' });
    expect(await notes()).toEqual([]);
  });

  test('does not run in a transaction that failed or was given up', async () => {
    const swallowed = db.transaction([], async (trx) => {
      await trx.query(query('select 1 / 0')).catch(() => undefined);
      trx.defer(later(1));
    });
    expect(await rejection(swallowed)).toBeInstanceOf(CommitRefusedError);
    const givenUp = db.transaction([], (trx) => {
      trx.defer(later(1));
      return Promise.reject(new Error('changed my mind'));
    });
    expect(await rejection(givenUp)).toEqual(new Error('changed my mind'));
    expect(await notes()).toEqual([]);
  });

  test('leaves an unknown outcome when the answer to it and COMMIT is lost', async () => {
    const proxy = await proxyThatLosesCommitReplies(server.adminUrl);
    const behindProxy = open({ url: proxy.url });
    const error = await rejection(behindProxy.transaction([], (trx) => Promise.resolve(trx.defer(later(1)))));
    await proxy.close();
    expect(error).toBeInstanceOf(CommitUnknownError);
    expect(await notes()).toEqual([1]);
  });

  test('is refused in a read, and after the end', async () => {
    const inRead = db.read([], (trx) => Promise.resolve(trx.defer(later(1))));
    expect(await rejection(inRead)).toBeInstanceOf(TransactionMisuseError);
    const escaped = await db.transaction([], (trx) => Promise.resolve(trx));
    expect(() => escaped.defer(later(1))).toThrow(TransactionMisuseError);
  });
});

interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Passes everything on, until a client sends COMMIT: then the connection breaks in place of the answer. */
async function proxyThatLosesCommitReplies(url: string): Promise<Proxy> {
  const target = new URL(url);
  const listener = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    let isCommitting = false;
    client.on('data', (bytes) => {
      isCommitting ||= bytes.includes('commit\0');
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (isCommitting) client.destroy();
      else client.write(bytes);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => undefined).on('close', () => other.destroy());
    }
  });
  listener.listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  return {
    url: at(url, portOf(listener)),
    close: () => new Promise((resolve) => listener.close(() => resolve())),
  };
}

function portOf(listener: net.Server): number {
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('the listener has no port');
  return address.port;
}

function at(url: string, port: number): string {
  const moved = new URL(url);
  moved.hostname = '127.0.0.1';
  moved.port = String(port);
  return moved.href;
}

describe('work that is done alone', () => {
  const nobody = (): Promise<string> => Promise.resolve('done');

  test('is done by nobody else meanwhile, and by others afterwards', async () => {
    const other = open({});
    const result = await db.alone('work', async (held) => {
      const [row] = await held.read([], (trx) => trx.query(backend));
      expect(await held.transaction([], (trx) => trx.query(backend))).toEqual([row]);
      expect(await other.alone('work', nobody)).toBeNull();
      expect(await other.alone('other work', nobody)).toBe('done');
      return 'mine';
    });
    expect(result).toBe('mine');
    expect(await other.alone('work', nobody)).toBe('done');
  });

  test('is free again when it failed, and leaves the connection as it was', async () => {
    const failed = db.alone('work', () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    expect(await open({}).alone('work', nobody)).toBe('done');
    const settings = await db.read([], (trx) => trx.query(query('show idle_session_timeout')));
    expect(settings).toEqual([{ idle_session_timeout: '0' }]);
  });

  test('is given up by a server that hears nothing of its connection, or loses it', async () => {
    const other = open({});
    const lost = db.alone('work', async (held) => {
      expect(await held.read([], (trx) => trx.query(query('show idle_session_timeout')))).toEqual([
        { idle_session_timeout: '30s' },
      ]);
      const [row] = await held.read([], (trx) => trx.query<{ pid: number }>(backend));
      await other.transaction([], (trx) => trx.query(query('select pg_terminate_backend($1)', [row?.pid])));
      await expect(held.read([], (trx) => trx.query(backend))).rejects.toThrow();
      expect(await other.alone('work', nobody)).toBe('done');
    });
    await expect(lost).resolves.toBeUndefined();
    expect(await db.alone('work', nobody)).toBe('done');
  });
});
