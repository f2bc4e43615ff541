import type { Express } from 'express';
import { z } from 'zod';
import { createMetrics, LOG_LEVELS, systemClock } from '@quarterhour/runtime';
import type { Logger, LogLevel, Metrics, OnStop } from '@quarterhour/runtime';
import type { ApiOptions } from './api.js';
import { listen, type ListenOptions } from './listen.js';
import { watchEventLoop } from './overload.js';
import { PROTECTION_VARIABLES, protectionSettings, type ProtectionSettings } from './protection.js';
import { isLoopback, openTokenVerifier, type TokenVerifierOptions } from './token.js';

const port = z.coerce.number({ error: 'must be a port' }).int().min(0).max(65_535);
const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' });

/** Environment variables of every API of ours, to be read together with an API's own by `readEnvironment`. */
export const API_VARIABLES = {
  QUARTERHOUR_LISTEN_HOST: z.string().default('127.0.0.1'),
  QUARTERHOUR_JWKS: z.string(),
  QUARTERHOUR_TOKEN_ISSUER: z.string(),
  QUARTERHOUR_TOKEN_AUDIENCE: z.string().default('quarterhour'),
  QUARTERHOUR_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  QUARTERHOUR_PUBLISHED_ON_LOOPBACK: z.literal('yes').optional(),
  QUARTERHOUR_UNSAFE_TEST_DATABASE: z.literal('yes').optional(),
  ...PROTECTION_VARIABLES,
};

/** Forms of variables that more than one API has: its port with a default, its database, what API keys are found by. */
export const apiPort = (otherwise: number) => port.default(otherwise);
export const apiDatabaseUrl = databaseUrl;
export const apiKeyPepper = z.string().regex(/^[0-9a-fA-F]{64}$/, { error: 'must be 64 hexadecimal digits' });

/** What {@link API_VARIABLES} say. */
export interface ApiSettings {
  readonly host: string;
  readonly tokens: Pick<TokenVerifierOptions, 'jwks' | 'issuer' | 'audience'>;
  /** A container listens on every address of its own; what is published of it may still be loopback only. */
  readonly isPublishedOnLoopback: boolean;
  readonly logLevel: LogLevel;
  /** Tests run on servers that do not sync to disk; everything else must be durable. */
  readonly acceptsVolatile: boolean;
  readonly protection: ProtectionSettings;
}

/** Names what was read from {@link API_VARIABLES}. */
export function apiSettings(read: z.output<z.ZodObject<typeof API_VARIABLES>>): ApiSettings {
  return {
    host: read.QUARTERHOUR_LISTEN_HOST,
    tokens: {
      jwks: read.QUARTERHOUR_JWKS,
      issuer: read.QUARTERHOUR_TOKEN_ISSUER,
      audience: read.QUARTERHOUR_TOKEN_AUDIENCE,
    },
    isPublishedOnLoopback: read.QUARTERHOUR_PUBLISHED_ON_LOOPBACK === 'yes',
    logLevel: read.QUARTERHOUR_LOG_LEVEL,
    acceptsVolatile: read.QUARTERHOUR_UNSAFE_TEST_DATABASE === 'yes',
    protection: protectionSettings(read),
  };
}

/** What an API's process brings to its app, whatever the app serves. */
export type ServiceParts = Pick<
  ApiOptions<unknown>,
  'verifier' | 'log' | 'metrics' | 'clock' | 'protection' | 'eventLoop'
>;

/** What {@link serveApi} needs. */
export interface ServiceOptions
  extends ListenOptions, Pick<ApiSettings, 'tokens' | 'isPublishedOnLoopback' | 'protection'> {
  readonly log: Logger;
  readonly onStop: OnStop;
  /** Those of the process, where more than this API counts. */
  readonly metrics?: Metrics;
}

/**
 * Serves an API for as long as its process lives: verifies tokens, counts, listens, and stops by finishing what is in hand.
 *
 * @param createApp makes the app out of the parts that every API has
 * @throws KeySetError, DemoKeyRefusedError, or the listening socket's error
 */
export async function serveApi(options: ServiceOptions, createApp: (parts: ServiceParts) => Express): Promise<void> {
  const { tokens, isPublishedOnLoopback, protection, log, onStop, metrics = processMetrics(), ...where } = options;
  const clock = systemClock;
  const areDemoKeysAllowed = isLoopback(where.host) || isPublishedOnLoopback;
  const verifier = await openTokenVerifier({ ...tokens, areDemoKeysAllowed, clock });
  const eventLoop = watchEventLoop(clock);
  onStop(() => eventLoop.close());
  const app = createApp({ verifier, log, metrics, clock, protection, eventLoop });
  const listener = await listen(app, where);
  onStop(() => listener.close());
  log.info({ url: listener.url }, 'answering requests');
}

function processMetrics(): Metrics {
  return createMetrics({ processMetrics: true });
}
