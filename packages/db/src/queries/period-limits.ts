import { epochSeconds, SECONDS_PER_DELIVERY_PERIOD, type LimitStretch, type UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { objectText, queryPage } from '../projection.js';
import { StatementParameters } from '../statement.js';
import { knownRows, wantedAssets, windowConditions, type AssetList, type AssetTimeKey } from './agreed-rows.js';
import { archiveStatement, counted, keep, type Stamping, type Written } from './agreed-table.js';

/** Limits of one source in the delivery periods of a stretch; `$1` are their organisations, `$2` the stamp. */
const STRETCHES = `
  unnest($1::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::date[], $8::numeric[],
    $9::numeric[], $10::numeric[], $11::numeric[], $12::bool[])
  as s (org_id, asset_id, source, from_time, to_time, delivery_day, power_charge_mw, power_discharge_mw, energy_low_mwh,
    energy_high_mwh, trading_locked)`;

/**
 * Periods of a stretch that stood there before, straight from the key. What they have in common is compared with arrays of
 * one: as plain equalities they would be joined by hash, every stretch with all periods of its asset. The organisation is
 * one of these: as a constant it seems to have a handful of rows while the table was never analysed, and all of them
 * would be read.
 */
const STANDING = `t.org_id = any (array[s.org_id]) and t.asset_id = any (array[s.asset_id])
  and t.source = any (array[s.source]) and t.start_time >= s.from_time and t.start_time < s.to_time
  and t.updated_at <> $2::timestamptz`;

/** Run without names: a plan that is kept from when the table was small would read all of it when it is not. */
const STATEMENTS = {
  archive: archiveStatement('period_limit', `${STRETCHES} cross join app.period_limit t`, STANDING),
  /** What a stretch leaves open stays as it is. */
  replace: counted(`
    update app.period_limit t
       set delivery_day = s.delivery_day,
         power_charge_mw = coalesce(s.power_charge_mw, t.power_charge_mw),
         power_discharge_mw = coalesce(s.power_discharge_mw, t.power_discharge_mw),
         energy_low_mwh = coalesce(s.energy_low_mwh, t.energy_low_mwh),
         energy_high_mwh = coalesce(s.energy_high_mwh, t.energy_high_mwh),
         trading_locked = coalesce(s.trading_locked, t.trading_locked),
         updated_at = $2::timestamptz
      from ${STRETCHES} where ${STANDING}`),
  /** The quarter hours are made here, not sent: a year of them is 35,040 rows. */
  insert: `
    insert into app.period_limit (org_id, asset_id, start_time, source, delivery_day, power_charge_mw, power_discharge_mw,
      energy_low_mwh, energy_high_mwh, trading_locked, created_at, updated_at)
    select s.org_id, s.asset_id, p.start_time, s.source, s.delivery_day, s.power_charge_mw, s.power_discharge_mw,
      s.energy_low_mwh, s.energy_high_mwh, s.trading_locked, $2::timestamptz, $2::timestamptz
    from ${STRETCHES}
    cross join lateral generate_series(s.from_time, s.to_time - interval '15 minutes', interval '15 minutes')
      as p (start_time)`,
};

/**
 * Sets limits for the delivery periods of some stretches, over what their source said before: where a stretch says nothing,
 * that stays. Versions that are displaced go to the history, see {@link keep}.
 *
 * @param stretches without overlap within one asset and source
 */
export function setLimits(trx: Trx, stretches: readonly LimitStretch[], { orgId, stamp }: Stamping): Promise<Written> {
  const wanted = stretches.reduce((sum, stretch) => sum + periodsIn(stretch), 0);
  const values = [plainArray(stretches.map(() => orgId)), stamp, ...arraysOf(stretches)];
  const { archive, replace, insert } = STATEMENTS;
  const statements = {
    archive: { text: archive, values },
    replace: { text: replace, values },
    insert: { text: insert, values },
  };
  return keep(trx, statements, wanted);
}

function periodsIn({ start, end }: LimitStretch): number {
  return (epochSeconds(end) - epochSeconds(start)) / SECONDS_PER_DELIVERY_PERIOD;
}

function arraysOf(stretches: readonly LimitStretch[]): string[] {
  return [
    textArray(stretches.map(({ assetId }) => assetId)),
    textArray(stretches.map(({ source }) => source)),
    plainArray(stretches.map(({ start }) => start)),
    plainArray(stretches.map(({ end }) => end)),
    plainArray(stretches.map(({ deliveryDay }) => deliveryDay)),
    plainArray(stretches.map(({ limits }) => limits.powerChargeMw)),
    plainArray(stretches.map(({ limits }) => limits.powerDischargeMw)),
    plainArray(stretches.map(({ limits }) => limits.energyLowMwh)),
    plainArray(stretches.map(({ limits }) => limits.energyHighMwh)),
    plainArray(stretches.map(({ limits }) => limits.isTradingLocked)),
  ];
}

/** The limits of one source of an asset that start within `[from, to)`. */
export interface LimitsOfSource {
  readonly assetId: string;
  readonly source: string;
  readonly from: UtcInstant;
  readonly to: UtcInstant;
}

/** What became of the limits of a source. */
export interface Cleared {
  /** Periods of which nothing is left. */
  readonly removed: number;
  /** Periods whose trading lock is left. */
  readonly kept: number;
}

/** A row that is nothing but a lock is as it will be, and is left alone. */
const CLEARABLE = `t.org_id = $1::uuid and t.asset_id = $3::text and t.source = $4::text
  and t.start_time >= $5::timestamptz and t.start_time < $6::timestamptz
  and (t.trading_locked is not true
    or num_nonnulls(t.power_charge_mw, t.power_discharge_mw, t.energy_low_mwh, t.energy_high_mwh) > 0)`;

const ARCHIVE_CLEARABLE = archiveStatement('period_limit', 'app.period_limit t', CLEARABLE);

const CLEAR = `
  with removed as (
    delete from app.period_limit t where ${CLEARABLE} and t.trading_locked is not true returning 1
  ), kept as (
    update app.period_limit t
       set power_charge_mw = null, power_discharge_mw = null, energy_low_mwh = null, energy_high_mwh = null,
         updated_at = $2::timestamptz
     where ${CLEARABLE} and t.trading_locked returning 1
  )
  select (select count(*) from removed)::int as removed, (select count(*) from kept)::int as kept`;

/**
 * Takes away the constraints that a source set, and spares its trading locks; periods of which nothing is left are removed.
 * The versions that stood go to the history.
 */
export async function clearLimits(
  trx: Trx,
  { assetId, source, from, to }: LimitsOfSource,
  { orgId, stamp }: Stamping,
): Promise<Cleared> {
  const values = [orgId, stamp, assetId, source, from, to];
  await trx.query({ text: ARCHIVE_CLEARABLE, values });
  const [cleared] = await trx.query<Cleared>({ text: CLEAR, values });
  if (cleared === undefined) throw new Error('limits were cleared without an answer');
  return cleared;
}

/** What all sources together say about an asset in a delivery period, and what each of them says. */
export type PeriodLimitColumn =
  | 'asset_id'
  | 'start_time'
  | 'end_time'
  | 'delivery_day'
  | 'power_charge_mw'
  | 'power_discharge_mw'
  | 'energy_low_mwh'
  | 'energy_high_mwh'
  | 'trading_locked'
  | 'sources';

/** What one source says. */
export type SourceLimitColumn =
  | 'source'
  | 'power_charge_mw'
  | 'power_discharge_mw'
  | 'energy_low_mwh'
  | 'energy_high_mwh'
  | 'trading_locked'
  | 'created_at'
  | 'updated_at';

/** Which limits, and which page of them; a delivery period of an asset is one row. */
export interface PeriodLimitQuery extends AssetList {
  /** Only periods about which one of these says something, and only what they say; the combination is of all all the same. */
  readonly sources?: readonly string[];
  /** Starts after this row. */
  readonly after?: AssetTimeKey;
}

/** How limits are shown: `sources` is a list, written as {@link LimitProjection.ofSource} says. */
export interface LimitProjection {
  readonly ofPeriod: Projection<PeriodLimitColumn>;
  readonly ofSource: Projection<SourceLimitColumn>;
}

/** One page of limits, in one statement. */
export function listLimits(
  trx: Trx,
  query: PeriodLimitQuery,
  projection: LimitProjection,
): Promise<Page<AssetTimeKey>> {
  return queryPage(trx, { ...limitSource(query, projection), isAgreed: true });
}

/** All limits of a query, part by part. */
export function exportLimits(
  query: Omit<PeriodLimitQuery, 'after' | 'limit' | 'offset'>,
  projection: LimitProjection,
  format: LineFormat,
): LinesReader<AssetTimeKey> {
  return (trx, after, limit) =>
    queryLines(trx, limitSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const LIMIT_KEY: KeyColumns<AssetTimeKey> = {
  assetId: { column: 'asset_id', as: 'text' },
  startTime: { column: 'start_time', as: 'instant' },
};

const SAID_COLUMNS = `t.source, t.delivery_day, t.power_charge_mw, t.power_discharge_mw, t.energy_low_mwh,
  t.energy_high_mwh, t.trading_locked, t.created_at, t.updated_at`;

/** First the periods of the page, from nothing but keys; then what is said about each of them. */
function limitSource(
  query: PeriodLimitQuery,
  { ofPeriod, ofSource }: LimitProjection,
): PageSource<AssetTimeKey, PeriodLimitColumn> {
  const parameters = new StatementParameters();
  const { order, limit, offset } = query;
  const knownAt = query.knownAt === undefined ? null : `${parameters.bind(query.knownAt)}::timestamptz`;
  const shown =
    query.sources === undefined ? null : `t.source = any (${parameters.bind(textArray(query.sources))}::text[])`;
  const reach = `${parameters.bind(offset + limit + 1)}::int8`;
  const skipped = `${parameters.bind(offset)}::int8`;
  const conditions = windowConditions(query, query.after, { time: 'start_time', rest: [] }, parameters);
  const periods = knownRows({
    table: 'period_limit',
    columns: 't.start_time',
    conditions: shown === null ? conditions : [...conditions, shown],
    knownAt,
    isDistinct: true,
    ending: `order by start_time ${order} limit ${reach}`,
  });
  const said = knownRows({
    table: 'period_limit',
    columns: SAID_COLUMNS,
    conditions: ['t.org_id = page.org_id', 't.asset_id = page.asset_id', 't.start_time = page.start_time'],
    knownAt,
  });
  const rows = `
    select page.asset_id, page.start_time, page.start_time + interval '15 minutes' as end_time, said.*
    from (
      select wanted.org_id, wanted.asset_id, period.start_time
      from ${wantedAssets(query, query.after, parameters)} cross join lateral (${periods}) period
      order by wanted.asset_id ${order}, period.start_time ${order}
      limit ${reach} offset ${skipped}) page
    cross join lateral (
      select max(t.delivery_day) as delivery_day, max(t.power_charge_mw) as power_charge_mw,
        min(t.power_discharge_mw) as power_discharge_mw, max(t.energy_low_mwh) as energy_low_mwh,
        min(t.energy_high_mwh) as energy_high_mwh, coalesce(bool_or(t.trading_locked), false) as trading_locked,
        '[' || string_agg(${objectText(ofSource, 't')}, ',' order by t.source)${shown === null ? '' : ` filter (where ${shown})`} || ']' as sources
      from (${said}) t) said
    order by page.asset_id ${order}, page.start_time ${order}`;
  return { rows, parameters, projection: ofPeriod, key: LIMIT_KEY, limit };
}
