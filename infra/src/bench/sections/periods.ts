import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  keepReservations,
  raiseKnownAt,
  recordAudit,
  setLimits,
  type Reservation,
  type Stamping,
  type Trx,
} from '@quarterhour/db';
import {
  deliveryDayOf,
  instantFromEpochMillis,
  limitStretches,
  marketZoneOfDeliveryArea,
  parseInstant,
  type LimitSetting,
} from '@quarterhour/domain';
import type { Bench } from '../bench.js';
import { median, ratios, short } from '../figures.js';
import { fillLimits } from '../fill.js';
import type { Measurement } from '../judge.js';
import { recordedScript, transactionsPerSecond } from '../pgbench-load.js';
import { findPostgresClient, missing, runPostgresClient } from '../programs.js';
import { limitsTarget, pagesPerSecond, readPage, startReadApi, type ReadApi } from '../read-api.js';
import type { Store } from '../store.js';
import { timed } from '../timed.js';

const YEAR = { start: parseInstant('2026-01-01T00:00:00Z'), end: parseInstant('2027-01-01T00:00:00Z') };
const PERIODS_OF_YEAR = 35_040;
const BERLIN = marketZoneOfDeliveryArea('50HZ');
const RESERVATIONS = 1_000;
const PAGE = 50;
const MAX_LIMIT = 1_000;
const WINDOW_MS = 31 * 86_400_000;

/**
 * What is agreed about periods. Writes as the control API does below HTTP, with stamp, history and audit entry, against what
 * somebody would write by hand in psql, with the same role and policies; reads as a page, against pgbench.
 */
export async function measurePeriods(bench: Bench): Promise<Measurement[]> {
  const store = await bench.small();
  const [psql, pgbench] = [await findPostgresClient('psql'), await findPostgresClient('pgbench')];
  const written =
    psql === undefined
      ? (['limits-insert', 'limits-overwrite', 'reservations'] as const).map((goal) => ({
          goal,
          missing: missing('psql'),
        }))
      : [...(await measureLimits(bench, store, psql)), await measureReservations(bench, store, psql)];
  return [...written, ...(await measureReads(bench, store, pgbench))];
}

async function measureLimits(bench: Bench, store: Store, psql: string): Promise<Measurement[]> {
  const byHand: number[] = [];
  const first: number[] = [];
  const again: number[] = [];
  for (let round = -1; round < bench.sizes.rounds; round += 1) {
    const [ours = '', theirs = ''] = store.assets.slice(2 * (round + 1), 2 * (round + 2));
    const inserted = async () => (await timed(() => setYear(bench, store, ours, '-12.5'))).seconds;
    const overwritten = async () => (await timed(() => setYear(bench, store, ours, '-11.5'))).seconds;
    const written = async () => psqlSeconds(bench, store, psql, limitsByHand(bench, theirs));
    const isOursFirst = round % 2 === 0;
    const before = isOursFirst ? null : await written();
    const inserting = await inserted();
    const yardstick = before ?? (await written());
    const overwriting = await overwritten();
    if (round < 0) continue;
    byHand.push(PERIODS_OF_YEAR / yardstick);
    first.push(PERIODS_OF_YEAR / inserting);
    again.push(PERIODS_OF_YEAR / overwriting);
  }
  bench.say(
    `  limits of a year: ${short(median(first))} rows/s, again ${short(median(again))}, by hand ${short(median(byHand))}`,
  );
  return [
    { goal: 'limits-insert', values: ratios(first, byHand) },
    { goal: 'limits-overwrite', values: ratios(again, byHand) },
  ];
}

function setYear(bench: Bench, store: Store, assetId: string, powerChargeMw: string): Promise<void> {
  const setting: LimitSetting = {
    assetId,
    zone: BERLIN,
    source: 'CUSTOMER',
    window: YEAR,
    isRecurrent: false,
    limits: {
      powerChargeMw,
      powerDischargeMw: '10.25',
      energyLowMwh: '1',
      energyHighMwh: '20',
      isTradingLocked: false,
    },
  };
  return writing(bench, store, async (trx, stamping) => {
    const { inserted, replaced } = await setLimits(trx, limitStretches([setting]), stamping);
    if (inserted + replaced !== PERIODS_OF_YEAR) throw new Error(`a year has ${inserted + replaced} periods`);
  });
}

function writing(
  { fleet }: Bench,
  { control }: Store,
  work: (trx: Trx, stamping: Stamping) => Promise<void>,
): Promise<void> {
  const orgId = fleet.organisation.id;
  return control.transaction([orgId], async (trx) => {
    const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
    if (stamp === undefined) throw new Error('the organisation has no head');
    await work(trx, { orgId, stamp });
    await recordAudit(trx, [{ orgId, actor: 'bench', action: 'bench.write', subject: 'periods', detail: {} }]);
  });
}

function limitsByHand({ fleet }: Bench, assetId: string): string {
  return `
    insert into app.period_limit (org_id, asset_id, start_time, source, delivery_day, power_charge_mw, power_discharge_mw,
      energy_low_mwh, energy_high_mwh, trading_locked, created_at, updated_at)
    select '${fleet.organisation.id}', '${assetId}', t, 'CUSTOMER', (t at time zone 'Europe/Berlin')::date, -12.5, 10.25,
      1, 20, false, now(), now()
    from generate_series(timestamptz '${YEAR.start}', timestamptz '${YEAR.end}' - interval '15 minutes', '15 minutes') t`;
}

async function measureReservations(bench: Bench, store: Store, psql: string): Promise<Measurement> {
  const byHand: number[] = [];
  const ours: number[] = [];
  const [assetId = '', other = ''] = store.assets.slice(-2);
  for (let round = -1; round < bench.sizes.rounds * 4; round += 1) {
    const yardstick = await psqlSeconds(bench, store, psql, reservationsByHand(bench, other, round));
    const rows = reservationsOf(assetId, round);
    const keeping = await timed(() =>
      writing(bench, store, async (trx, stamping) => {
        await keepReservations(trx, rows, stamping);
      }),
    );
    if (round < 0) continue;
    byHand.push(yardstick);
    ours.push(keeping.seconds);
  }
  bench.say(
    `  ${RESERVATIONS} reservations: ${short(median(ours) * 1_000)} ms, by hand ${short(median(byHand) * 1_000)} ms`,
  );
  return { goal: 'reservations', values: ratios(ours, byHand) };
}

function reservationsOf(assetId: string, round: number): Reservation[] {
  return Array.from({ length: RESERVATIONS }, (_, n) => {
    const start = Date.parse(YEAR.start) + (round * RESERVATIONS + n) * 900_000;
    const startTime = instantFromEpochMillis(start);
    return {
      assetId,
      startTime,
      endTime: instantFromEpochMillis(start + 900_000),
      market: 'DAA',
      source: 'OPTIMISATION',
      deliveryDay: deliveryDayOf(startTime, BERLIN),
      powerMw: String(n / 8),
      energyChangeMwh: '-0.25',
      energyBufferLowMwh: '0',
      energyBufferHighMwh: '2.5',
    };
  });
}

/** The statement of somebody who has the rows at hand. */
function reservationsByHand({ fleet }: Bench, assetId: string, round: number): string {
  const rows = reservationsOf(assetId, round);
  const arrays = [
    ['text', rows.map((row) => row.assetId)],
    ['timestamptz', rows.map((row) => row.startTime)],
    ['text', rows.map((row) => row.market)],
    ['text', rows.map((row) => row.source)],
    ['timestamptz', rows.map((row) => row.endTime)],
    ['date', rows.map((row) => row.deliveryDay)],
    ['numeric', rows.map((row) => row.powerMw)],
    ['numeric', rows.map((row) => row.energyChangeMwh)],
    ['numeric', rows.map((row) => row.energyBufferLowMwh)],
    ['numeric', rows.map((row) => row.energyBufferHighMwh)],
  ] as const;
  return `
    insert into app.reservation (org_id, asset_id, start_time, market, source, end_time, delivery_day, power_mw,
      energy_change_mwh, energy_buffer_low_mwh, energy_buffer_high_mwh, created_at, updated_at)
    select '${fleet.organisation.id}', r.*, now(), now()
    from unnest(${arrays.map(([type, values]) => `'{${values.join(',')}}'::${type}[]`).join(', ')}) r
    on conflict (org_id, asset_id, start_time, market, source) do update set end_time = excluded.end_time`;
}

/** How long psql says that a statement and its commit took. */
async function psqlSeconds(bench: Bench, store: Store, psql: string, statement: string): Promise<number> {
  const file = path.join(bench.stack.folder, 'by-hand.sql');
  const scope = `set app.orgs = '{${bench.fleet.organisation.id}}'`;
  await writeFile(file, `${scope};\n\\timing on\n${statement.replaceAll(/\s+/g, ' ')};\n`);
  const said = await runPostgresClient(psql, ['-v', 'ON_ERROR_STOP=1', '-f', file], store.controlUrl, bench.signal);
  const millis = Number(/^Time: ([\d.]+) ms/m.exec(said)?.[1] ?? NaN);
  if (!(millis > 0)) throw new Error(`psql does not say how long it took:\n${said}`);
  return millis / 1_000;
}

/** Pages over three assets and 31 days, of which every quarter hour has limits of three sources. */
async function measureReads(bench: Bench, store: Store, pgbench: string | undefined): Promise<Measurement[]> {
  const end = Date.parse(YEAR.start);
  const filling = await timed(() => fillLimits(store, bench.fleet, { total: bench.sizes.limits, before: end }));
  bench.say(`  filled ${filling.result.rows.toLocaleString('en')} limits in ${filling.seconds.toFixed(0)} s`);
  const window = { assets: store.assets.slice(20, 23), from: end - WINDOW_MS, to: end };
  const target = limitsTarget(window, { limit: PAGE });
  const api = await startReadApi(bench, store.readUrl);
  try {
    const last = limitsTarget(window, { limit: PAGE, cursor: await lastCursor(api, window) });
    for (const one of [target, last]) await expectFullPage(api, one);
    return [
      await againstPgbench(bench, { api, store, pgbench, target }),
      await lastAgainstFirst(bench, api, target, last),
    ];
  } finally {
    await api.end();
  }
}

async function expectFullPage(api: ReadApi, target: string): Promise<void> {
  const { rows } = await readPage(api, target);
  if (rows !== PAGE) throw new Error(`a page of ${PAGE} has ${rows} rows: ${target}`);
}

/** Follows the list to where its last full page begins. */
async function lastCursor(api: ReadApi, window: Parameters<typeof limitsTarget>[0]): Promise<string> {
  const periods = (window.assets.length * (window.to - window.from)) / 900_000;
  let cursor: string | undefined;
  for (let before = 0; before < periods - PAGE;) {
    const limit = Math.min(MAX_LIMIT, periods - PAGE - before);
    const read = await readPage(api, limitsTarget(window, { limit, ...(cursor === undefined ? {} : { cursor }) }));
    before += read.rows;
    cursor = read.next ?? undefined;
    if (cursor === undefined) throw new Error(`the list ends after ${before} of ${periods} periods`);
  }
  return cursor ?? '';
}

interface PageRun {
  readonly api: ReadApi;
  readonly store: Store;
  readonly pgbench: string | undefined;
  readonly target: string;
}

async function againstPgbench(bench: Bench, { api, store, pgbench, target }: PageRun): Promise<Measurement> {
  if (pgbench === undefined) return { goal: 'limits-page', missing: missing('pgbench') };
  const script = await recordedScript(bench, store, target);
  await pagesPerSecond(api, target, bench.sizes.loadSeconds / 2);
  const pages: number[] = [];
  const most: number[] = [];
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    most.push(await transactionsPerSecond(bench, { pgbench, script, readUrl: store.readUrl }));
    pages.push(await pagesPerSecond(api, target, bench.sizes.loadSeconds));
  }
  bench.say(`  page of ${PAGE} limits: ${short(median(pages))} pages/s, pgbench ${short(median(most))}`);
  return { goal: 'limits-page', values: ratios(pages, most) };
}

async function lastAgainstFirst(bench: Bench, api: ReadApi, first: string, last: string): Promise<Measurement> {
  const ofFirst: number[] = [];
  const ofLast: number[] = [];
  await pagesPerSecond(api, last, bench.sizes.loadSeconds / 2);
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    ofFirst.push(await pagesPerSecond(api, first, bench.sizes.loadSeconds));
    ofLast.push(await pagesPerSecond(api, last, bench.sizes.loadSeconds));
  }
  return { goal: 'limits-last-page', values: ratios(ofFirst, ofLast) };
}
