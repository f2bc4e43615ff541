import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import { LOG_LEVELS, readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';

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
    logLevel: read.QUARTERHOUR_LOG_LEVEL,
    /** Tests run on servers that do not sync to disk; everything else must be durable. */
    acceptsVolatile: read.QUARTERHOUR_UNSAFE_TEST_DATABASE === 'yes',
  };
}
