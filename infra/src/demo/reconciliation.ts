import { isDeepStrictEqual } from 'node:util';
import {
  assetDispatch,
  vcpEnvelope,
  type IngestionMinute,
  type Outcome,
  type QuarantineItem,
} from '@quarterhour/contracts';
import { epochMicros, instantFromEpochMicros, parseInstant, type UtcInstant } from '@quarterhour/domain';
import type { DemoMessage } from './messages.js';
import type { ReadApi, TimeSpan } from './read-api.js';
import type { PlantIds } from './register.js';
import type { Published } from './replay.js';

const MINUTE_MICROS = 60_000_000;

/** One line of the comparison of what was published with what the store answers. */
export interface Finding {
  readonly what: string;
  readonly due: number;
  readonly found: number;
  readonly holds: boolean;
}

export interface ReconciliationRequest {
  readonly api: ReadApi;
  readonly messages: readonly DemoMessage[];
  readonly plants: PlantIds;
  /** From before the first message was published until after the last was settled. */
  readonly loaded: TimeSpan;
  /** What was published in that span; null when that is not known because an earlier process began. */
  readonly published: Published | null;
}

/** Reads everything back over HTTP: each message is stored as it was published, or set aside for its reason. */
export async function reconcile(request: ReconciliationRequest): Promise<Finding[]> {
  const { api, messages, plants, loaded, published } = request;
  const dispatches = messages.filter(({ stream, fault }) => stream === 'dispatch' && fault === null);
  const samples = messages.filter(({ stream, fault }) => stream === 'plant-telemetry' && fault === null);
  const faults = messages.filter(({ fault }) => fault !== null);
  const minutes = await api.minutes(wholeMinutes(loaded));
  const plantIds = Object.values(plants);
  return [
    equal('dispatches, read back as published', dispatches.length, await sameDispatches(api, dispatches)),
    equal('telemetry samples, stored', samples.length, sumOf(minutes.filter(isStoredTelemetry))),
    equal('plants, with the latest sample that is due', plantIds.length, await plantsUpToDate(api, plantIds, samples)),
    equal('bad messages, set aside for their reason', faults.length, setAside(faults, await api.quarantine(loaded))),
    ...(published === null ? [] : [copiesExplained(published, minutes)]),
  ];
}

/** Deliveries by what became of them. */
export function byOutcome(minutes: readonly IngestionMinute[]): Map<Outcome, number> {
  const sums = new Map<Outcome, number>();
  for (const { outcome, n } of minutes) sums.set(outcome, (sums.get(outcome) ?? 0) + n);
  return sums;
}

export function sumOf(minutes: readonly IngestionMinute[]): number {
  return minutes.reduce((sum, { n }) => sum + n, 0);
}

/** The minutes that a span touches: deliveries are counted by the minute. */
export function wholeMinutes({ from, to }: TimeSpan): TimeSpan {
  const first = epochMicros(from);
  const last = epochMicros(to);
  return {
    from: instantFromEpochMicros(first - (first % MINUTE_MICROS)),
    to: instantFromEpochMicros(last - (last % MINUTE_MICROS) + MINUTE_MICROS),
  };
}

/** What was offered again, or sent again because its confirm was lost, is settled once more; nothing is settled less. */
function copiesExplained({ confirmed, withoutConfirm }: Published, minutes: readonly IngestionMinute[]): Finding {
  const settled = sumOf(minutes);
  const again = withoutConfirm + sumOf(minutes.filter(({ redelivered }) => redelivered));
  const outcomes = [...byOutcome(minutes)].map(([outcome, n]) => `${n.toLocaleString('en')} ${outcome}`);
  return {
    what: `copies, explained (${outcomes.join(', ')})`,
    due: confirmed,
    found: settled,
    holds: settled >= confirmed && settled <= confirmed + again,
  };
}

function equal(what: string, due: number, found: number): Finding {
  return { what, due, found, holds: found === due };
}

function isStoredTelemetry({ stream, outcome }: IngestionMinute): boolean {
  return stream === 'plant-telemetry' && outcome === 'stored';
}

async function sameDispatches(api: ReadApi, messages: readonly DemoMessage[]): Promise<number> {
  const due = messages.map(({ body }) => assetDispatch.parse(JSON.parse(body.toString())));
  const assetIds = [...new Set(due.map(({ asset_id }) => asset_id))].sort();
  const found = await api.dispatches(assetIds, spanOf(due.map(({ dispatch_time }) => parseInstant(dispatch_time))));
  const byId = new Map(found.map((dispatch) => [dispatch.event_id, dispatch]));
  return due.filter((dispatch) => isDeepStrictEqual(byId.get(dispatch.event_id), dispatch)).length;
}

function spanOf(instants: readonly UtcInstant[]): TimeSpan {
  const micros = instants.map(epochMicros);
  const first = micros.reduce((a, b) => Math.min(a, b));
  const last = micros.reduce((a, b) => Math.max(a, b));
  return { from: instantFromEpochMicros(first), to: instantFromEpochMicros(last + 1) };
}

/** A plant all of whose samples were set aside has never reported. */
async function plantsUpToDate(
  api: ReadApi,
  plantIds: readonly string[],
  samples: readonly DemoMessage[],
): Promise<number> {
  const lastDue = lastSamples(samples);
  const upToDate = await Promise.all(
    plantIds.map(async (plantId) => {
      const latest = await api.latestTelemetry(plantId);
      const due = lastDue.get(plantId);
      if (due === undefined) return latest === null;
      return latest !== null && epochMicros(parseInstant(latest.time)) >= epochMicros(due);
    }),
  );
  return upToDate.filter(Boolean).length;
}

function lastSamples(samples: readonly DemoMessage[]): Map<string, UtcInstant> {
  const last = new Map<string, UtcInstant>();
  for (const { body } of samples) {
    const { siteId, timestamp } = vcpEnvelope.parse(JSON.parse(body.toString()));
    last.set(siteId, parseInstant(timestamp));
  }
  return last;
}

/** A body that could not be read has no message id; its length tells one from another here. */
function setAside(faults: readonly DemoMessage[], quarantine: readonly QuarantineItem[]): number {
  return faults.filter(({ messageId, routingKey, body, fault }) =>
    quarantine.some(
      (item) =>
        item.reason === fault &&
        item.routing_key === routingKey &&
        (item.message_id === null ? item.body_bytes === body.length : item.message_id === messageId),
    ),
  ).length;
}
