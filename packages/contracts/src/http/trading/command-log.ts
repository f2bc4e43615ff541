import { z } from 'zod';
import { instantOutput, uuidOutput } from '../outputs.js';
import { numberedPage, numberedPageQuery } from './pages.js';

/** Kinds of commands that are relayed to a plant. */
export const COMMAND_TYPES = ['SITE_SETPOINT', 'DEVICE_COMMAND', 'EMERGENCY', 'MODE_CHANGE'] as const;
export type CommandType = (typeof COMMAND_TYPES)[number];

/** Query of a plant's command log. */
export const listCommandLogQuery = numberedPageQuery.extend({
  commandType: z.enum(COMMAND_TYPES).optional().meta({ description: 'Only commands of this kind.' }),
});
export type ListCommandLogQuery = z.output<typeof listCommandLogQuery>;

/** One relayed command, and what became of it. */
export const commandLogEntry = z
  .strictObject({
    ackStatus: z.enum(['ACK', 'NACK']).nullable().meta({ description: 'What it was answered; null before that.' }),
    commandType: z.enum(COMMAND_TYPES),
    correlationId: z.string().nullable(),
    createdAt: instantOutput,
    executedAt: instantOutput.nullable(),
    id: uuidOutput,
    messageId: z.string(),
    organizationId: uuidOutput,
    payload: z.record(z.string(), z.unknown()),
    rejectionReason: z.string().nullable(),
    routingKey: z.string(),
    siteId: z.string().meta({ description: 'As the command named its plant.' }),
    status: z.string(),
  })
  .meta({ id: 'CommandLogEntry', description: 'A relayed command, and what became of it.' });
export type CommandLogEntry = z.infer<typeof commandLogEntry>;

/** One page of commands, newest first. */
export const listCommandLogResponse = numberedPage(commandLogEntry).meta({
  id: 'CommandLogPage',
  description: 'One page of relayed commands, newest first.',
});
