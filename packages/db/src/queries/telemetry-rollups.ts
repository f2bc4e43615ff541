import {
  DeliveryPeriod,
  epochSeconds,
  instantFromEpochSeconds,
  SECONDS_PER_DELIVERY_PERIOD,
  type UtcInstant,
} from '@quarterhour/domain';
import { plainArray } from '../array-literals.js';
import type { Database, Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { tryAlone } from './quarantine-decisions.js';

/** Measures that are added up, with the expression over a sample that each is made of. */
export const ROLLED_UP = {
  grid: 'grid_kw',
  pv: 'pv_kw',
  battery: 'battery_kw',
  inverter: 'pv_kw + battery_kw',
  consumption: 'consumption_kw',
  soc: 'soc_percent',
} as const;

const MEASURES = Object.entries(ROLLED_UP);
const FIGURES = ['n', 'sum', 'min', 'max', 'first', 'last'] as const;
const FIGURE_COLUMNS = MEASURES.flatMap(([measure]) => FIGURES.map((figure) => `${measure}_${figure}`));
const COLUMNS = ['org_id', 'plant_id', 'span', 'starts_at', 'samples', 'changed_at', ...FIGURE_COLUMNS];

const NOTE = `
  insert into app.dirty_period (org_id, plant_id, starts_at)
  select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])`;

/** The same for samples that are in `stored`, as part of the statement that stores them. */
export const NOTE_STORED = `
  insert into app.dirty_period (org_id, plant_id, starts_at)
  select distinct org_id, plant_id, date_bin('15 minutes', measured_at, timestamptz 'epoch') from stored`;

/** Notes which quarter hours of which plants changed in this transaction. */
export async function noteDirtyPeriods(
  trx: Trx,
  samples: readonly { readonly orgId: string; readonly plantId: string; readonly measuredAt: UtcInstant }[],
): Promise<void> {
  const ofPeriods = new Map<string, (typeof samples)[number]>();
  for (const sample of samples) {
    const period = Math.floor(epochSeconds(sample.measuredAt) / SECONDS_PER_DELIVERY_PERIOD);
    ofPeriods.set(`${sample.orgId} ${sample.plantId} ${period}`, sample);
  }
  if (ofPeriods.size === 0) return;
  const rows = [...ofPeriods.values()];
  await trx.query(
    prepared(NOTE, [
      plainArray(rows.map(({ orgId }) => orgId)),
      plainArray(rows.map(({ plantId }) => plantId)),
      plainArray(rows.map(({ measuredAt }) => DeliveryPeriod.containing(measuredAt).start)),
    ]),
  );
}

/** Sums name the order of their terms: in another order the last digits are others. */
function figuresOf(
  measure: string,
  of: { n: string; sum: string; min: string; max: string; firsts: string; lasts: string },
) {
  return [
    `${of.n}::int as ${measure}_n`,
    `${of.sum} as ${measure}_sum`,
    `${of.min} as ${measure}_min`,
    `${of.max} as ${measure}_max`,
    `(${of.firsts})[1] as ${measure}_first`,
    `(${of.lasts})[cardinality(${of.lasts})] as ${measure}_last`,
  ];
}

const OVER_SAMPLES = MEASURES.flatMap(([measure, of]) => {
  const values = `array_agg(${of} order by measured_at) filter (where ${of} is not null)`;
  return figuresOf(measure, {
    n: `count(${of})`,
    sum: `sum(${of} order by measured_at)`,
    min: `min(${of})`,
    max: `max(${of})`,
    firsts: values,
    lasts: values,
  });
}).join(', ');

/** The same over the rollups of a shorter span. */
const OVER_ROLLUPS = MEASURES.flatMap(([measure]) => {
  const values = (figure: string) =>
    `array_agg(${measure}_${figure} order by starts_at) filter (where ${measure}_n > 0)`;
  return figuresOf(measure, {
    n: `sum(${measure}_n)`,
    sum: `sum(${measure}_sum order by starts_at)`,
    min: `min(${measure}_min)`,
    max: `max(${measure}_max)`,
    firsts: values('first'),
    lasts: values('last'),
  });
}).join(', ');

const LENGTHS = { quarter: '15 minutes', hour: '1 hour', day: '1 day' } as const;

/** A select of the rollups of some periods, as a recompute from what they are made of has them. */
function recomputed(span: keyof typeof LENGTHS, keys: string): string {
  const within = `t.org_id = k.org_id and t.plant_id = k.plant_id`;
  const until = `k.starts_at + interval '${LENGTHS[span]}'`;
  const parts =
    span === 'quarter'
      ? `select count(*)::int as samples, max(received_at) as changed_at, ${OVER_SAMPLES} from (
           select * from app.telemetry_realtime t
            where ${within} and t.measured_at >= k.starts_at and t.measured_at < ${until}) t`
      : `select sum(samples)::int as samples, max(changed_at) as changed_at, ${OVER_ROLLUPS} from (
           select * from app.telemetry_rollup t
            where ${within} and t.span = '${span === 'hour' ? 'quarter' : 'hour'}'
              and t.starts_at >= k.starts_at and t.starts_at < ${until}) t`;
  return `
    select k.org_id, k.plant_id, '${span}' as span, k.starts_at, f.*
      from (${keys}) k cross join lateral (${parts}) f where f.samples > 0`;
}

const KEYS = 'select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as k (org_id, plant_id, starts_at)';

function upsertOf(span: keyof typeof LENGTHS): string {
  const keys =
    span === 'quarter'
      ? KEYS
      : `select distinct k.org_id, k.plant_id, date_bin('${LENGTHS[span]}', k.starts_at, timestamptz 'epoch') as starts_at
           from (${KEYS}) k`;
  return `
    insert into app.telemetry_rollup (${COLUMNS.join(', ')})
    select ${COLUMNS.join(', ')} from (${recomputed(span, keys)}) r order by org_id, plant_id, starts_at
    on conflict (org_id, plant_id, span, starts_at) do update
      set ${COLUMNS.slice(4)
        .map((column) => `${column} = excluded.${column}`)
        .join(', ')}`;
}

const UPSERTS = [upsertOf('quarter'), upsertOf('hour'), upsertOf('day')];

/** A quarter hour of a plant. */
export interface PlantPeriod {
  readonly orgId: string;
  readonly plantId: string;
  readonly startsAt: UtcInstant;
}

const NIL = '00000000-0000-0000-0000-000000000000';
const BEFORE_ALL: PlantPeriod = { orgId: NIL, plantId: NIL, startsAt: instantFromEpochSeconds(0) };

/** All notes of a period at once, so that it is added up once. */
const TAKE = `
  with due as materialized (
    select distinct org_id, plant_id, starts_at from app.dirty_period
    where (org_id, plant_id, starts_at) > ($2::uuid, $3::uuid, $4::timestamptz)
    order by org_id, plant_id, starts_at limit $1::int
  ), taken as (
    delete from app.dirty_period d using due
     where d.org_id = due.org_id and d.plant_id = due.plant_id and d.starts_at = due.starts_at
  )
  select org_id as "orgId", plant_id as "plantId", app.instant_text(starts_at) as "startsAt"
  from due order by org_id, plant_id, starts_at`;

/**
 * Brings the rollups of some dirty quarter hours, and of their hours and days, up to date. One process at a time does so;
 * another answers null at once.
 *
 * What a transaction stores that commits later has its own note in the list, so nothing is missed.
 *
 * @param organisations everybody
 * @param most most quarter hours taken from the list
 * @param after where the list was left, to come to the end of one that others write to meanwhile; default: its beginning
 * @returns the quarter hours taken, in the order of the list; fewer than `most` means that its end was reached
 */
export function rollUp(
  db: Database,
  organisations: readonly string[],
  { most, after = BEFORE_ALL }: { readonly most: number; readonly after?: PlantPeriod },
): Promise<readonly PlantPeriod[] | null> {
  return db.transaction(organisations, async (trx) => {
    if (!(await tryAlone(trx, 'rollups'))) return null;
    const periods = await trx.query<PlantPeriod>(prepared(TAKE, [most, after.orgId, after.plantId, after.startsAt]));
    if (periods.length === 0) return periods;
    const keys = [
      plainArray(periods.map(({ orgId }) => orgId)),
      plainArray(periods.map(({ plantId }) => plantId)),
      plainArray(periods.map(({ startsAt }) => startsAt)),
    ];
    for (const upsert of UPSERTS) await trx.query(prepared(upsert, keys));
    return periods;
  });
}

/** A rollup that is not what a recompute gives. */
export interface WrongRollup {
  readonly orgId: string;
  readonly plantId: string;
  readonly span: string;
  readonly startsAt: UtcInstant;
  /** `missing`: samples are there and no rollup; `stale`: its figures are others. */
  readonly fault: 'missing' | 'stale';
}

/** Which rollups to compare: those of periods that start in `[from, to)`. */
export interface VerifyQuery {
  readonly from: UtcInstant;
  readonly to: UtcInstant;
}

function verifyOf(span: keyof typeof LENGTHS): string {
  const source =
    span === 'quarter'
      ? `select distinct org_id, plant_id, date_bin('15 minutes', measured_at, timestamptz 'epoch') as starts_at
           from app.telemetry_realtime where measured_at >= $1::timestamptz and measured_at < $2::timestamptz`
      : `select distinct org_id, plant_id, date_bin('${LENGTHS[span]}', starts_at, timestamptz 'epoch') as starts_at
           from app.telemetry_rollup where span = '${span === 'hour' ? 'quarter' : 'hour'}'
             and starts_at >= $1::timestamptz and starts_at < $2::timestamptz`;
  const figures = COLUMNS.slice(4);
  return `
    select e.org_id as "orgId", e.plant_id as "plantId", e.span, app.instant_text(e.starts_at) as "startsAt",
      case when r.org_id is null then 'missing' else 'stale' end as fault
    from (${recomputed(span, source)}) e
    left join app.telemetry_rollup r
      on r.org_id = e.org_id and r.plant_id = e.plant_id and r.span = e.span and r.starts_at = e.starts_at
    where r.org_id is null or (${figures.map((column) => `r.${column}`).join(', ')})
      is distinct from (${figures.map((column) => `e.${column}`).join(', ')})
    order by e.starts_at limit 1000`;
}

const VERIFICATIONS = [verifyOf('quarter'), verifyOf('hour'), verifyOf('day')];

/** Rollups of the organisations in scope that differ from a recompute, the first thousand per span; empty when all is well. */
export async function findWrongRollups(trx: Trx, { from, to }: VerifyQuery): Promise<WrongRollup[]> {
  const wrong: WrongRollup[] = [];
  for (const verification of VERIFICATIONS) {
    wrong.push(...(await trx.query<WrongRollup>(prepared(verification, [from, to]))));
  }
  return wrong;
}
