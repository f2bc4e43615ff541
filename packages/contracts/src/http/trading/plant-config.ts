import { z } from 'zod';
import { instantOutput, uuidOutput } from '../outputs.js';
import { numberedPage, numberedPageQuery } from './pages.js';

/** Most blocks of a plant's configuration: the quarter hours of a day. */
export const MAX_TIME_CONFIGS = 96;

/** A time of day, `HH:MM`. As the end of a block, `23:59` means the end of the day. */
export const clockTime = z
  .string()
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, { error: 'a time of day, HH:MM', abort: true });

const percent = z.number().min(0).max(100);

/** What the battery may do every day from a time to another: power in kW, positive charges it; state of charge in percent. */
export const timeConfig = z
  .strictObject({
    from: clockTime.meta({ description: 'Start, included.' }),
    to: clockTime.meta({ description: 'End, not included; 23:59 is the end of the day.' }),
    pBatMin: z.number().meta({ description: 'Least power of the battery, kW; positive charges it.' }),
    pBatMax: z.number().meta({ description: 'Most power of the battery, kW; positive charges it.' }),
    socMin: percent.meta({ description: 'Least state of charge, percent.' }),
    socMax: percent.meta({ description: 'Most state of charge, percent.' }),
  })
  .meta({ id: 'TimeConfig', description: 'What the battery may do in one block of every day.' });
export type TimeConfig = z.infer<typeof timeConfig>;

/**
 * The blocks of a day, in any order. The public contract gives their number only; that a block ends after it begins, that none
 * overlaps another and that no least exceeds its most is our reading of it, and stands here alone.
 */
export const timeConfigs = z.array(timeConfig).max(MAX_TIME_CONFIGS).superRefine(refuseContradictions);

function refuseContradictions(blocks: readonly TimeConfig[], ctx: z.core.$RefinementCtx): void {
  const complain = (index: number, member: keyof TimeConfig, type: string, message: string): void =>
    ctx.addIssue({ code: 'custom', path: [index, member], message, params: { type } });
  const inOrder = blocks.map((block, index) => ({ ...block, index })).toSorted(byStart);
  let reaching: TimeConfig | undefined;
  for (const block of inOrder) {
    const { index, from, to, pBatMin, pBatMax, socMin, socMax } = block;
    if (to <= from) complain(index, 'to', 'block_reversed', 'A block ends after it begins');
    if (pBatMax < pBatMin) complain(index, 'pBatMax', 'bounds_reversed', 'pBatMax is less than pBatMin');
    if (socMax < socMin) complain(index, 'socMax', 'bounds_reversed', 'socMax is less than socMin');
    if (reaching !== undefined && from < reaching.to) {
      complain(index, 'from', 'blocks_overlap', `The block overlaps that from ${reaching.from} to ${reaching.to}`);
    }
    if (reaching === undefined || to > reaching.to) reaching = block;
  }
}

function byStart(left: TimeConfig, right: TimeConfig): number {
  if (left.from === right.from) return 0;
  return left.from < right.from ? -1 : 1;
}

/** Body of what updates or tries a plant's configuration. */
export const updatePlantConfigBody = z
  .strictObject({
    timeConfigs: timeConfigs.meta({ description: 'Blocks of a day that do not overlap.' }),
    validateOnly: z.boolean().default(false).meta({ description: 'Whether it is only tried.' }),
  })
  .meta({ id: 'UpdatePlantConfig', description: 'A configuration for a plant.' });
export type UpdatePlantConfigBody = z.output<typeof updatePlantConfigBody>;

/** A plant's configuration as its ESM holds it. */
export const plantConfig = z
  .strictObject({
    configEnabled: z.boolean(),
    esiState: z.string(),
    plantId: z.string(),
    timeConfigs: z.array(timeConfig).max(MAX_TIME_CONFIGS),
    version: z.int().min(0),
  })
  .meta({ id: 'PlantConfig', description: 'The configuration of a plant as its ESM holds it.' });

export type PlantConfig = z.infer<typeof plantConfig>;

/** Query of a plant's config log. */
export const listConfigLogQuery = numberedPageQuery;

/** One configuration that was sent to the ESM, and what it answered. */
export const configLogEntry = z
  .strictObject({
    configSnapshot: z.record(z.string(), z.unknown()).nullable(),
    createdAt: instantOutput,
    id: z.int().min(0),
    isError: z.boolean(),
    isTerminal: z.boolean().meta({ description: 'Whether nothing more will come.' }),
    message: z.string().nullable(),
    plantId: uuidOutput,
    requestCode: z.string().nullable(),
    requestedBy: uuidOutput.nullable(),
    respondedAt: instantOutput.nullable(),
    resultCode: z.string().nullable(),
    sentAt: instantOutput.nullable(),
    validateOnly: z.boolean(),
  })
  .meta({ id: 'ConfigLogEntry', description: 'A configuration that was sent to the ESM, and what it answered.' });
export type ConfigLogEntry = z.infer<typeof configLogEntry>;

/** The entry of a dry run. */
export const triedConfigLogEntry = configLogEntry
  .extend({ validateOnly: z.literal(true) })
  .meta({ id: 'TriedConfigLogEntry', description: 'A configuration that was tried, and what the ESM answered.' });

/** One page of the config log, newest first. */
export const listConfigLogResponse = numberedPage(configLogEntry).meta({
  id: 'ConfigLogPage',
  description: 'One page of configurations that were sent, newest first.',
});

/** What a synchronisation of the plant list did. */
export const plantSync = z
  .strictObject({ errors: z.int().min(0), synced: z.int().min(0) })
  .meta({ id: 'SyncResult', description: 'How many plants of the list are linked, and how many could not be.' });
