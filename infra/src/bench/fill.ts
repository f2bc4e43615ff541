import { ensurePartitions } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { onServer } from '../stack/index.js';
import type { Fleet } from './fleet.js';
import type { Store } from './store.js';

const DAY_MS = 86_400_000;
const SAMPLE_MS = 5_000;
const DISPATCH_MS = 60_000;
const DISPATCHES_AT_ONCE_MS = 2_000 * DISPATCH_MS;
/** As many as there are likely to be processors for. */
const AT_ONCE = 2;

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** One sample of each plant at each instant: in order of time, as they arrive. */
const SAMPLES = `
  insert into app.telemetry_realtime (org_id, plant_id, measured_at, grid_kw, pv_kw, battery_kw, consumption_kw,
    soc_percent, battery_energy_kwh, battery_temperature_celsius, operating_mode, data_quality, message_id, published_at,
    body_sha256, received_at)
  select $1::uuid, p.id, t.at, 10 * sin(s.x), 30 * sin(s.x / 7), 5 * cos(s.x), 10, 50 + 40 * sin(s.x / 3), 108.4, 23.1,
    'AUTO', 'GOOD', gen_random_uuid()::text, t.at, sha256(float8send(s.x)), t.at + interval '1 second'
  from generate_series($3::timestamptz, $4::timestamptz - interval '1 microsecond',
      make_interval(secs => $5::float8 / 1000)) as t (at)
  cross join lateral (
    select u.id, u.n from unnest($2::uuid[]) with ordinality as u (id, n) where t.at is not null) as p
  cross join lateral (select extract(epoch from t.at)::float8 / 3600 + p.n as x) as s`;

/** One dispatch of each asset every minute. Ids rise with time, as UUIDv7 do. */
const DISPATCHES = `
  insert into app.dispatch (org_id, event_id, asset_id, source, published_at, dispatch_time, delivery_period_start,
    delivery_day, target_power_mw, nominal_power_mw, power_imbalance_mw, soc_imbalance_mwh, content_sha256, received_at)
  select $1::uuid, e.id, a.id, 'optimiser', t.at - interval '5 minutes', t.at, q.starts_at,
    (q.starts_at at time zone 'Europe/Berlin')::date, round((10 * sin(a.n + extract(epoch from t.at) / 3600))::numeric, 3),
    12.5, 0.25, null, sha256(uuid_send(e.id)), t.at - interval '4 minutes'
  from generate_series($3::timestamptz, $4::timestamptz - interval '1 microsecond',
      make_interval(secs => $5::float8 / 1000)) as t (at)
  cross join lateral (
    select u.id, u.n from unnest($2::text[]) with ordinality as u (id, n) where t.at is not null) as a
  cross join lateral (select date_bin('15 minutes', t.at, timestamptz 'epoch') as starts_at) as q
  cross join lateral (
    select (lpad(to_hex((extract(epoch from t.at) * 1000)::int8), 12, '0') || '70008' || lpad(to_hex(a.n), 15, '0'))::uuid
      as id) as e`;

/**
 * Stores samples that end before an instant, every five seconds one of each of these plants, and tidies up after them.
 *
 * @param total about how many; what is stored is a multiple of the number of plants
 * @returns how many
 */
export async function fillSamples(
  store: Store,
  { organisation }: Fleet,
  { plants, total, before }: { plants: readonly string[]; total: number; before: number },
): Promise<number> {
  const instants = Math.ceil(total / plants.length);
  const days = daysOf({ from: before - instants * SAMPLE_MS, to: before });
  await ensurePartitions(store.ingest, 'plant-telemetry', days.map(dayOf));
  await inParallel(days, async (day) => {
    await insert(store, organisation.id, { text: SAMPLES, of: plants, stretch: day, everyMs: SAMPLE_MS });
    await onServer(store.adminUrl, `vacuum app.telemetry_realtime_p${dayOf(day).replaceAll('-', '')}`);
  });
  await onServer(store.adminUrl, 'analyze app.telemetry_realtime');
  await onServer(store.adminUrl, 'checkpoint');
  return instants * plants.length;
}

/**
 * Stores dispatches of every asset that end before an instant, one a minute. What they came from has no receipts: a page
 * does not read them.
 *
 * @returns how many, and when the first one is
 */
export async function fillDispatches(
  store: Store,
  { organisation }: Fleet,
  { total, before }: { total: number; before: number },
): Promise<{ rows: number; from: number }> {
  const instants = Math.ceil(total / store.assets.length);
  const from = before - instants * DISPATCH_MS;
  await inParallel(stretches({ from, to: before }, DISPATCHES_AT_ONCE_MS), (stretch) =>
    insert(store, organisation.id, { text: DISPATCHES, of: store.assets, stretch, everyMs: DISPATCH_MS }),
  );
  await onServer(store.adminUrl, 'vacuum (analyze) app.dispatch');
  await onServer(store.adminUrl, 'checkpoint');
  return { rows: instants * store.assets.length, from };
}

/** Three sources limit each asset in every quarter hour, as a year of settings leaves them. */
const LIMITS = `
  insert into app.period_limit (org_id, asset_id, start_time, source, delivery_day, power_charge_mw, power_discharge_mw,
    energy_low_mwh, energy_high_mwh, trading_locked, created_at, updated_at)
  select $1::uuid, a.id, t.at, s.name, (t.at at time zone 'Europe/Berlin')::date, -12.5 - s.n, 10.25 + s.n, s.n, 20 - s.n,
    false, t.at - interval '1 day', t.at - interval '1 day'
  from unnest($2::text[]) as a (id)
  cross join lateral generate_series($3::timestamptz, $4::timestamptz - interval '1 microsecond',
    make_interval(secs => $5::float8 / 1000)) as t (at)
  cross join lateral (
    select u.name, u.n from unnest('{CUSTOMER,OPERATIONS,PV}'::text[]) with ordinality as u (name, n)) as s`;

const QUARTER_MS = 900_000;
const LIMIT_SOURCES = 3;

/**
 * Stores limits of every asset that end before an instant, asset by asset.
 *
 * @returns how many, and when the first one is
 */
export async function fillLimits(
  store: Store,
  { organisation }: Fleet,
  { total, before }: { total: number; before: number },
): Promise<{ rows: number; from: number }> {
  const periods = Math.ceil(total / store.assets.length / LIMIT_SOURCES);
  const stretch = { from: before - periods * QUARTER_MS, to: before };
  await inParallel(store.assets, (asset) =>
    insert(store, organisation.id, { text: LIMITS, of: [asset], stretch, everyMs: QUARTER_MS }),
  );
  await onServer(store.adminUrl, 'vacuum (analyze) app.period_limit');
  await onServer(store.adminUrl, 'checkpoint');
  return { rows: periods * store.assets.length * LIMIT_SOURCES, from: stretch.from };
}

async function insert(
  { admin }: Store,
  orgId: string,
  { text, of, stretch, everyMs }: { text: string; of: readonly string[]; stretch: Stretch; everyMs: number },
): Promise<void> {
  const span = [instantFromEpochMillis(stretch.from), instantFromEpochMillis(stretch.to)];
  await admin.transaction([orgId], (trx) => trx.query({ text, values: [orgId, [...of], ...span, everyMs] }));
}

/** Cut at midnight UTC: each piece is of one partition. */
function daysOf({ from, to }: Stretch): Stretch[] {
  const midnight = from - (from % DAY_MS) + DAY_MS;
  return midnight >= to ? [{ from, to }] : [{ from, to: midnight }, ...stretches({ from: midnight, to }, DAY_MS)];
}

function stretches({ from, to }: Stretch, lengthMs: number): Stretch[] {
  return Array.from({ length: Math.ceil((to - from) / lengthMs) }, (_, index) => ({
    from: from + index * lengthMs,
    to: Math.min(to, from + (index + 1) * lengthMs),
  }));
}

function dayOf({ from }: Stretch): string {
  return instantFromEpochMillis(from).slice(0, 10);
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const run = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}
