import type { SpecValidity, UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import { isConstraintViolation } from '../errors.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';

/** What an asset can do, as far as it is known. Decimals are canonical text, powers in MW, energies in MWh. */
export interface SpecValues {
  readonly ratedPowerMw: string | null;
  readonly gridConnectionMaxPowerMw: string | null;
  readonly maxCapacityMwh: string | null;
  readonly rampRateMwPerMinute: string | null;
  /** 1 to 200 characters. */
  readonly rampType: string | null;
  /** Above 0, at most 1. */
  readonly chargeEfficiency: string | null;
  readonly dischargeEfficiency: string | null;
  readonly dailyCycleEnergyLimitMwh: string | null;
  readonly prequalifiedFcrMw: string | null;
  readonly prequalifiedAfrrChargeMw: string | null;
  readonly prequalifiedAfrrDischargeMw: string | null;
}

/** One version of an asset's technical data. */
export interface AssetSpec extends SpecValidity, SpecValues {}

const VALUES: readonly {
  readonly field: keyof SpecValues;
  readonly column: string;
  readonly type: 'numeric' | 'text';
}[] = [
  { field: 'ratedPowerMw', column: 'rated_power_mw', type: 'numeric' },
  { field: 'gridConnectionMaxPowerMw', column: 'grid_connection_max_power_mw', type: 'numeric' },
  { field: 'maxCapacityMwh', column: 'max_capacity_mwh', type: 'numeric' },
  { field: 'rampRateMwPerMinute', column: 'ramp_rate_mw_per_minute', type: 'numeric' },
  { field: 'rampType', column: 'ramp_type', type: 'text' },
  { field: 'chargeEfficiency', column: 'charge_efficiency', type: 'numeric' },
  { field: 'dischargeEfficiency', column: 'discharge_efficiency', type: 'numeric' },
  { field: 'dailyCycleEnergyLimitMwh', column: 'daily_cycle_energy_limit_mwh', type: 'numeric' },
  { field: 'prequalifiedFcrMw', column: 'prequalified_fcr_mw', type: 'numeric' },
  { field: 'prequalifiedAfrrChargeMw', column: 'prequalified_afrr_charge_mw', type: 'numeric' },
  { field: 'prequalifiedAfrrDischargeMw', column: 'prequalified_afrr_discharge_mw', type: 'numeric' },
];
const VALUE_COLUMNS = VALUES.map(({ column }) => column).join(', ');
const COLUMNS = `org_id, asset_id, valid_from, valid_to, ${VALUE_COLUMNS}, created_at, received_at`;
const READ_VALUES = VALUES.map(
  ({ field, column, type }) => `${type === 'numeric' ? `trim_scale(${column})::text` : column} as "${field}"`,
).join(', ');

/** Whose version it is. */
export interface SpecOwner {
  readonly orgId: string;
  readonly assetId: string;
}

/** What an offered version meets. */
export interface LockedSpecs {
  readonly same: AssetSpec | null;
  readonly active: AssetSpec | null;
}

const LOCK = `
  select app.instant_text(valid_from) as "validFrom", app.instant_text(valid_to) as "validTo", ${READ_VALUES}
    from app.asset_spec
   where org_id = $1::uuid and asset_id = $2 and (valid_from = $3::timestamptz or valid_to is null)
   order by valid_from for update`;

/** The version of an asset that begins at an instant and the one without an end, both locked until the transaction ends. */
export async function lockSpecs(trx: Trx, { orgId, assetId }: SpecOwner, validFrom: UtcInstant): Promise<LockedSpecs> {
  const found = await trx.query<AssetSpec>(prepared(LOCK, [orgId, assetId, validFrom]));
  return {
    same: found.find((spec) => spec.validFrom === validFrom) ?? null,
    active: found.find(({ validTo }) => validTo === null) ?? null,
  };
}

/** A version overlaps another one of its asset. */
export class SpecOverlapError extends Error {
  override readonly name = 'SpecOverlapError';
  readonly code = 'SPEC_OVERLAP';
}

const INSERT = `
  insert into app.asset_spec (${COLUMNS})
  values ($1::uuid, $2, $3::timestamptz, $4::timestamptz,
    ${VALUES.map(({ type }, index) => `$${index + 6}::${type}`).join(', ')}, $5::timestamptz, $5::timestamptz)`;

/**
 * Keeps a new version.
 *
 * @param stamp the organisation's `known_at` of this transaction
 * @throws SpecOverlapError; the transaction can only be given up then
 */
export async function insertSpec(trx: Trx, owner: SpecOwner, spec: AssetSpec, stamp: UtcInstant): Promise<void> {
  await unlessOverlapping(trx.query(prepared(INSERT, parametersOf(owner, spec, stamp))));
}

const ARCHIVE = `
  insert into app.asset_spec_history (${COLUMNS}, displaced_at)
  select ${COLUMNS}, $4::timestamptz from app.asset_spec
   where org_id = $1::uuid and asset_id = $2 and valid_from = $3::timestamptz`;
const REPLACE = `
  update app.asset_spec
     set valid_to = $4::timestamptz, received_at = $5::timestamptz,
       ${VALUES.map(({ column, type }, index) => `${column} = $${index + 6}::${type}`).join(', ')}
   where org_id = $1::uuid and asset_id = $2 and valid_from = $3::timestamptz`;

/**
 * Gives the version that begins at the same instant, and is locked, another end and other values; what it was goes to the
 * history.
 *
 * @throws SpecOverlapError; the transaction can only be given up then
 */
export async function replaceSpec(trx: Trx, owner: SpecOwner, spec: AssetSpec, stamp: UtcInstant): Promise<void> {
  await trx.query(prepared(ARCHIVE, [owner.orgId, owner.assetId, spec.validFrom, stamp]));
  await unlessOverlapping(trx.query(prepared(REPLACE, parametersOf(owner, spec, stamp))));
}

const ARCHIVE_ALL = `
  insert into app.asset_spec_history (${COLUMNS}, displaced_at)
  select ${COLUMNS}, $3::timestamptz from app.asset_spec where org_id = $1::uuid and asset_id = $2`;
const REMOVE_ALL = 'delete from app.asset_spec where org_id = $1::uuid and asset_id = $2';

/** Moves all versions of an asset to the history: it is about to be deleted, and locked. */
export async function displaceSpecs(trx: Trx, { orgId, assetId }: SpecOwner, stamp: UtcInstant): Promise<void> {
  await trx.query(prepared(ARCHIVE_ALL, [orgId, assetId, stamp]));
  await trx.query(prepared(REMOVE_ALL, [orgId, assetId]));
}

function parametersOf({ orgId, assetId }: SpecOwner, spec: AssetSpec, stamp: UtcInstant): unknown[] {
  return [orgId, assetId, spec.validFrom, spec.validTo, stamp, ...VALUES.map(({ field }) => spec[field])];
}

async function unlessOverlapping(writing: Promise<unknown>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!isConstraintViolation(error, 'asset_spec_apart')) throw error;
    throw new SpecOverlapError('the version overlaps another one of its asset', { cause: error });
  }
}

/** Columns that a projection of technical data may show. `received_at` is when a version became what it is. */
export type SpecColumn =
  | 'asset_id'
  | 'valid_from'
  | 'valid_to'
  | 'rated_power_mw'
  | 'grid_connection_max_power_mw'
  | 'max_capacity_mwh'
  | 'ramp_rate_mw_per_minute'
  | 'ramp_type'
  | 'charge_efficiency'
  | 'discharge_efficiency'
  | 'daily_cycle_energy_limit_mwh'
  | 'prequalified_fcr_mw'
  | 'prequalified_afrr_charge_mw'
  | 'prequalified_afrr_discharge_mw'
  | 'created_at'
  | 'received_at';

/** Where a page of versions ended: the sort key of its last row. */
export interface SpecKey {
  readonly assetId: string;
  readonly validFrom: UtcInstant;
}

/** Which versions, and which page of them. */
export interface SpecQuery {
  /** Ids that nobody has contribute nothing. */
  readonly assetIds: readonly string[];
  /** Bounds of `validFrom`, both included. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  /** Of each asset only the version that begins last within the bounds. */
  readonly latestOnly: boolean;
  /** Starts after this row. */
  readonly after?: SpecKey;
  /** As it was known at this instant. Default: as it is known now. */
  readonly knownAt?: UtcInstant;
  readonly limit: number;
  readonly offset: number;
}

/** One page of versions, by asset, and of each asset the one that begins last first. */
export function listSpecs(trx: Trx, query: SpecQuery, projection: Projection<SpecColumn>): Promise<Page<SpecKey>> {
  return queryPage(trx, { ...specSource(query, projection), isAgreed: true });
}

/** All versions of a query, part by part. */
export function exportSpecs(
  query: Omit<SpecQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<SpecColumn>,
  format: LineFormat,
): LinesReader<SpecKey> {
  return (trx, after, limit) =>
    queryLines(trx, specSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const SPEC_KEY: KeyColumns<SpecKey> = {
  assetId: { column: 'asset_id', as: 'text' },
  validFrom: { column: 'valid_from', as: 'instant' },
};

/** By its owner instead of the asset itself: what was known of an asset outlives it. */
function specSource(query: SpecQuery, projection: Projection<SpecColumn>): PageSource<SpecKey, SpecColumn> {
  const { assetIds, after, limit, offset } = query;
  const parameters = new StatementParameters();
  const assets = parameters.bind(textArray([...new Set(assetIds)]));
  const reach = `${parameters.bind(offset + limit + 1)}::int8`;
  const beyond = after === undefined ? undefined : beyondOf(after, query, parameters);
  const conditions = [...boundsOf(query, parameters), ...(beyond?.ofVersions ?? [])];
  const first = `order by s.valid_from desc limit ${query.latestOnly ? '1' : reach}`;
  const rows = `
    select s.* from unnest(${assets}::text[]) as wanted (asset_id)
    join app.asset_owner a on a.asset_id = wanted.asset_id
    cross join lateral (${versionsOf(query, conditions, first, parameters)}) s
    ${beyond === undefined ? '' : `where ${beyond.ofAssets}`}
    order by s.asset_id, s.valid_from desc limit ${reach} offset ${parameters.bind(offset)}::int8`;
  return { rows, parameters, projection, key: SPEC_KEY, limit };
}

/** The first of those that stand, and where another time is asked for of those that stood then. */
function versionsOf(
  { knownAt }: Pick<SpecQuery, 'knownAt'>,
  conditions: readonly string[],
  first: string,
  parameters: StatementParameters,
): string {
  const rowsOf = (table: string, known: string): string => {
    const where = ['s.org_id = a.org_id', 's.asset_id = a.asset_id', ...conditions].join(' and ');
    return `select ${COLUMNS} from app.${table} s where ${where}${known} ${first}`;
  };
  if (knownAt === undefined) return rowsOf('asset_spec', '');
  const instant = `${parameters.bind(knownAt)}::timestamptz`;
  const standing = rowsOf('asset_spec', ` and s.received_at <= ${instant}`);
  const displaced = rowsOf('asset_spec_history', ` and s.received_at <= ${instant} and s.displaced_at > ${instant}`);
  return `select s.* from ((${standing}) union all (${displaced})) s ${first}`;
}

function boundsOf({ from, to }: SpecQuery, parameters: StatementParameters): string[] {
  return [
    ...(from === undefined ? [] : [`s.valid_from >= ${parameters.bind(from)}::timestamptz`]),
    ...(to === undefined ? [] : [`s.valid_from <= ${parameters.bind(to)}::timestamptz`]),
  ];
}

interface Beyond {
  readonly ofAssets: string;
  readonly ofVersions: readonly string[];
}

/** Of the asset at which a page ended the versions that begin earlier, and all of the assets after it. */
function beyondOf({ assetId, validFrom }: SpecKey, { latestOnly }: SpecQuery, parameters: StatementParameters): Beyond {
  const asset = `${parameters.bind(assetId)}::text`;
  if (latestOnly) return { ofAssets: `a.asset_id > ${asset}`, ofVersions: [] };
  const instant = `${parameters.bind(validFrom)}::timestamptz`;
  const end = `case when a.asset_id = ${asset} then ${instant} else 'infinity' end`;
  return { ofAssets: `a.asset_id >= ${asset}`, ofVersions: [`s.valid_from < ${end}`] };
}
