import { z } from 'zod';
import { dateOutput, instantOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { queryList } from '../query.js';
import { limitSource } from './enums.js';
import { energyInput, idInput, instantInput, powerInput } from './inputs.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
  windowParameters,
} from './list-query.js';
import { nullableEnergy, nullablePower, orderParameter, periodSpan, spanRules } from './periods.js';

/** What a limit may say; what it leaves out, or says null to, stays as it is. */
const LIMIT_FIELDS = ['power_charge', 'power_discharge', 'energy_low', 'energy_high', 'trading_locked'] as const;

/** Limits that a source sets for every quarter hour of a window, or of a daily recurrence. */
export const limitInput = z
  .strictObject({
    asset_id: idInput,
    ...periodSpan,
    recurrent: z.boolean().default(false).meta({
      description:
        'Whether the UTC time of day from start_time to end_time comes again on each UTC date from the one to the other.',
    }),
    source: limitSource,
    power_charge: powerInput.nullish(),
    power_discharge: powerInput.nullish(),
    energy_low: energyInput.nullish(),
    energy_high: energyInput.nullish(),
    trading_locked: z.boolean().nullish(),
  })
  .superRefine(spanRules)
  .superRefine((limit, ctx) => {
    if (LIMIT_FIELDS.some((field) => limit[field] !== undefined && limit[field] !== null)) return;
    ctx.addIssue({
      code: 'custom',
      message: `Say something: one of ${LIMIT_FIELDS.join(', ')}`,
      params: { type: 'nothing_set', ctx: { fields: LIMIT_FIELDS } },
    });
  })
  .meta({ id: 'LimitIn' });
export type LimitInput = z.output<typeof limitInput>;

/** Body of `PATCH /asset-api/v1/limits`. Entries of the same periods and source apply in order. */
export const patchLimitsBody = z
  .strictObject({ limits: z.array(limitInput).min(1) })
  .meta({ id: 'PatchLimitsRequest' });

/** Query of `DELETE /asset-api/v1/limits`: the periods of a source that start within the window. */
export const deleteLimitsQuery = z.strictObject({
  asset_id: idInput,
  start_time: instantInput.meta({ format: 'date-time', description: 'First start that is cleared.' }),
  end_time: instantInput.meta({ format: 'date-time', description: 'Starts from here on are left alone.' }),
  source: limitSource,
});

const limitFilters = {
  ...assetIdsParameter,
  ...windowParameters('start_time'),
  sources: queryList(limitSource, 50).optional().meta({
    description:
      'Only periods about which one of these says something. The computed values are of all sources all the same.',
  }),
  ...orderParameter('asset_id, then start_time'),
  ...asOfParameter,
  ...cursorParameter,
};

/** Query of `GET /asset-api/v1/limits`. A delivery period of an asset is one row, whatever its sources. */
export const listLimitsQuery = z.strictObject({ ...pageParameters, ...limitFilters }).superRefine(pageRules);
export type ListLimitsQuery = z.output<typeof listLimitsQuery>;

/** The same for an export, which begins at its start or at a cursor. */
export const exportLimitsQuery = z.strictObject({ ...exportParameters, ...limitFilters });

const limitValues = {
  power_charge: nullablePower,
  power_discharge: nullablePower,
  energy_low: nullableEnergy,
  energy_high: nullableEnergy,
};

export const computedLimits = z.strictObject({ ...limitValues, trading_locked: z.boolean() }).meta({
  id: 'ComputedLimits',
  description: 'The most restrictive of what all sources say. Low may lie above high.',
});

export const sourceLimits = z
  .strictObject({
    source: limitSource,
    ...limitValues,
    trading_locked: z.boolean().nullable(),
    created_at: instantOutput,
    updated_at: instantOutput,
  })
  .meta({ id: 'SourceLimits', description: 'What one source says.' });

export const periodLimits = z
  .strictObject({
    asset_id: z.string().min(1).max(160),
    start_time: instantOutput,
    end_time: instantOutput.meta({ format: 'date-time', description: 'A quarter hour after start_time.' }),
    delivery_day: dateOutput.meta({ format: 'date', description: 'Market-local date of start_time.' }),
    computed_limits: computedLimits,
    sources: z.array(sourceLimits).min(1),
  })
  .meta({ id: 'PeriodLimits', description: 'What limits an asset in a delivery period.' });
export type PeriodLimitsOutput = z.infer<typeof periodLimits>;

/** One page of limits, ordered by `asset_id`, then `start_time`. Echoes `limit` and `offset`; has no total. */
export const listLimitsResponse = z
  .strictObject({ ...pageEcho, limits: z.array(periodLimits).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'LimitListResponse', description: 'One page of limits.' });
