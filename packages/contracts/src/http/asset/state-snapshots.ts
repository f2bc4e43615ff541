import { z } from 'zod';
import { energyOutput, instantOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { queryBoolean, queryInstant } from '../query.js';
import { readingQuality } from './enums.js';
import { energyInput, idInput, instantInput } from './inputs.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
} from './list-query.js';
import { nullableEnergy, orderParameter } from './periods.js';

/** How much energy an asset's store was read to hold. It replaces the snapshot of the same asset and instant. */
export const stateSnapshotInput = z
  .strictObject({
    asset_id: idInput,
    effective_at: instantInput,
    stored_energy: energyInput,
    reading_quality: readingQuality.default('VALID'),
  })
  .meta({ id: 'StateSnapshotIn' });

/** Body of `PUT /asset-api/v1/state-snapshots`. */
export const putStateSnapshotsBody = z
  .strictObject({ state_snapshots: z.array(stateSnapshotInput).min(1) })
  .meta({ id: 'PutStateSnapshotsRequest' });

const stored = {
  asset_id: z.string().min(1).max(160),
  effective_at: instantOutput,
  stored_energy: energyOutput,
  reading_quality: readingQuality,
  created_at: instantOutput,
  updated_at: instantOutput,
};

/** Answer of `PUT /asset-api/v1/state-snapshots`: what is stored now, in the order of the request. */
export const putStateSnapshotsResponse = z
  .strictObject({
    state_snapshots: z
      .array(z.strictObject(stored).meta({ id: 'StateSnapshotStored', description: 'A snapshot as it is stored.' }))
      .min(1),
  })
  .meta({ id: 'PutStateSnapshotsResponse', description: 'What is stored now, in the order of the request.' });

const snapshotFilters = {
  ...assetIdsParameter,
  latest: queryBoolean.default(false).meta({
    description: 'Only the newest snapshot of each asset, by asset_id. Excludes from and to.',
  }),
  from: queryInstant.optional().meta({
    format: 'date-time',
    description: 'Start of the window of effective_at, included. Required unless latest.',
  }),
  to: queryInstant.optional().meta({
    format: 'date-time',
    description: 'End of the window of effective_at, not included. Left out: up to when the answer knows things.',
  }),
  ...orderParameter('effective_at, then asset_id; of the newest of each asset, of asset_id'),
  ...asOfParameter,
  ...cursorParameter,
};

/** Query of `GET /asset-api/v1/state-snapshots`. */
export const listStateSnapshotsQuery = z
  .strictObject({ ...pageParameters, ...snapshotFilters })
  .superRefine(modeRules, { when: () => true })
  .superRefine(pageRules);
export type ListStateSnapshotsQuery = z.output<typeof listStateSnapshotsQuery>;

/** The same for an export, which begins at its start or at a cursor. */
export const exportStateSnapshotsQuery = z
  .strictObject({ ...exportParameters, ...snapshotFilters })
  .superRefine(modeRules, { when: () => true });
export type ExportStateSnapshotsQuery = z.output<typeof exportStateSnapshotsQuery>;

interface SnapshotMode {
  readonly latest?: boolean;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Asked whatever else is wrong. The newest are not bounded by a window, and a window has a start. */
function modeRules({ latest, from, to }: SnapshotMode, ctx: z.RefinementCtx): void {
  if (latest === true && (from !== undefined || to !== undefined)) {
    ctx.addIssue({
      code: 'custom',
      path: ['latest'],
      message: 'The newest snapshot is asked for without from and to',
      params: { type: 'mode_conflict' },
    });
  }
  if (latest === false && from === undefined) {
    ctx.addIssue({
      code: 'custom',
      path: ['from'],
      message: 'Field required unless latest is true',
      params: { type: 'missing' },
    });
  }
}

const readSnapshot = z
  .strictObject({ ...stored, charged_energy: nullableEnergy, discharged_energy: nullableEnergy })
  .meta({
    id: 'StateSnapshotRead',
    description:
      'A snapshot, and what moved since the one before that is not INVALID. Null without one, of an INVALID one, and of the newest.',
  });

/** One page of snapshots. The totals are of the whole window, not of the page; null where only the newest are asked for. */
export const listStateSnapshotsResponse = z
  .strictObject({
    state_snapshots: z.array(readSnapshot).max(MAX_PAGE_LIMIT),
    ...pageEcho,
    total_charged_energy: nullableEnergy,
    total_discharged_energy: nullableEnergy,
  })
  .meta({ id: 'StateSnapshotListResponse', description: 'One page of snapshots, with the totals of the window.' });
