import type { IncomingMessage } from 'node:http';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { z } from 'zod';
import type { Bench } from '../bench.js';
import { median, ratios, short } from '../figures.js';
import type { Measurement } from '../judge.js';
import { findPostgresClient, missing, runPostgresClient } from '../programs.js';
import { dispatchesTarget, startReadApi, type ReadApi } from '../read-api.js';
import type { DispatchStore } from '../store.js';
import { timed } from '../timed.js';

const CSV = 'text/csv';
const NEWLINE = 10;
const MIN_ROWS_OF_AN_EXPORT = 1_001;
const bytesShape = z.instanceof(Uint8Array);

/** Dispatches of some assets as CSV by way of the API, against psql with the same rows. Begins by itself once there is one. */
export async function measureExport(bench: Bench): Promise<Measurement[]> {
  const dispatches = await bench.dispatches();
  const api = await startReadApi(bench, dispatches.store.readUrl);
  try {
    return [await againstPsql(bench, api, dispatches)];
  } finally {
    await api.end();
  }
}

async function againstPsql(bench: Bench, api: ReadApi, dispatches: DispatchStore): Promise<Measurement> {
  const assets = dispatches.store.assets.slice(0, bench.sizes.exportedAssets);
  const target = dispatchesTarget({ assets, from: dispatches.from, to: dispatches.to }, { order: 'asc' });
  const absence = await whyAbsent(api, target);
  if (absence !== null) return { goal: 'export', missing: absence };
  const psql = await findPostgresClient('psql');
  if (psql === undefined) return { goal: 'export', missing: missing('psql') };

  const expected = (dispatches.rows / dispatches.store.assets.length) * assets.length;
  const exported: number[] = [];
  const copied: number[] = [];
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    const copy = await timed(() => copyOut(bench, psql, dispatches, assets));
    if (copy.result !== expected) throw new Error(`psql copied ${copy.result} rows of ${expected}`);
    copied.push(expected / copy.seconds);
    const csv = await timed(() => countLines(api, target));
    if (csv.result - 1 !== expected) throw new Error(`the export has ${csv.result - 1} rows of ${expected}`);
    exported.push(expected / csv.seconds);
  }
  bench.say(`  CSV ${short(median(exported))} rows/s, psql ${short(median(copied))}`);
  return { goal: 'export', values: ratios(exported, copied) };
}

async function whyAbsent(api: ReadApi, target: string): Promise<string | null> {
  const response = await api.open(target, CSV);
  const { statusCode = 0, headers } = response;
  const type = headers['content-type'] ?? 'no content type';
  if (statusCode === 200 && type.startsWith(CSV)) {
    return (await linesOf(response, MIN_ROWS_OF_AN_EXPORT + 1)) > MIN_ROWS_OF_AN_EXPORT
      ? null
      : 'not available yet: the API answers one page as CSV, not the whole list';
  }
  response.destroy();
  return `not available yet: the API answers Accept: ${CSV} with ${statusCode} and ${type}`;
}

async function countLines(api: ReadApi, target: string): Promise<number> {
  return linesOf(await api.open(target, CSV), Infinity);
}

async function linesOf(response: IncomingMessage, most: number): Promise<number> {
  let lines = 0;
  let last = NEWLINE;
  for await (const chunk of response) {
    const bytes = bytesShape.parse(chunk);
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
    last = bytes.at(-1) ?? last;
    if (lines >= most) break;
  }
  return last === NEWLINE ? lines : lines + 1;
}

/** As the role that owns nothing, within the same scope, ordered as the export is. @returns how many rows */
async function copyOut(
  { fleet, signal }: Bench,
  psql: string,
  { store, from, to }: DispatchStore,
  assets: readonly string[],
): Promise<number> {
  const query = `select source, event_id, published_at, asset_id, dispatch_time, delivery_period_start, target_power_mw,
    nominal_power_mw, power_imbalance_mw, soc_imbalance_mwh from app.dispatch
    where asset_id in (${assets.map((id) => `'${id}'`).join(', ')})
      and dispatch_time >= '${instantFromEpochMillis(from)}' and dispatch_time < '${instantFromEpochMillis(to)}'
    order by dispatch_time, event_id`.replaceAll(/\s+/g, ' ');
  const commands = [`set app.orgs = '{${fleet.organisation.id}}'`, `\\copy (${query}) to '/dev/null' csv header`];
  const said = await runPostgresClient(
    psql,
    commands.flatMap((command) => ['-c', command]),
    store.readUrl,
    signal,
  );
  return Number(/^COPY (\d+)$/m.exec(said)?.[1] ?? NaN);
}
