import { z } from 'zod';
import { instantText, plainText, uuidText } from '../scalars.js';
import { commandPriority } from './vcp/commands.js';

/** Version of what we and plant gateways say to each other. The shapes are ours. */
export const PLANT_COMMAND_VERSION = 1;

/** What a plant gateway is told to do. */
export const PLANT_COMMAND_KINDS = ['setpoint', 'device', 'mode', 'emergency', 'schedule-slot'] as const;
export type PlantCommandKind = (typeof PLANT_COMMAND_KINDS)[number];

/**
 * A command for a plant: exchange `fleet`, routing key `command.{plantId}`.
 *
 * `payload` is that of the VCP command, or of the slot of a schedule. It may come twice, under the same `commandId`, and is
 * to be carried out once; after `validUntil` it is not to be carried out at all.
 */
export const plantCommand = z
  .object({
    version: z.literal(PLANT_COMMAND_VERSION),
    commandId: uuidText,
    plantId: uuidText,
    kind: z.enum(PLANT_COMMAND_KINDS),
    priority: commandPriority,
    payload: z.record(z.string(), z.unknown()),
    sentAt: instantText,
    validUntil: instantText.nullish(),
  })
  .meta({ id: 'PlantCommand', title: 'Command for a plant gateway' });
export type PlantCommand = z.infer<typeof plantCommand>;

/** What a plant did with a command: exchange `fleet`, routing key `answer.{plantId}`. The last word about it. */
export const plantAnswer = z
  .object({
    version: z.literal(PLANT_COMMAND_VERSION),
    commandId: uuidText,
    plantId: uuidText,
    outcome: z.enum(['EXECUTED', 'FAILED']),
    executedAt: instantText,
    reason: plainText(200).nullish(),
  })
  .meta({ id: 'PlantAnswer', title: 'Answer of a plant gateway' });
export type PlantAnswer = z.infer<typeof plantAnswer>;
