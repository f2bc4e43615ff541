import { LOG_LEVELS, readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';

const environment = z.object({
  QUARTERHOUR_READ_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  QUARTERHOUR_LISTEN_HOST: z.string().default('127.0.0.1'),
  QUARTERHOUR_READ_API_PORT: z.coerce.number({ error: 'must be a port' }).int().min(0).max(65_535).default(8080),
  QUARTERHOUR_JWKS: z.string(),
  QUARTERHOUR_TOKEN_ISSUER: z.string(),
  QUARTERHOUR_TOKEN_AUDIENCE: z.string().default('quarterhour'),
  QUARTERHOUR_CURSOR_KEY: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: 'must be 64 hexadecimal digits' }),
  QUARTERHOUR_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  QUARTERHOUR_PUBLISHED_ON_LOOPBACK: z.literal('yes').optional(),
  QUARTERHOUR_UNSAFE_TEST_DATABASE: z.literal('yes').optional(),
});

export type Config = ReturnType<typeof readConfig>;

export function readConfig(env: Environment = process.env) {
  const read = readEnvironment(environment, env);
  return {
    databaseUrl: read.QUARTERHOUR_READ_DATABASE_URL,
    listen: { host: read.QUARTERHOUR_LISTEN_HOST, port: read.QUARTERHOUR_READ_API_PORT },
    tokens: {
      jwks: read.QUARTERHOUR_JWKS,
      issuer: read.QUARTERHOUR_TOKEN_ISSUER,
      audience: read.QUARTERHOUR_TOKEN_AUDIENCE,
    },
    /** A container listens on every address of its own; what is published of it may still be loopback only. */
    isPublishedOnLoopback: read.QUARTERHOUR_PUBLISHED_ON_LOOPBACK === 'yes',
    cursorKey: Buffer.from(read.QUARTERHOUR_CURSOR_KEY, 'hex'),
    logLevel: read.QUARTERHOUR_LOG_LEVEL,
    /** Tests run on servers that do not sync to disk; everything else must be durable. */
    acceptsVolatile: read.QUARTERHOUR_UNSAFE_TEST_DATABASE === 'yes',
  };
}
