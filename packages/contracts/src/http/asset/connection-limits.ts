import { z } from 'zod';
import { instantOutput, powerOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { instantInput, powerInput } from './inputs.js';
import {
  asOfParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
  windowParameters,
} from './list-query.js';

/** Longest window of one read of a site's limits, in days. */
export const MAX_SITE_LIMIT_DAYS = 31;

/** Longest window of one read of an inverter's limits, in days. */
export const MAX_INVERTER_LIMIT_DAYS = 7;

/** What may flow at most, from one instant to another, as it may be sent. */
export const connectionLimitInput = z
  .strictObject({
    start_time: instantInput,
    end_time: instantInput.meta({ description: 'Later than start_time.' }),
    max_import_from_grid: powerInput,
    max_export_to_grid: powerInput,
  })
  .meta({ id: 'ConnectionLimitIn' });

/** Body of the PUT of a site's or an inverter's limits. They do not overlap each other. */
export const putConnectionLimitsBody = z
  .strictObject({ limits: z.array(connectionLimitInput).min(1) })
  .meta({ id: 'PutConnectionLimitsRequest' });
export type PutConnectionLimitsBody = z.output<typeof putConnectionLimitsBody>;

const connectionLimitFilters = { ...windowParameters('start_time'), ...asOfParameter, ...cursorParameter };

/** Query of the GET of a site's or an inverter's limits. `as_of` and `cursor` are ours. */
export const listConnectionLimitsQuery = z
  .strictObject({ ...pageParameters, ...connectionLimitFilters })
  .superRefine(pageRules);
export type ListConnectionLimitsQuery = z.output<typeof listConnectionLimitsQuery>;

/** The same for an export. */
export const exportConnectionLimitsQuery = z.strictObject({ ...exportParameters, ...connectionLimitFilters });
export type ExportConnectionLimitsQuery = z.output<typeof exportConnectionLimitsQuery>;

/** What may flow at most, from one instant to another, as it is answered. */
export const connectionLimit = z
  .strictObject({
    start_time: instantOutput,
    end_time: instantOutput,
    max_import_from_grid: powerOutput,
    max_export_to_grid: powerOutput,
  })
  .meta({ id: 'ConnectionLimit', description: 'What may flow at most, from one instant to another.' });

/** One page of limits, by start. */
export const listConnectionLimitsResponse = z
  .strictObject({ ...pageEcho, limits: z.array(connectionLimit).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'ConnectionLimitListResponse', description: 'One page of limits.' });
