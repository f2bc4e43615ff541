import {
  listTelemetryBuckets,
  measuredKnownAt,
  rollUp,
  type BucketQuery,
  type Projection,
  type TelemetryBucketColumn,
} from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import type { Bench } from '../bench.js';
import { median, ratios, short } from '../figures.js';
import { fillSamples } from '../fill.js';
import type { Measurement } from '../judge.js';
import type { Store } from '../store.js';
import { timed } from '../timed.js';

const DAY_MS = 86_400_000;
const DAYS = 28;
const SAMPLES = DAYS * 17_280;
const PERIODS_AT_ONCE = 5_000;

const PROJECTION: Projection<TelemetryBucketColumn> = [
  { name: 'startsAt', column: 'starts_at', as: 'instant' },
  { name: 'samples', column: 'samples', as: 'integer' },
  { name: 'gridKw', column: 'grid_kw', as: { number: {} } },
  { name: 'pvKw', column: 'pv_kw', as: { number: {} } },
  { name: 'batteryKw', column: 'battery_kw', as: { number: {} } },
  { name: 'socPercent', column: 'soc_percent', as: { number: {} } },
];

/**
 * Quarter hours of 28 days of one plant that reports every five seconds: the same query once with every rollup up to date,
 * once with every quarter hour on the list of changed ones, so that it must come from the samples. Both answers must be the
 * same, byte for byte.
 */
export async function measureRollups(bench: Bench): Promise<Measurement[]> {
  const { fleet, epoch, sizes, signal } = bench;
  const store = await bench.full();
  const filling = await timed(() =>
    fillSamples(store, fleet, { plants: [fleet.monthPlant], total: SAMPLES, before: epoch }),
  );
  bench.say(`  filled ${filling.result.toLocaleString('en')} samples of one plant in ${filling.seconds.toFixed(0)} s`);

  const fromRollups: number[] = [];
  const fromSamples: number[] = [];
  for (let round = 0; round < sizes.rounds; round += 1) {
    signal.throwIfAborted();
    await noteEveryQuarter(bench, store);
    const raw = await bucketMillis(bench, store);
    await workOff(bench, store);
    const rolledUp = await bucketMillis(bench, store);
    if (raw.json !== rolledUp.json) throw new Error('rollups and samples give different answers');
    fromSamples.push(raw.millis);
    fromRollups.push(rolledUp.millis);
  }
  bench.say(`  from rollups ${short(median(fromRollups))} ms, from samples ${short(median(fromSamples))} ms`);
  return [{ goal: 'rollups', values: ratios(fromSamples, fromRollups) }];
}

/** The list of changed quarter hours, as a correction of each of them would leave it. */
async function noteEveryQuarter({ fleet, epoch }: Bench, { admin }: Store): Promise<void> {
  const { id } = fleet.organisation;
  await admin.transaction([id], (trx) =>
    trx.query({
      text: `insert into app.dirty_period (org_id, plant_id, starts_at)
             select $1::uuid, $2::uuid, at
             from generate_series($3::timestamptz, $4::timestamptz - interval '1 second', interval '15 minutes') t (at)`,
      values: [id, fleet.monthPlant, instantFromEpochMillis(epoch - DAYS * DAY_MS), instantFromEpochMillis(epoch)],
    }),
  );
  await admin.transaction([id], (trx) => trx.query({ text: 'analyze app.dirty_period', values: [] }));
}

async function workOff({ fleet, signal }: Bench, { ingest, admin }: Store): Promise<void> {
  const { id } = fleet.organisation;
  while ((await rollUp(ingest, [id], { most: PERIODS_AT_ONCE }))?.length === PERIODS_AT_ONCE) signal.throwIfAborted();
  await admin.transaction([id], (trx) =>
    trx.query({ text: 'analyze app.telemetry_rollup, app.dirty_period', values: [] }),
  );
}

/** The median of some repetitions after a first one that does not count. */
async function bucketMillis(
  { fleet, epoch, sizes }: Bench,
  { read }: Store,
): Promise<{ json: string; millis: number }> {
  const query: Omit<BucketQuery, 'knownAt'> = {
    orgId: fleet.organisation.id,
    plantId: fleet.monthPlant,
    from: instantFromEpochMillis(epoch - DAYS * DAY_MS),
    to: instantFromEpochMillis(epoch),
    bucketMinutes: 15,
  };
  const ask = () =>
    read.read([query.orgId], async (trx) => {
      const { knownAt } = await measuredKnownAt(trx);
      return listTelemetryBuckets(trx, { ...query, knownAt }, PROJECTION);
    });
  const json = await ask();
  const millis: number[] = [];
  for (let n = 0; n < sizes.bucketQueries; n += 1) millis.push((await timed(ask)).seconds * 1_000);
  return { json, millis: median(millis) };
}
