import { assetProblem, type ResponseDescription } from '@quarterhour/contracts';
import type { KnownAsset, Written } from '@quarterhour/db';
import {
  DomainError,
  canonicalDecimal,
  deliveryDayOf,
  epochMicros,
  instantFromEpochMicros,
  marketZoneOfDeliveryArea,
  parseInstant,
  type DeliveryDay,
  type MarketZone,
  type UtcInstant,
} from '@quarterhour/domain';
import { InvalidRequestError, type RequestIssue } from '@quarterhour/http';
import type { Writing } from './writing.js';

/** What a batch is answered, for the document. */
export const BATCH_RESPONSES: Readonly<Record<number, ResponseDescription>> = {
  204: {
    description: 'All of it is stored.',
    headers: { 'Quarterhour-Known-At': 'The stamp of what was written.' },
  },
  404: { description: 'Some assets are not there; all of them are named. Nothing was stored.', schema: assetProblem },
};

/** Something that was sent about an asset, and where in the body it stands. */
export interface Entry<T> {
  readonly sent: T;
  readonly path: RequestIssue['path'];
}

/** @param name of the array in the body */
export function entriesOf<T>(name: string, sent: readonly T[]): Entry<T>[] {
  return sent.map((one, index) => ({ sent: one, path: [name, index] }));
}

/**
 * Reads every entry.
 *
 * @throws InvalidRequestError with what is wrong with each of those that break a rule of the field
 */
export function readAll<T, Row>(
  entries: readonly Entry<T>[],
  read: (sent: T, path: RequestIssue['path']) => Row,
): Row[] {
  const issues: RequestIssue[] = [];
  const rows = entries.flatMap(({ sent, path }) => {
    try {
      return [read(sent, path)];
    } catch (error) {
      issues.push(...issuesOf(error, { sent, path }));
      return [];
    }
  });
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return rows;
}

function issuesOf(error: unknown, { sent, path }: Entry<unknown>): readonly RequestIssue[] {
  if (error instanceof InvalidRequestError && error.refusal.kind === 'invalid') return error.refusal.issues;
  if (!(error instanceof DomainError)) throw error;
  return [{ in: 'body', path, code: error.code, message: error.message, input: sent }];
}

/**
 * Rows of which no two have the same key.
 *
 * @throws InvalidRequestError `duplicate_key` for each that repeats the key of one before it
 */
export function distinct<T, Row>(
  entries: readonly Entry<T>[],
  rows: readonly Row[],
  keyOf: (row: Row) => readonly string[],
): readonly Row[] {
  const first = new Map<string, RequestIssue['path']>();
  const issues = rows.flatMap((row, index): RequestIssue[] => {
    const entry = entries[index];
    if (entry === undefined) throw new RangeError(`there is no entry ${index}`);
    const key = JSON.stringify(keyOf(row));
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, entry.path);
      return [];
    }
    const message = `The same key stands at ${before.join('.')}`;
    return [{ in: 'body', path: entry.path, code: 'duplicate_key', message, input: entry.sent }];
  });
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return rows;
}

/** A decimal as it is kept; null where nothing is said. */
export function amountOf(quantity: { readonly amount: string } | null | undefined): string | null {
  return quantity === null || quantity === undefined ? null : canonicalDecimal(quantity.amount);
}

/** The zone of the delivery days of one of these assets. */
export function zoneOf(assets: ReadonlyMap<string, KnownAsset>, id: string): MarketZone {
  const asset = assets.get(id);
  if (asset === undefined) throw new Error(`asset ${id} was not looked up`);
  return marketZoneOfDeliveryArea(asset.deliveryArea);
}

interface SentSpan {
  readonly asset_id: string;
  readonly start_time: string;
  readonly end_time: string;
}

/** Asset, span and delivery day of something that was sent about a span. */
export function placeOf(
  { asset_id: assetId, start_time, end_time }: SentSpan,
  assets: ReadonlyMap<string, KnownAsset>,
): { assetId: string; startTime: UtcInstant; endTime: UtcInstant; deliveryDay: DeliveryDay } {
  const startTime = parseInstant(start_time);
  const deliveryDay = deliveryDayOf(startTime, zoneOf(assets, assetId));
  return { assetId, startTime, endTime: parseInstant(end_time), deliveryDay };
}

const LONGEST_SUBJECT = 400;
const MOST_NAMED = 100;

/**
 * Writes down that a batch was stored. What was there before, and what is there now, is what reads answer as of the two
 * instants: versions are kept for ever.
 */
export async function auditBatch(
  writing: Writing,
  action: string,
  assetIds: readonly string[],
  { inserted, replaced }: Written,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const assets = [...new Set(assetIds)].sort();
  const named = assets.slice(0, MOST_NAMED);
  const { stamp } = writing;
  await writing.audit({
    action,
    subject: assets.join(' ').slice(0, LONGEST_SUBJECT),
    detail: {
      ...more,
      inserted,
      replaced,
      assets: named,
      asset_count: assets.length,
      before: { as_of: justBefore(stamp) },
      after: { as_of: stamp },
    },
  });
}

export function justBefore(stamp: UtcInstant): UtcInstant {
  return instantFromEpochMicros(epochMicros(stamp) - 1);
}
