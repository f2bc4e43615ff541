import { epochMicros, instantFromEpochMicros, type UtcInstant } from '@quarterhour/domain';
import { plainArray } from '../array-literals.js';
import type { Trx } from '../pool.js';

/** Whether nothing came from a plant `p` since $4, as a condition: telemetry measured since $3, or an answer. */
const IS_SILENT = `
  not exists (
    select from app.telemetry_realtime t
     where t.org_id = p.org_id and t.plant_id = p.plant_id and t.measured_at > $3::timestamptz
       and t.received_at > $4::timestamptz)
  and not exists (
    select from app.command_log a
     where a.org_id = p.org_id and a.plant_id = p.plant_id and a.answered_at > $4::timestamptz)
  and not exists (
    select from app.schedule_slot b
     where b.org_id = p.org_id and b.plant_id = p.plant_id and b.ends_at > $3::timestamptz
       and b.answered_at > $4::timestamptz)`;

/** The conditions are in the list of columns, so that the planner answers them plant by plant and reads no table whole. */
const ASK = `
  select p.plant_id as "plantId", ${IS_SILENT} as "isSilent"
  from unnest($1::uuid[], $2::uuid[]) as p (org_id, plant_id)`;

/** How old telemetry may be by its own time. Every day has a partition, and of all but the newest nothing is asked. */
const MEASURED_WITHIN_MICROS = 3_600_000_000;

/** Something that is due at a plant. */
interface Due {
  readonly orgId: string;
  readonly plantId: string;
  /** When it was handed over; null when it was not. */
  readonly relayedAt: UtcInstant | null;
  /** The database's clock. */
  readonly now: UtcInstant;
}

/**
 * Says of what was handed over whether its plant is silent: no telemetry of the last hour and no answer came for so long. Of what
 * was not handed over it is false. Nothing is asked where nothing was handed over, which is how it mostly is.
 */
export async function knowingSilence<D extends Due>(
  trx: Trx,
  due: readonly D[],
  silentAfterMs: number,
): Promise<(D & { readonly isPlantSilent: boolean })[]> {
  const silent = await silentPlants(
    trx,
    due.filter(({ relayedAt }) => relayedAt !== null),
    silentAfterMs,
  );
  return due.map((one) => ({ ...one, isPlantSilent: one.relayedAt !== null && silent.has(one.plantId) }));
}

/** Unnamed on purpose: the planner must see since when, to leave out the partitions before it. */
async function silentPlants(trx: Trx, due: readonly Due[], silentAfterMs: number): Promise<ReadonlySet<string>> {
  const [first] = due;
  if (first === undefined) return new Set();
  const plants = [...new Map(due.map((one) => [one.plantId, one])).values()];
  const now = epochMicros(first.now);
  const asked = await trx.query<{ plantId: string; isSilent: boolean }>({
    text: ASK,
    values: [
      plainArray(plants.map(({ orgId }) => orgId)),
      plainArray(plants.map(({ plantId }) => plantId)),
      instantFromEpochMicros(now - MEASURED_WITHIN_MICROS),
      instantFromEpochMicros(now - silentAfterMs * 1_000),
    ],
  });
  return new Set(asked.flatMap(({ plantId, isSilent }) => (isSilent ? [plantId] : [])));
}
