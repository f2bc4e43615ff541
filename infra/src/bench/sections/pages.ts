import type { Bench } from '../bench.js';
import { median, ratios, short } from '../figures.js';
import type { Measurement } from '../judge.js';
import { recordedScript, transactionsPerSecond } from '../pgbench-load.js';
import { findPostgresClient, missing } from '../programs.js';
import { dispatchesTarget, pagesPerSecond, readPage, startReadApi, type ReadApi } from '../read-api.js';
import type { DispatchStore } from '../store.js';

const WINDOW_MS = 7 * 86_400_000;
const MAX_LIMIT = 1_000;
const SMALL_LIMIT = 50;

type Order = 'asc' | 'desc';

const ORDER_NAMES: Readonly<Record<Order, string>> = { desc: 'newest first', asc: 'oldest first' };

/** Pages over three assets of a hundred and seven days, against pgbench with what the route asks the database. */
export async function measurePages(bench: Bench): Promise<Measurement[]> {
  const dispatches = await bench.dispatches();
  const pgbench = await findPostgresClient('pgbench');
  const api = await startReadApi(bench, dispatches.store.readUrl);
  const measurements: Measurement[] = [];
  for (const order of bench.sizes.orders) {
    for (const limit of [SMALL_LIMIT, MAX_LIMIT]) {
      const target = dispatchesTarget(windowOf(dispatches), { order, limit });
      await expectFullPage(api, target, limit);
      measurements.push(await againstPgbench(bench, { api, dispatches, pgbench, target, limit, order }));
    }
  }
  const [order = 'desc'] = bench.sizes.orders;
  const cursor = await deepCursor(api, dispatches, order);
  for (const limit of bench.sizes.deepLimits) {
    measurements.push(await lastAgainstFirst(bench, { api, dispatches, order, limit, cursor }));
  }
  await api.end();
  return measurements;
}

interface PageRun {
  readonly api: ReadApi;
  readonly dispatches: DispatchStore;
  readonly order: Order;
  readonly limit: number;
}

async function againstPgbench(
  bench: Bench,
  { api, dispatches, pgbench, target, limit, order }: PageRun & { pgbench: string | undefined; target: string },
): Promise<Measurement> {
  const named = {
    goal: limit === SMALL_LIMIT ? 'page-50' : 'page-1000',
    variant: ORDER_NAMES[order],
  } as const;
  if (pgbench === undefined) return { ...named, missing: missing('pgbench') };
  const { rounds, loadSeconds } = bench.sizes;
  const script = await recordedScript(bench, dispatches.store, target);
  await pagesPerSecond(api, target, loadSeconds / 2);
  const pages: number[] = [];
  const limits: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    limits.push(await transactionsPerSecond(bench, { pgbench, script, readUrl: dispatches.store.readUrl }));
    pages.push(await pagesPerSecond(api, target, loadSeconds));
  }
  bench.say(`  page of ${limit}, ${named.variant}: ${short(median(pages))} pages/s, pgbench ${short(median(limits))}`);
  return { ...named, values: ratios(pages, limits) };
}

async function lastAgainstFirst(
  bench: Bench,
  { api, dispatches, order, limit, cursor }: PageRun & { cursor: string },
): Promise<Measurement> {
  const window = windowOf(dispatches);
  const first = dispatchesTarget(window, { order, limit });
  const last = dispatchesTarget(window, { order, limit, cursor });
  await expectFullPage(api, last, limit);
  await pagesPerSecond(api, last, bench.sizes.loadSeconds / 2);
  const ofFirst: number[] = [];
  const ofLast: number[] = [];
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    ofFirst.push(await pagesPerSecond(api, first, bench.sizes.loadSeconds));
    ofLast.push(await pagesPerSecond(api, last, bench.sizes.loadSeconds));
  }
  return { goal: 'last-page', variant: `page of ${limit}`, values: ratios(ofFirst, ofLast) };
}

function windowOf({ store, from, to }: DispatchStore) {
  return { assets: store.assets.slice(10, 13), from: Math.max(from, to - WINDOW_MS), to };
}

async function expectFullPage(api: ReadApi, target: string, limit: number): Promise<void> {
  const { rows } = await readPage(api, target);
  if (rows !== limit) throw new Error(`a page of ${limit} has ${rows} rows: ${target}`);
}

/**
 * Follows the list to its end, counting, and returns where the last page begins that is full at every size.
 *
 * @throws Error when the list has another number of rows than its window
 */
async function deepCursor(api: ReadApi, dispatches: DispatchStore, order: Order): Promise<string> {
  const window = windowOf(dispatches);
  const expected = (window.assets.length * (window.to - window.from)) / 60_000;
  const cursors: { readonly cursor: string; readonly rowsBefore: number }[] = [];
  let rows = 0;
  let cursor: string | undefined;
  do {
    const read = await readPage(
      api,
      dispatchesTarget(window, { order, limit: MAX_LIMIT, ...(cursor === undefined ? {} : { cursor }) }),
    );
    rows += read.rows;
    cursor = read.next ?? undefined;
    if (cursor !== undefined) cursors.push({ cursor, rowsBefore: rows });
  } while (cursor !== undefined);
  if (rows !== expected) throw new Error(`the list has ${rows} rows, its window ${expected}`);
  const last = cursors.findLast(({ rowsBefore }) => rows - rowsBefore >= MAX_LIMIT);
  if (last === undefined) throw new Error(`a list of ${rows} rows has no deep page`);
  return last.cursor;
}
