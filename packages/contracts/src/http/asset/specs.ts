import { z } from 'zod';
import { decimalOutput, plainText } from '../../scalars.js';
import { energyOutput, instantOutput, powerOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { queryBoolean, queryInstant } from '../query.js';
import { decimalInput, efficiencyInput, energyInput, idInput, instantInput, powerInput } from './inputs.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
} from './list-query.js';

/** Longest span between both bounds of a list of technical data, in days. */
export const MAX_SPEC_DAYS = 31;

/**
 * Body of `PUT /asset-api/v1/specs`: one version of an asset's technical data. What is left out, or null, keeps the value that
 * the version has, if it is there.
 */
export const putSpecBody = z
  .strictObject({
    asset_id: idInput,
    valid_from: instantInput.meta({ description: 'When the version begins to hold. Names it, with its asset.' }),
    valid_to: instantInput.nullish().meta({
      description:
        'When it ceases to hold. Without one, the version that has none either ends where this one begins, which has to be later.',
    }),
    rated_power: powerInput.nullish(),
    grid_connection_max_power: powerInput.nullish(),
    max_capacity: energyInput.nullish(),
    ramp_rate: decimalInput.nullish().meta({ description: 'MW per minute.' }),
    ramp_type: plainText(200).nullish(),
    charge_efficiency: efficiencyInput.nullish(),
    discharge_efficiency: efficiencyInput.nullish(),
    daily_cycle_energy_limit: energyInput.nullish(),
    prequalified_fcr: powerInput.nullish(),
    prequalified_afrr_charge: powerInput.nullish(),
    prequalified_afrr_discharge: powerInput.nullish(),
  })
  .meta({ id: 'PutSpecRequest' });
export type PutSpecBody = z.output<typeof putSpecBody>;

const specFilters = {
  ...assetIdsParameter,
  latest: queryBoolean
    .default(false)
    .meta({ description: 'Of each asset only the version that begins last within from and to.', default: false }),
  from: queryInstant.optional().meta({ description: 'First valid_from, included.' }),
  to: queryInstant
    .optional()
    .meta({ description: `Last valid_from, included; at most ${MAX_SPEC_DAYS} days after from.` }),
  ...asOfParameter,
  ...cursorParameter,
};

/** Query of `GET /asset-api/v1/specs`. `[from, to]` bounds `valid_from`; `as_of` and `cursor` are ours. */
export const listSpecsQuery = z.strictObject({ ...pageParameters, ...specFilters }).superRefine(pageRules);
export type ListSpecsQuery = z.output<typeof listSpecsQuery>;

/** The same for an export. */
export const exportSpecsQuery = z.strictObject({ ...exportParameters, ...specFilters });
export type ExportSpecsQuery = z.output<typeof exportSpecsQuery>;

const nullablePower = z.union([powerOutput, z.null()]);
const nullableEnergy = z.union([energyOutput, z.null()]);

/** One version of an asset's technical data, as it is answered. */
export const assetSpec = z
  .strictObject({
    asset_id: z.string().min(1).max(160),
    valid_from: instantOutput,
    valid_to: instantOutput.nullable(),
    rated_power: nullablePower,
    grid_connection_max_power: nullablePower,
    max_capacity: nullableEnergy,
    ramp_rate: decimalOutput.nullable().meta({ description: 'MW per minute.' }),
    ramp_type: z.string().nullable(),
    charge_efficiency: decimalOutput.nullable(),
    discharge_efficiency: decimalOutput.nullable(),
    daily_cycle_energy_limit: nullableEnergy,
    prequalified_fcr: nullablePower,
    prequalified_afrr_charge: nullablePower,
    prequalified_afrr_discharge: nullablePower,
    created_at: instantOutput,
    updated_at: instantOutput.meta({ description: 'When it became what it is.' }),
  })
  .meta({ id: 'Spec', description: "One version of an asset's technical data." });
export type AssetSpecRow = z.infer<typeof assetSpec>;

/** One page of versions, by asset, and of each the one that begins last first. */
export const listSpecsResponse = z
  .strictObject({ ...pageEcho, specs: z.array(assetSpec).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'SpecListResponse', description: 'One page of versions.' });
