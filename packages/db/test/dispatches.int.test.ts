import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { compareInstants } from '@quarterhour/domain';
import { anAsset, anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  classifyError,
  getDispatch,
  insertDispatches,
  knownAt,
  listDispatches,
  raiseKnownAt,
  type Database,
  type DispatchColumn,
  type DispatchKey,
  type DispatchQuery,
  type NewDispatch,
  type Page,
  type Projection,
  type RowVerdict,
} from '@quarterhour/db';
import { at, connect, newDispatch, query, sha256, stamped } from './fixtures.js';
import { branchOf, explained } from './plans.js';

let server: TestDatabase;
let ingest: Database;
let read: Database;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
});

afterAll(async () => {
  await ingest.close();
  await read.close();
  await server.drop();
});

function store(orgId: string, rows: readonly NewDispatch[]): Promise<RowVerdict[]> {
  return stamped(ingest, orgId, (trx, receivedAt) =>
    insertDispatches(
      trx,
      rows.map((row) => ({ ...row, receivedAt })),
    ),
  );
}

describe('storing dispatches', () => {
  let orgId: string;

  beforeEach(async () => {
    orgId = (await anOrganisation(server.admin)).id;
  });

  test('stores what is new, knows what it has, and sees when an event says something else', async () => {
    const [first, second] = [newDispatch({ orgId }), newDispatch({ orgId })];
    expect(await store(orgId, [first, second])).toEqual(['stored', 'stored']);
    const other = { ...first, targetPowerMw: '2', contentSha256: sha256('other') };
    expect(await store(orgId, [second, other, newDispatch({ orgId })])).toEqual(['duplicate', 'conflict', 'stored']);
    const kept = await read.read([orgId], (trx) => getDispatch(trx, first.eventId));
    expect(kept?.targetPowerMw).toBe('1.5');
  });

  test('lets the first of an event stand when a batch repeats it', async () => {
    const first = newDispatch({ orgId });
    const other = { ...first, targetPowerMw: '2', contentSha256: sha256('other'), messageId: 'another' };
    expect(await store(orgId, [first, other, { ...first }])).toEqual(['stored', 'conflict', 'duplicate']);
  });

  test('compares repeats with what stands, not with each other', async () => {
    const first = newDispatch({ orgId });
    await store(orgId, [first]);
    const other = { ...first, contentSha256: sha256('other') };
    expect(await store(orgId, [other, { ...other }, { ...first }])).toEqual(['conflict', 'conflict', 'duplicate']);
  });

  test('keeps one receipt per distinct message, with its copies, its outcome and its bytes', async () => {
    const first = newDispatch({ orgId, messageId: 'm-1', body: Buffer.from([0, 255, 34, 92]) });
    const conflicting = { ...first, messageId: 'm-3', contentSha256: sha256('other') };
    await store(orgId, [first, { ...first }]);
    await store(orgId, [{ ...first, messageId: 'm-2' }, { ...first }, conflicting]);
    const dispatch = await read.read([orgId], (trx) => getDispatch(trx, first.eventId));
    expect(dispatch?.receipts).toEqual([
      expect.objectContaining({ messageId: 'm-1', outcome: 'stored', copies: 3, body: first.body }),
      expect.objectContaining({ messageId: 'm-2', outcome: 'duplicate', copies: 1 }),
    ]);
    const refused = await read.read([orgId], (trx) =>
      trx.query(query(`select outcome, copies from app.receipt where message_id = 'm-3'`)),
    );
    expect(refused).toEqual([{ outcome: 'quarantined', copies: 1 }]);
  });

  test('keeps decimals and microseconds to the last digit', async () => {
    const dispatch = newDispatch({
      orgId,
      dispatchTime: at('2026-01-15T10:00:00.000001Z'),
      targetPowerMw: '-999999999999.999999',
      nominalPowerMw: null,
      powerImbalanceMw: '0.1',
      socImbalanceMwh: '0',
    });
    await store(orgId, [dispatch]);
    expect(await read.read([orgId], (trx) => getDispatch(trx, dispatch.eventId))).toMatchObject({
      dispatchTime: '2026-01-15T10:00:00.000001Z',
      targetPowerMw: '-999999999999.999999',
      nominalPowerMw: null,
      powerImbalanceMw: '0.1',
      socImbalanceMwh: '0',
      publishedAt: '2026-01-15T09:59:58.500Z',
      deliveryDay: '2026-01-15',
    });
  });

  test.each([
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['a thirteenth integer digit', '1000000000000'],
    ['a seventh fractional digit', '0.0000001'],
  ])('refuses %s as a fault of the data', async (_case, targetPowerMw) => {
    const error = await store(orgId, [newDispatch({ orgId, targetPowerMw })]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '23514' });
    expect(classifyError(error)).toBe('data');
  });

  test('takes any text that a source may be', async () => {
    const source = 'a "quoted", \\ {braced} NULL ülkü 電 🔋';
    const dispatch = newDispatch({ orgId, source });
    await store(orgId, [dispatch]);
    expect(await read.read([orgId], (trx) => getDispatch(trx, dispatch.eventId))).toMatchObject({ source });
  });

  test('refuses a row of an organisation outside the scope of the transaction', async () => {
    const stranger = (await anOrganisation(server.admin)).id;
    const error = await store(orgId, [newDispatch({ orgId: stranger })]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '42501' });
    expect(classifyError(error)).toBe('bug');
  });

  test('lets two organisations use the same event id', async () => {
    const other = (await anOrganisation(server.admin)).id;
    const eventId = randomUUID();
    expect(await store(orgId, [newDispatch({ orgId, eventId })])).toEqual(['stored']);
    expect(await store(other, [newDispatch({ orgId: other, eventId, targetPowerMw: '9' })])).toEqual(['stored']);
  });

  test('stores each event once when two batches carry them in opposite order at the same time', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => anOrganisation(server.admin)));
    const orgIds = [orgId, ...others.map(({ id }) => id)];
    const rows = orgIds.flatMap((owner) => Array.from({ length: 40 }, () => newDispatch({ orgId: owner })));
    const batch = (order: readonly NewDispatch[]): Promise<RowVerdict[]> =>
      ingest.transaction(orgIds, (trx) => insertDispatches(trx, order));
    const verdicts = await Promise.all([rows, rows.toReversed(), rows, rows.toReversed()].map(batch));
    const stored = verdicts.flat().filter((verdict) => verdict === 'stored');
    expect(stored).toHaveLength(rows.length);
    expect(new Set(verdicts.flat())).toEqual(new Set(['stored', 'duplicate']));
  });

  test('answers an empty batch with no verdicts', async () => {
    expect(await store(orgId, [])).toEqual([]);
  });
});

describe('the clock of what is known', () => {
  test('rises with every transaction, in the order of the commits, even within a microsecond', async () => {
    const { id } = await anOrganisation(server.admin);
    const stamps = await Promise.all(
      Array.from({ length: 8 }, () => stamped(ingest, id, (_trx, receivedAt) => Promise.resolve(receivedAt))),
    );
    expect(new Set(stamps).size).toBe(8);
    expect((await read.read([id], knownAt))?.knownAt).toBe(stamps.toSorted(compareInstants).at(-1));
  });

  test('never goes back when the clock of the machine does', async () => {
    const { id } = await anOrganisation(server.admin);
    await server.admin.transaction([id], (trx) =>
      trx.query(query(`update app.org_head set known_at = '2100-01-01T00:00:00Z' where org_id = $1`, [id])),
    );
    const stamp = await stamped(ingest, id, (_trx, receivedAt) => Promise.resolve(receivedAt));
    expect(stamp).toBe('2100-01-01T00:00:00.000001Z');
  });

  test('is raised for several organisations without deadlock, whatever order they come in', async () => {
    const ids = (await Promise.all(Array.from({ length: 5 }, () => anOrganisation(server.admin)))).map(({ id }) => id);
    const raise = (order: readonly string[]): Promise<number> =>
      ingest.transaction(ids, async (trx) => (await raiseKnownAt(trx, order)).size);
    const sizes = await Promise.all(
      Array.from({ length: 12 }, (_, round) => raise(round % 2 === 0 ? ids : ids.toReversed())),
    );
    expect(new Set(sizes)).toEqual(new Set([5]));
  });

  test('is null where no organisation is in scope', async () => {
    expect(await read.read([], knownAt)).toBeNull();
  });
});

const KEYS: Projection<DispatchColumn> = [
  { name: 'asset', column: 'asset_id', as: 'text' },
  { name: 'event', column: 'event_id', as: 'text' },
  { name: 'time', column: 'dispatch_time', as: 'instant' },
];

interface Listed {
  readonly asset: string;
  readonly event: string;
  readonly time: string;
}

function listed(page: Page<DispatchKey>): readonly Listed[] {
  const rows: readonly Listed[] = JSON.parse(page.json);
  return rows;
}

describe('listing dispatches', () => {
  let orgId: string;
  let otherOrgId: string;
  let assets: string[];
  let everything: NewDispatch[];

  const span = { from: at('2026-01-15T00:00:00Z'), to: at('2026-01-16T00:00:00Z') };

  beforeAll(async () => {
    [orgId, otherOrgId] = [(await anOrganisation(server.admin)).id, (await anOrganisation(server.admin)).id];
    assets = [
      await anAsset(server.admin, { id: orgId }),
      await anAsset(server.admin, { id: orgId }),
      await anAsset(server.admin, { id: otherOrgId }),
    ];
    const shared = randomUUID();
    everything = assets.flatMap((assetId, index) => {
      const owner = index === 2 ? otherOrgId : orgId;
      return Array.from({ length: 12 }, (_, n) =>
        newDispatch({
          orgId: owner,
          assetId,
          eventId: n === 5 && index > 0 ? shared : randomUUID(),
          dispatchTime: at(`2026-01-15T${String(8 + Math.floor(n / 3)).padStart(2, '0')}:00:00Z`),
          deliveryPeriodStart: at(`2026-01-15T${String(8 + n).padStart(2, '0')}:00:00Z`),
          deliveryDay: n < 6 ? '2026-01-15' : '2026-01-16',
          receivedAt: at(`2026-01-15T12:00:${String(n).padStart(2, '0')}Z`),
        }),
      );
    });
    await ingest.transaction([orgId, otherOrgId], (trx) => insertDispatches(trx, everything));
  });

  const list = (different: Partial<DispatchQuery> = {}, scope = [orgId, otherOrgId]): Promise<Page<DispatchKey>> =>
    read.read(scope, (trx) =>
      listDispatches(trx, { assetIds: assets, order: 'asc', limit: 50, offset: 0, ...span, ...different }, KEYS),
    );

  const expected = (rows: readonly NewDispatch[]): Listed[] =>
    rows
      .map(({ assetId, eventId, dispatchTime }) => ({ asset: assetId, event: eventId, time: dispatchTime }))
      .sort(
        (left, right) =>
          compare(left.time, right.time) || compare(left.event, right.event) || compare(left.asset, right.asset),
      );

  test('orders by dispatch time, then event id, then asset id, in both directions', async () => {
    expect(listed(await list())).toEqual(expected(everything));
    expect(listed(await list({ order: 'desc' }))).toEqual(expected(everything).reverse());
  });

  test.each(['asc', 'desc'] as const)('walks every row once by its key, ties included (%s)', async (order) => {
    for (const limit of [1, 2, 3, 7, 35, 36]) {
      const walked: Listed[] = [];
      let after: DispatchKey | null = null;
      do {
        const page: Page<DispatchKey> = await list({ order, limit, ...(after === null ? {} : { after }) });
        const rows = listed(page);
        expect(rows).toHaveLength(page.size);
        walked.push(...rows);
        after = page.hasMore ? page.lastKey : null;
      } while (after !== null);
      expect(walked).toEqual(order === 'asc' ? expected(everything) : expected(everything).reverse());
    }
  });

  test('gives the same rows by offset', async () => {
    const page = await list({ limit: 5, offset: 30 });
    expect(listed(page)).toEqual(expected(everything).slice(30, 35));
    expect(page).toMatchObject({ size: 5, hasMore: true });
    expect(await list({ limit: 10, offset: 30 })).toMatchObject({ size: 6, hasMore: false });
  });

  test('answers an empty page as an empty array without a key', async () => {
    expect(await list({ from: span.to, to: span.to })).toMatchObject({
      json: '[]',
      size: 0,
      hasMore: false,
      lastKey: null,
    });
  });

  test('includes the start of a span and not its end', async () => {
    const page = await list({ from: at('2026-01-15T09:00:00Z'), to: at('2026-01-15T10:00:00Z') });
    expect(new Set(listed(page).map(({ time }) => time))).toEqual(new Set(['2026-01-15T09:00:00Z']));
    expect(page.size).toBe(9);
  });

  test('finds a delivery day by the period, with or without a span', async () => {
    const ofDay = everything.filter(({ deliveryDay }) => deliveryDay === '2026-01-16');
    const page = await read.read([orgId, otherOrgId], (trx) =>
      listDispatches(trx, { assetIds: assets, deliveryDay: '2026-01-16', order: 'asc', limit: 50, offset: 0 }, KEYS),
    );
    expect(listed(page)).toEqual(expected(ofDay));
    expect((await list({ deliveryDay: '2026-01-16', to: at('2026-01-15T11:00:00Z') })).size).toBe(9);
  });

  test('shows what was known at an instant, and no more', async () => {
    const page = await list({ knownAt: at('2026-01-15T12:00:03Z') });
    expect(listed(page)).toEqual(expected(everything.filter(({ receivedAt }) => receivedAt <= '2026-01-15T12:00:03Z')));
    expect(page.size).toBe(12);
  });

  test('takes nothing from ids that nobody has, and no id twice', async () => {
    expect((await list({ assetIds: ['DE_50HZ_NOBODY_1'] })).size).toBe(0);
    const [first = ''] = assets;
    expect((await list({ assetIds: [first, 'DE_50HZ_NOBODY_1', first] })).size).toBe(12);
    expect((await list({ assetIds: [] })).size).toBe(0);
  });

  test("shows nothing of an organisation that is not in scope, asked by the asset's id or by the event's", async () => {
    expect(listed(await list({}, [orgId])).map(({ asset }) => asset)).not.toContain(assets[2]);
    expect((await list({}, [])).size).toBe(0);
    const [foreign] = everything.filter((row) => row.orgId === otherOrgId);
    expect(await read.read([orgId], (trx) => getDispatch(trx, foreign?.eventId ?? ''))).toBeNull();
  });

  test('writes what the projection declares, in its order', async () => {
    const dispatch = newDispatch({
      orgId,
      assetId: assets[0] ?? '',
      source: 'a "source"\n',
      dispatchTime: at('2026-02-01T00:00:00.25Z'),
      targetPowerMw: '-1.50',
      nominalPowerMw: '1000',
      powerImbalanceMw: null,
      socImbalanceMwh: '0.000001',
    });
    await store(orgId, [dispatch]);
    const projection: Projection<DispatchColumn> = [
      { name: 'event_id', column: 'event_id', as: 'text' },
      { name: "it's", column: 'source', as: 'text' },
      { name: 'time', column: 'dispatch_time', as: 'instant' },
      { name: 'day', column: 'delivery_day', as: 'date' },
      { name: 'target', column: 'target_power_mw', as: { quantity: 'MW' } },
      { name: 'nominal', column: 'nominal_power_mw', as: 'decimal' },
      { name: 'imbalance', column: 'power_imbalance_mw', as: { quantity: 'MW' } },
      { name: 'soc', column: 'soc_imbalance_mwh', as: { quantity: 'MWh' } },
      { name: 'nothing', as: 'null' },
    ];
    const page = await read.read([orgId], (trx) =>
      listDispatches(
        trx,
        { assetIds: [dispatch.assetId], from: at('2026-02-01T00:00:00Z'), order: 'asc', limit: 1, offset: 0 },
        projection,
      ),
    );
    expect(page.json).toBe(
      `[{"event_id":"${dispatch.eventId}","it's":"a \\"source\\"\\n","time":"2026-02-01T00:00:00.250Z",` +
        `"day":"2026-01-15","target":{"amount":"-1.5","unit":"MW"},"nominal":"1000","imbalance":null,` +
        `"soc":{"amount":"0.000001","unit":"MWh"},"nothing":null}]`,
    );
  });

  test('reads each branch straight from the index that holds the order, under row-level security', async () => {
    const december = { from: at('2025-12-05T00:00:00Z'), to: at('2025-12-25T00:00:00Z') };
    const after = { dispatchTime: at('2025-12-10T09:00:00Z'), eventId: randomUUID(), assetId: assets[0] ?? '' };
    const knownAt = at('2026-01-15T12:00:03Z');
    const queries: readonly [DispatchQuery, string][] = (['asc', 'desc'] as const).flatMap((order) => {
      const page = { assetIds: assets, order, limit: 50, offset: 0 };
      return [
        [{ ...page, ...december }, 'dispatch_by_time'],
        [{ ...page, ...december, after, knownAt }, 'dispatch_by_time'],
        [{ ...page, deliveryDay: '2025-12-10' }, 'dispatch_by_day'],
        [{ ...page, deliveryDay: '2025-12-10', after }, 'dispatch_by_day'],
      ] satisfies [DispatchQuery, string][];
    });
    await manyDispatches(orgId, assets[0] ?? '');
    for (const mode of ['force_generic_plan', 'force_custom_plan']) {
      for (const [asked, index] of queries) {
        const branch = branchOf(await planOf(mode, asked));
        expect(branch).toContain(index);
        expect(branch).not.toMatch(/Sort|Seq Scan|Bitmap/);
      }
    }
  });

  test.each([
    ['asc', '2025-12-05'],
    ['desc', '2025-12-25'],
  ] as const)(
    'seeks to where a page begins, not to the end of the window that it has left behind (%s)',
    async (order, left) => {
      const window = { from: at('2025-12-05T00:00:00Z'), to: at('2025-12-25T00:00:00Z') };
      const after = { dispatchTime: at('2025-12-10T09:00:00Z'), eventId: randomUUID(), assetId: assets[0] ?? '' };
      const page = { ...window, assetIds: assets, order, limit: 50, offset: 0 };
      expect(branchOf(await planOf('force_custom_plan', page))).toContain(left);
      expect(branchOf(await planOf('force_custom_plan', { ...page, after }))).not.toContain(left);
    },
  );

  async function planOf(mode: string, asked: DispatchQuery): Promise<string> {
    return read.transaction([orgId, otherOrgId], async (trx) => {
      await trx.query(query(`set local plan_cache_mode = ${mode}`));
      return explained(trx, (recorder) => listDispatches(recorder, asked, KEYS));
    });
  }

  /** Enough rows that an index is worth its while. */
  async function manyDispatches(owner: string, assetId: string): Promise<void> {
    await server.admin.transaction([owner], async (trx) => {
      await trx.query(
        query(
          `insert into app.dispatch (org_id, event_id, asset_id, source, published_at, dispatch_time,
             delivery_period_start, delivery_day, target_power_mw, content_sha256, received_at)
           select $1, gen_random_uuid(), $2, 'optimiser', t, t, t, t::date, 1, sha256('x'), t
           from generate_series('2025-12-01'::timestamptz, '2025-12-31'::timestamptz, interval '5 minutes') t`,
          [owner, assetId],
        ),
      );
      await trx.query(query('analyze app.dispatch'));
    });
  }
});

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
