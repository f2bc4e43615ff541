import { patchLimitsBody, type LimitInput } from '@quarterhour/contracts';
import { setLimits, type KnownAsset } from '@quarterhour/db';
import {
  areCrossed,
  countDeliveryPeriods,
  DomainError,
  limitStretches,
  MAX_DELIVERY_PERIODS,
  parseInstant,
  type LimitSetting,
  type LimitStretch,
  type PeriodLimits,
  type Span,
} from '@quarterhour/domain';
import {
  assetSurface,
  InvalidRequestError,
  noContent,
  noParameters,
  route,
  type RequestIssue,
} from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { amountOf, auditBatch, BATCH_RESPONSES, entriesOf, readAll, zoneOf } from '../batches.js';
import { knownAssets, writing } from '../writing.js';

/** Most delivery periods that the entries of one request hold together. */
const MAX_PERIODS_OF_REQUEST = 100_000;

/** Beyond this a request is one of those of which only a few run at once. */
const PERIODS_OF_A_LIGHT_REQUEST = 10_000;

export const patchLimitsRoute = route({
  surface: assetSurface,
  method: 'patch',
  path: '/limits',
  operationId: 'patchLimits',
  summary: 'Partially upsert period limits',
  description:
    'Each entry is cut into delivery periods. Null, or nothing, keeps what the source said before. Entries of the same periods and source apply in order.',
  tag: 'Limits',
  capability: 'periods:write',
  params: noParameters,
  query: noParameters,
  body: patchLimitsBody,
  responses: BATCH_RESPONSES,
  weight: ({ body }) => (periodsOf(body.limits) > PERIODS_OF_A_LIGHT_REQUEST ? 'heavy' : 'light'),
  handler: (request, ctx: ApiContext) => {
    const { limits } = request.body;
    assertFewEnough(limits);
    return writing(ctx, request, null, async (work) => {
      const ids = limits.map(({ asset_id }) => asset_id);
      const assets = await knownAssets(work, ids);
      const settings = readAll(entriesOf('limits', limits), (sent, path) => settingOf(sent, path, assets));
      const written = await setLimits(work.trx, stretchesOf(settings, { limits, assets }), work);
      await auditBatch(work, 'limit.set', ids, written, { entries: limits.length, sources: sourcesOf(limits) });
      return noContent();
    });
  },
});

function windowOf({ start_time, end_time }: LimitInput): Span {
  return { start: parseInstant(start_time), end: parseInstant(end_time) };
}

function periodsOf(limits: readonly LimitInput[]): number {
  return limits.reduce((sum, limit) => sum + countDeliveryPeriods(windowOf(limit), limit.recurrent), 0);
}

/** Counted before anything is expanded. */
function assertFewEnough(limits: readonly LimitInput[]): void {
  const issues = limits.flatMap((limit, index): RequestIssue[] => {
    if (countDeliveryPeriods(windowOf(limit), limit.recurrent) <= MAX_DELIVERY_PERIODS) return [];
    return [
      tooMany(
        ['limits', index],
        `One entry holds at most ${MAX_DELIVERY_PERIODS} delivery periods`,
        MAX_DELIVERY_PERIODS,
      ),
    ];
  });
  if (issues.length > 0) throw new InvalidRequestError(issues);
  if (periodsOf(limits) <= MAX_PERIODS_OF_REQUEST) return;
  const message = `The entries of one request hold at most ${MAX_PERIODS_OF_REQUEST} delivery periods together`;
  throw new InvalidRequestError([tooMany(['limits'], message, MAX_PERIODS_OF_REQUEST)]);
}

function tooMany(path: RequestIssue['path'], message: string, most: number): RequestIssue {
  return { in: 'body', path, code: 'window_too_long', message, context: { max_periods: most } };
}

function settingOf(
  sent: LimitInput,
  path: RequestIssue['path'],
  assets: ReadonlyMap<string, KnownAsset>,
): LimitSetting {
  const { asset_id: assetId, source, recurrent: isRecurrent } = sent;
  const limits: PeriodLimits = {
    powerChargeMw: amountOf(sent.power_charge),
    powerDischargeMw: amountOf(sent.power_discharge),
    energyLowMwh: amountOf(sent.energy_low),
    energyHighMwh: amountOf(sent.energy_high),
    isTradingLocked: sent.trading_locked ?? null,
  };
  const issues = [
    ...(areCrossed(limits.powerChargeMw, limits.powerDischargeMw)
      ? [crossed(sent, path, 'power_charge', 'power_discharge')]
      : []),
    ...(areCrossed(limits.energyLowMwh, limits.energyHighMwh)
      ? [crossed(sent, path, 'energy_low', 'energy_high')]
      : []),
  ];
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return { assetId, zone: zoneOf(assets, assetId), source, window: windowOf(sent), isRecurrent, limits };
}

type Bound = 'power_charge' | 'power_discharge' | 'energy_low' | 'energy_high';

function crossed(sent: LimitInput, path: RequestIssue['path'], low: Bound, high: Bound): RequestIssue {
  return {
    in: 'body',
    path: [...path, low],
    code: 'band_crossed',
    message: `${low} lies above ${high}`,
    input: sent[low],
    context: { [high]: sent[high] },
  };
}

function sourcesOf(limits: readonly LimitInput[]): string[] {
  return [...new Set(limits.map(({ source }) => source))].sort();
}

interface Sent {
  readonly limits: readonly LimitInput[];
  readonly assets: ReadonlyMap<string, KnownAsset>;
}

/** Spans at the very ends of the calendar have no delivery days that could be written: then each entry is tried for its place. */
function stretchesOf(settings: readonly LimitSetting[], { limits, assets }: Sent): LimitStretch[] {
  try {
    return limitStretches(settings);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    readAll(entriesOf('limits', limits), (sent, path) => limitStretches([settingOf(sent, path, assets)]));
    throw error;
  }
}
