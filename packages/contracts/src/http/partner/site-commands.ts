import { z } from 'zod';
import { COMMAND_PRIORITIES } from '../../messages/vcp/commands.js';
import { vcpMeterEvent } from '../../messages/vcp/telemetry-events.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { queryInteger } from '../query.js';

/** How far back applied commands are shown at most, in hours. */
export const MAX_LOOK_BACK_HOURS = 168;
const LOOK_BACK_HOURS = 24;
/** Most commands of one answer, and of what is pending in a site's configuration. */
export const MAX_SITE_COMMANDS = 1_000;
const SITE_COMMANDS = 200;

/** Query of `GET /api/v1/vcp/sites/{siteId}/commands`. The parameters are ours: VCP names none. */
export const siteCommandsQuery = z.strictObject({
  lookBackHours: queryInteger({ min: 1, max: MAX_LOOK_BACK_HOURS })
    .default(LOOK_BACK_HOURS)
    .meta({ description: 'How far back to look for what is not pending any more, in hours.' }),
  limit: queryInteger({ min: 1, max: MAX_SITE_COMMANDS })
    .default(SITE_COMMANDS)
    .meta({ description: 'Most commands, the newest.' }),
});
export type SiteCommandsQuery = z.output<typeof siteCommandsQuery>;

/** What can be commanded of a site, schedules included. */
export const SITE_COMMAND_TYPES = [
  'SITE_SETPOINT',
  'DEVICE_COMMAND',
  'EMERGENCY',
  'MODE_CHANGE',
  'SCHEDULE_CREATE',
  'SCHEDULE_CANCEL',
] as const;

/** A command of the partner and what became of it. VCP leaves the members open; these are ours. */
export const siteCommand = z
  .strictObject({
    commandId: uuidOutput,
    commandType: z.enum(SITE_COMMAND_TYPES),
    messageId: z.string(),
    correlationId: z.string().nullable(),
    priority: z.enum(COMMAND_PRIORITIES).nullable(),
    payload: z.record(z.string(), z.unknown()),
    status: z.enum(['PENDING', 'EXECUTED', 'FAILED', 'EXPIRED', 'REJECTED']),
    ackStatus: z.enum(['ACK', 'NACK']).nullable().meta({ description: 'Null when it was not answered.' }),
    rejectionReason: z.string().nullable(),
    executionReason: z.string().nullable(),
    validFrom: instantOutput.nullable(),
    validUntil: instantOutput.nullable(),
    receivedAt: instantOutput,
    executedAt: instantOutput.nullable(),
  })
  .meta({ id: 'SiteCommand', description: 'A command of the partner and what became of it.' });
export type SiteCommand = z.infer<typeof siteCommand>;

/** Commands of a site: those that are pending, and those of the last hours, newest first. */
export const siteCommandsResponse = z
  .strictObject({ commands: z.array(siteCommand) })
  .meta({ id: 'SiteCommands', description: 'Commands of a site, newest first.' });

const said = z
  .strictObject({
    messageId: z.string(),
    since: instantOutput.meta({
      format: 'date-time',
      description: 'When it was said, by the clock of whoever said it.',
    }),
    values: z.record(z.string(), z.unknown()).meta({ description: 'The payload as it was sent.' }),
  })
  .meta({ id: 'SiteConfigSubject', description: 'What the partner last said about one subject.' });

/** What holds at a site. VCP names the members; what is inside of them is ours. */
export const siteConfigResponse = z
  .strictObject({
    siteId: uuidOutput,
    operatingMode: z.string().nullable().meta({ description: 'As the newest sample names it; null when it does not.' }),
    modeOverride: z
      .strictObject({ mode: z.string(), commandId: uuidOutput, since: instantOutput, until: instantOutput.nullable() })
      .nullable()
      .meta({ description: 'The mode that was commanded last and executed, while it holds.' }),
    activeSchedule: z
      .strictObject({
        scheduleId: z.string(),
        priority: z.enum(COMMAND_PRIORITIES),
        validFrom: instantOutput,
        validUntil: instantOutput,
        slot: z.record(z.string(), z.unknown()).nullable().meta({ description: 'The slot of now; null in a gap.' }),
      })
      .nullable(),
    constraints: said.nullable(),
    fallback: said.nullable(),
    pendingCommands: z.array(siteCommand),
  })
  .meta({ id: 'SiteConfig', description: 'What holds at a site.' });
export type SiteConfigOutput = z.infer<typeof siteConfigResponse>;

/** Older than this a reading is not what a meter shows: meters are read once a minute. The reading taken of "fresh enough". */
export const METER_FRESH_SECONDS = 900;

/** Query of `GET /api/v1/vcp/meter-state`. */
export const meterStateQuery = z.strictObject({
  ean: z
    .string()
    .regex(/^\d{18}$/)
    .meta({ description: 'EAN of consumption or of production, 18 digits.' }),
});

/** What the meters of a site showed last. */
export const meterStateResponse = z
  .strictObject({
    siteId: uuidOutput,
    eanCons: z.string().nullable(),
    eanProd: z.string().nullable(),
    reading: vcpMeterEvent
      .nullable()
      .meta({ description: `Null when nothing was read within the last ${METER_FRESH_SECONDS / 60} minutes.` }),
  })
  .meta({ id: 'MeterState', description: 'What the meters of a site showed last.' });
export type MeterState = z.infer<typeof meterStateResponse>;
