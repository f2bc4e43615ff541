import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import { DEFAULT_COMMAND_RULES } from '@quarterhour/ingestion';
import { LOG_LEVELS, readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';
import { EXECUTION_SETTINGS } from './execution/plan.js';

const environment = z.object({
  QUARTERHOUR_INGEST_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'a postgres:// URL' }),
  QUARTERHOUR_AMQP_URL: z.url({ protocol: /^amqps?$/, error: 'an amqp:// or amqps:// URL' }),
  QUARTERHOUR_LISTEN_HOST: z.string().default('127.0.0.1'),
  QUARTERHOUR_WORKER_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(8081),
  QUARTERHOUR_WORKER_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,60}$/)
    .default(() =>
      hostname()
        .replace(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 60),
    ),
  QUARTERHOUR_KEY_RING: z.string().optional(),
  QUARTERHOUR_EMERGENCY_SIGNATURE: z.enum(['optional', 'required']).default('optional'),
  QUARTERHOUR_COMMANDS_PER_SECOND: z.coerce.number().positive().max(10_000).default(DEFAULT_COMMAND_RULES.perSecond),
  QUARTERHOUR_COMMANDS_AT_ONCE: z.coerce.number().int().min(1).max(10_000).default(DEFAULT_COMMAND_RULES.atOnce),
  QUARTERHOUR_EVENT_SOURCE: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/)
    .default(DEFAULT_COMMAND_RULES.eventSource),
  QUARTERHOUR_PLANT_ANSWER_SECONDS: z.coerce
    .number()
    .min(1)
    .max(3_600)
    .default(EXECUTION_SETTINGS.answerWithinMs / 1_000),
  QUARTERHOUR_PLANT_SILENT_SECONDS: z.coerce
    .number()
    .min(1)
    .max(3_600)
    .default(EXECUTION_SETTINGS.silentAfterMs / 1_000),
  QUARTERHOUR_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  QUARTERHOUR_UNSAFE_TEST_DATABASE: z.literal('yes').optional(),
});

export type Config = ReturnType<typeof readConfig>;

export function readConfig(env: Environment = process.env) {
  const read = readEnvironment(environment, env);
  return {
    databaseUrl: read.QUARTERHOUR_INGEST_DATABASE_URL,
    amqpUrl: read.QUARTERHOUR_AMQP_URL,
    health: { host: read.QUARTERHOUR_LISTEN_HOST, port: read.QUARTERHOUR_WORKER_HEALTH_PORT },
    worker: `${read.QUARTERHOUR_WORKER_NAME}-${randomBytes(4).toString('hex')}`,
    /** File of the key ring with which signing keys are opened; without one commands stay where they are. */
    keyRing: read.QUARTERHOUR_KEY_RING ?? null,
    commandRules: {
      needsSignedEmergency: read.QUARTERHOUR_EMERGENCY_SIGNATURE === 'required',
      perSecond: read.QUARTERHOUR_COMMANDS_PER_SECOND,
      atOnce: read.QUARTERHOUR_COMMANDS_AT_ONCE,
      eventSource: read.QUARTERHOUR_EVENT_SOURCE,
    },
    execution: {
      answerWithinMs: read.QUARTERHOUR_PLANT_ANSWER_SECONDS * 1_000,
      silentAfterMs: read.QUARTERHOUR_PLANT_SILENT_SECONDS * 1_000,
    },
    logLevel: read.QUARTERHOUR_LOG_LEVEL,
    /** Tests run on servers that do not sync to disk; everything else must be durable. */
    acceptsVolatile: read.QUARTERHOUR_UNSAFE_TEST_DATABASE === 'yes',
  };
}
