import { z } from 'zod';
import { MAX_MEASUREMENT_DAYS, MAX_METER_POINTS, type MeasurementsQuery } from '@quarterhour/contracts';
import { findPlant, listMeterBuckets, type BucketQuery, type Trx } from '@quarterhour/db';
import {
  compareInstants,
  epochMicros,
  instantFromEpochMicros,
  instantFromEpochMillis,
  parseInstant,
  type UtcInstant,
} from '@quarterhour/domain';
import { jsonText, NotFoundError, type Position, type TextReply, type Weight } from '@quarterhour/http';
import type { Clock } from '@quarterhour/runtime';
import { measuredMark, saying } from '../../marks.js';
import { assertForward, instantIn, refused } from '../../query-instants.js';
import { METER_PROJECTION } from './present.js';

const DAY_MICROS = 86_400_000_000;
/** Today and yesterday, what a dashboard shows, is an everyday question. */
const LIGHT_DAYS = 2;

/** Which buckets of which plant are asked for, and what was known of them. */
export async function bucketQuery(
  trx: Trx,
  plantId: string,
  query: MeasurementsQuery,
  begun?: Begun,
): Promise<BucketQuery> {
  const plant = await findPlant(trx, plantId);
  if (plant === null) throw new NotFoundError('plant');
  return { orgId: plant.orgId, plantId, bucketMinutes: query.bucket, ...(begun ?? (await settled(trx, query))) };
}

/** @throws InvalidRequestError when there are more points than are answered at once */
export async function meterReply(trx: Trx, asked: BucketQuery): Promise<TextReply> {
  const buckets = await listMeterBuckets(trx, asked, METER_PROJECTION, MAX_METER_POINTS);
  if ('json' in buckets) return jsonText(buckets.json, saying(asked.knownAt));
  throw refused('bucket', String(asked.bucketMinutes), {
    code: 'too_many_points',
    message: `${buckets.tooMany} points, at most ${MAX_METER_POINTS} are answered: ask for longer buckets or less time`,
    context: { max_points: MAX_METER_POINTS },
  });
}

/** The part of a query that depends on when it was asked first; an export that is taken up again keeps to it. */
export type Begun = Pick<BucketQuery, 'from' | 'to' | 'knownAt'>;

async function settled(trx: Trx, query: MeasurementsQuery): Promise<Begun> {
  const { bound, now } = await measuredMark(trx, query);
  return { ...spanOf(query, now), knownAt: bound };
}

const begunShape = z.tuple([z.string(), z.string()]);

/** @param span of the sort key, its last two members */
export function begunIn({ knownAt }: Position, span: readonly string[]): Begun {
  const [from, to] = begunShape.parse(span);
  return { from: parseInstant(from), to: parseInstant(to), knownAt: parseInstant(z.string().parse(knownAt)) };
}

export function weightOf(query: MeasurementsQuery, clock: Clock): Weight {
  const to = query.to === undefined ? instantFromEpochMillis(clock.nowMillis()) : instantIn('to', query.to);
  const from = query.from === undefined ? to : instantIn('from', query.from);
  return compareInstants(from, daysBefore(to, LIGHT_DAYS)) < 0 ? 'heavy' : 'light';
}

function spanOf(query: MeasurementsQuery, now: UtcInstant): { from: UtcInstant; to: UtcInstant } {
  const to = query.to === undefined ? now : instantIn('to', query.to);
  const from = query.from === undefined ? daysBefore(to, 1) : instantIn('from', query.from);
  assertForward(from, to);
  if (compareInstants(from, daysBefore(to, MAX_MEASUREMENT_DAYS)) < 0) {
    throw refused('from', query.from, {
      code: 'window_too_long',
      message: `from lies more than ${MAX_MEASUREMENT_DAYS} days before to: ask in parts`,
      context: { max_days: MAX_MEASUREMENT_DAYS },
    });
  }
  return { from, to };
}

function daysBefore(instant: UtcInstant, days: number): UtcInstant {
  return instantFromEpochMicros(Math.max(0, epochMicros(instant) - days * DAY_MICROS));
}
