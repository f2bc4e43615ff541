import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  getQuarantined,
  insertQuarantine,
  listQuarantine,
  NO_ORGANISATION,
  QUARANTINE_QUOTA,
  type Database,
  type NewQuarantined,
  type Page,
  type Projection,
  type QuarantineColumn,
  type QuarantineKey,
  type QuarantineQuota,
  type QuarantineQuery,
} from '@quarterhour/db';
import { at, connect, newQuarantined, query } from './fixtures.js';
import { branchOf, explained } from './plans.js';

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

const setAside = (rows: readonly NewQuarantined[]): Promise<string[]> =>
  ingest.transaction([orgId, NO_ORGANISATION], (trx) => insertQuarantine(trx, rows));

const shown = (id: string): ReturnType<typeof getQuarantined> =>
  read.read([orgId, NO_ORGANISATION], (trx) => getQuarantined(trx, id));

describe('setting a delivery aside', () => {
  test('keeps everything that came, byte for byte', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const row = newQuarantined({ orgId, body, path: 'payload.socPercent', messageId: 'm-1', replayable: true });
    expect(await setAside([row])).toEqual(['quarantined']);
    const { firstSeen, ...rest } = row;
    expect(await shown(row.id)).toEqual({
      ...rest,
      bodyBytes: 256,
      firstSeen,
      lastSeen: firstSeen,
      copies: 1,
      state: 'open',
      isBodyDropped: false,
      attempts: 0,
      lastAttempt: null,
      replayedAs: null,
      decidedAt: null,
      decidedBy: null,
      decisionNote: null,
    });
  });

  test('counts copies of the same bytes instead of keeping them, within a batch and later', async () => {
    const row = newQuarantined({ orgId, firstSeen: at('2026-01-15T10:00:00Z') });
    const copy = (second: number): NewQuarantined => ({
      ...row,
      id: randomUUID(),
      firstSeen: at(`2026-01-15T10:00:0${second}Z`),
    });
    expect(await setAside([row, copy(1)])).toEqual(['quarantined', 'duplicate']);
    expect(await setAside([copy(5), copy(2)])).toEqual(['duplicate', 'duplicate']);
    expect(await shown(row.id)).toMatchObject({
      copies: 4,
      firstSeen: '2026-01-15T10:00:00Z',
      lastSeen: '2026-01-15T10:00:05Z',
    });
  });

  test.each<[string, Partial<NewQuarantined>]>([
    ['another reason', { reason: 'schema' }],
    ['another routing key', { routingKey: 'dispatch.Y' }],
    ['another stream', { stream: 'plant-telemetry' }],
    ['no known owner', { orgId: NO_ORGANISATION }],
  ])('keeps the same bytes again for %s', async (_case, different) => {
    const row = newQuarantined({ orgId });
    expect(await setAside([row, { ...row, id: randomUUID(), ...different }])).toEqual(['quarantined', 'quarantined']);
  });

  test('takes text that Postgres cannot hold, with a mark in its place', async () => {
    const row = newQuarantined({
      orgId,
      routingKey: 'dispatch.\0',
      messageId: '\ud800',
      detail: 'a "quoted" \\ detail\0',
      properties: { headers: { 'x\0y': ['\udfff', { deep: '\0' }], bytes: Buffer.from('ab') } },
    });
    expect(await setAside([row])).toEqual(['quarantined']);
    expect(await shown(row.id)).toMatchObject({
      routingKey: 'dispatch.\ufffd',
      messageId: '\ufffd',
      detail: 'a "quoted" \\ detail\ufffd',
      properties: {
        headers: { 'x\ufffdy': ['\ufffd', { deep: '\ufffd' }], bytes: { type: 'Buffer', data: [97, 98] } },
      },
    });
  });

  test('shows what nobody owns only to a scope that contains nobody', async () => {
    const row = newQuarantined({ orgId: NO_ORGANISATION, body: Buffer.from(randomUUID()) });
    await setAside([row]);
    expect(await read.read([orgId], (trx) => getQuarantined(trx, row.id))).toBeNull();
    expect(await read.read([NO_ORGANISATION], (trx) => getQuarantined(trx, row.id))).not.toBeNull();
  });
});

describe('the quota of a day', () => {
  const bodies = (count: number, bytes = 10): NewQuarantined[] =>
    Array.from({ length: count }, (_, n) =>
      newQuarantined({
        orgId,
        body: Buffer.from(String(n).padStart(bytes, '.') + randomUUID()).subarray(0, bytes + 36),
        reason: 'schema',
        replayable: true,
        waitsFor: 'asset X',
      }),
    );
  const setAsideWithin = (quota: QuarantineQuota, rows: readonly NewQuarantined[], db = ingest): Promise<string[]> =>
    db.transaction([orgId, NO_ORGANISATION], (trx) => insertQuarantine(trx, rows, quota));
  const kept = async (owner = orgId) =>
    (
      await server.admin.read([], (trx) =>
        trx.query(
          query(
            `select count(*)::int as rows, count(*) filter (where not body_dropped)::int as bodies,
               coalesce(sum(octet_length(body)), 0)::int as bytes from app.quarantine where org_id = $1`,
            [owner],
          ),
        ),
      )
    )[0];
  const charged = async (owner = orgId) =>
    (
      await server.admin.read([], (trx) =>
        trx.query(
          query(
            'select bodies, bytes::int as bytes, dropped::int as dropped from app.quarantine_day where org_id = $1',
            [owner],
          ),
        ),
      )
    )[0];

  test('is 10,000 bodies and 256 MiB, unless another is named', () => {
    expect(QUARANTINE_QUOTA).toEqual({ bodies: 10_000, bytes: 268_435_456 });
  });

  test('drops bodies beyond a number and counts them; what was found out about them is kept', async () => {
    const rows = bodies(8);
    expect(new Set(await setAsideWithin({ bodies: 5, bytes: 1e9 }, rows))).toEqual(new Set(['quarantined']));
    expect(await kept()).toEqual({ rows: 8, bodies: 5, bytes: 5 * 46 });
    expect(await charged()).toEqual({ bodies: 5, bytes: 5 * 46, dropped: 3 });
    const shownRows = await Promise.all(rows.map(({ id }) => shown(id)));
    const dropped = shownRows.filter((row) => row?.isBodyDropped === true);
    expect(dropped).toHaveLength(3);
    expect(dropped[0]).toMatchObject({ reason: 'schema', bodyBytes: 46, replayable: false, waitsFor: null });
    expect(dropped[0]?.body).toHaveLength(0);
    expect(dropped[0]?.bodySha256).toHaveLength(32);
  });

  test('drops bodies beyond a size, and still keeps a smaller one that fits', async () => {
    const rows = [...bodies(1, 1_000), ...bodies(1, 3_000), ...bodies(1, 10)];
    for (const row of rows) await setAsideWithin({ bodies: 100, bytes: 1_200 }, [row]);
    expect(await kept()).toEqual({ rows: 3, bodies: 2, bytes: 1_036 + 46 });
    expect(await charged()).toMatchObject({ bodies: 2, dropped: 1 });
  });

  test('is not used up by copies', async () => {
    const [row] = bodies(1);
    const copies = Array.from({ length: 9 }, () => ({ ...row!, id: randomUUID() }));
    await setAsideWithin({ bodies: 2, bytes: 1e9 }, copies);
    await setAsideWithin({ bodies: 2, bytes: 1e9 }, copies);
    expect(await charged()).toEqual({ bodies: 1, bytes: 46, dropped: 0 });
  });

  test('belongs to one organisation and one day', async () => {
    const own = orgId;
    await setAsideWithin({ bodies: 3, bytes: 1e9 }, bodies(4));
    const tomorrow = bodies(1).map((row) => ({ ...row, firstSeen: at('2099-01-15T10:00:00Z') }));
    await setAsideWithin({ bodies: 3, bytes: 1e9 }, tomorrow);
    orgId = (await anOrganisation(server.admin)).id;
    await setAsideWithin({ bodies: 3, bytes: 1e9 }, bodies(2));
    expect(await kept(own)).toMatchObject({ rows: 5, bodies: 4 });
    expect(await kept()).toMatchObject({ rows: 2, bodies: 2 });
  });

  test('holds for writers at once: none of them keeps more than is left', async () => {
    const quota = { bodies: 30, bytes: 1e9 };
    const pools = [connect(server.ingestUrl, 1), connect(server.ingestUrl, 1), connect(server.ingestUrl, 1)];
    await Promise.all(
      pools.map(async (db) => {
        for (let batch = 0; batch < 6; batch += 1) await setAsideWithin(quota, bodies(5), db);
      }),
    );
    for (const db of pools) await db.close();
    expect(await kept()).toEqual({ rows: 90, bodies: 30, bytes: 30 * 46 });
    expect(await charged()).toEqual({ bodies: 30, bytes: 30 * 46, dropped: 60 });
  });
});

describe('listing quarantine', () => {
  const ids: Projection<QuarantineColumn> = [{ name: 'id', column: 'id', as: 'text' }];
  const idsOf = (page: Page<QuarantineKey>): readonly string[] => {
    const rows: readonly { readonly id: string }[] = JSON.parse(page.json);
    return rows.map(({ id }) => id);
  };
  const list = (different: Partial<QuarantineQuery> = {}, scope = [orgId]): Promise<Page<QuarantineKey>> =>
    read.read(scope, (trx) => listQuarantine(trx, { limit: 50, ...different }, ids));

  let rows: NewQuarantined[];

  beforeEach(async () => {
    rows = Array.from({ length: 9 }, (_, n) =>
      newQuarantined({
        orgId,
        id: `0190a000-0000-7000-8000-${orgId.slice(0, 8)}000${n}`,
        body: Buffer.from(String(n)),
        reason: n % 3 === 0 ? 'schema' : 'syntax',
        stream: n % 2 === 0 ? 'dispatch' : 'plant-telemetry',
        firstSeen: at(`2026-01-15T10:0${Math.floor(n / 2)}:00Z`),
      }),
    );
    await setAside(rows);
  });

  test('shows the newest first, and walks every row once by its key', async () => {
    const newestFirst = rows.map(({ id }) => id).reverse();
    expect(idsOf(await list())).toEqual(newestFirst);
    const walked: string[] = [];
    let after: QuarantineKey | null = null;
    do {
      const page: Page<QuarantineKey> = await list({ limit: 2, ...(after === null ? {} : { after }) });
      walked.push(...idsOf(page));
      after = page.hasMore ? page.lastKey : null;
    } while (after !== null);
    expect(walked).toEqual(newestFirst);
  });

  test('shows the oldest first where asked, and walks that way too', async () => {
    const oldestFirst = rows.map(({ id }) => id);
    const first = await list({ order: 'asc', limit: 4 });
    const rest = await list({ order: 'asc', ...(first.lastKey === null ? {} : { after: first.lastKey }) });
    expect([...idsOf(first), ...idsOf(rest)]).toEqual(oldestFirst);
  });

  test('keeps to a message, to what is waited for, and to what can be replayed', async () => {
    const waiting = newQuarantined({
      orgId,
      body: Buffer.from('waiting'),
      messageId: 'm-1',
      reason: 'unknown_asset',
      replayable: true,
      waitsFor: 'asset X',
    });
    await setAside([waiting]);
    for (const narrowed of [{ messageId: 'm-1' }, { waitsFor: 'asset X' }, { replayable: true }]) {
      expect(idsOf(await list(narrowed))).toEqual([waiting.id]);
    }
    expect((await list({ replayable: false })).size).toBe(9);
    expect((await list({ waitsFor: 'asset Y' })).size).toBe(0);
  });

  test('keeps to reason, stream, state and time', async () => {
    expect((await list({ reason: 'schema' })).size).toBe(3);
    expect((await list({ reason: 'schema', stream: 'dispatch' })).size).toBe(2);
    expect((await list({ state: 'open' })).size).toBe(9);
    expect((await list({ state: 'discarded' })).size).toBe(0);
    const span = { from: at('2026-01-15T10:01:00Z'), to: at('2026-01-15T10:03:00Z') };
    expect((await list(span)).size).toBe(4);
  });

  test("merges the organisations in scope, and shows nobody else's", async () => {
    const own = orgId;
    orgId = (await anOrganisation(server.admin)).id;
    const other = newQuarantined({ orgId, firstSeen: at('2026-01-15T10:01:30Z') });
    await setAside([other]);
    const merged = idsOf(await list({}, [own, orgId]));
    expect(merged).toHaveLength(10);
    expect(merged.indexOf(other.id)).toBe(5);
    expect(idsOf(await list({}, [own]))).not.toContain(other.id);
    expect((await list({}, [])).size).toBe(0);
  });

  test('reads each organisation straight from the index that holds the order', async () => {
    await server.admin.transaction([orgId], async (trx) => {
      await trx.query(
        query(
          `insert into app.quarantine (org_id, id, stream, queue, exchange, routing_key, properties, body, body_sha256,
             body_bytes, reason, detail, replayable, worker, first_seen, last_seen, copies)
           select $1, gen_random_uuid(), 'dispatch', 'q', 'x', n::text, '{}', '', sha256(''), 0, 'syntax', '', false, 'w',
             now() - n * interval '1 second', now(), 1
           from generate_series(1, 5000) n`,
          [orgId],
        ),
      );
      await trx.query(query('analyze app.quarantine'));
    });
    const after = { firstSeen: at('2026-01-15T10:00:00Z'), id: randomUUID() };
    for (const mode of ['force_generic_plan', 'force_custom_plan']) {
      for (const asked of [{ limit: 50 }, { limit: 50, after, from: at('2026-01-01T00:00:00Z') }]) {
        const plan = await read.transaction([orgId], async (trx) => {
          await trx.query(query(`set local plan_cache_mode = ${mode}`));
          return explained(trx, (recorder) => listQuarantine(recorder, asked, ids));
        });
        expect(branchOf(plan)).toContain('quarantine_by_time');
        expect(branchOf(plan)).not.toMatch(/Sort|Seq Scan|Bitmap/);
      }
    }
  });
});
