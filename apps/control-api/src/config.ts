import { VHOST } from '@quarterhour/contracts';
import {
  API_VARIABLES,
  apiDatabaseUrl,
  apiKeyPepper,
  apiPort,
  apiSettings,
  isLoopback,
  PARTNER_BROKER_VARIABLES,
  partnerBroker,
} from '@quarterhour/http';
import { DEFAULT_COMMAND_RULES } from '@quarterhour/ingestion';
import { ConfigError, readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';

/** Twice five seconds: a quorum queue tells its counts that often, and the broker's API collects them that often. */
const DEFAULT_SAMPLING_MS = 10_000;
const DEFAULT_SYNC_MS = 900_000;
const DEFAULT_RESULT_MS = 5_000;
const DEFAULT_RESULT_WITHIN_MS = 600_000;
const DAY_MS = 86_400_000;

const millis = (least: number) => z.coerce.number().int().min(least).max(DAY_MS);

/** Names or origins, separated by commas. */
const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()])));
const origins = list.refine((all) => all.every((item) => URL.canParse(item) && new URL(item).origin === item), {
  error: 'must be origins such as http://127.0.0.1:4300, separated by commas',
});

const environment = z.object({
  ...API_VARIABLES,
  QUARTERHOUR_CONTROL_DATABASE_URL: apiDatabaseUrl,
  QUARTERHOUR_CONTROL_API_PORT: apiPort(8082),
  QUARTERHOUR_BROKER_AUTH_HOST: z.string().default('127.0.0.1'),
  QUARTERHOUR_BROKER_AUTH_PORT: apiPort(8083),
  QUARTERHOUR_KEY_RING: z.string(),
  QUARTERHOUR_API_KEY_PEPPER: apiKeyPepper,
  QUARTERHOUR_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }),
  ...PARTNER_BROKER_VARIABLES,
  QUARTERHOUR_RABBITMQ_API_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }),
  QUARTERHOUR_BROKER_VHOST: z.string().min(1).default(VHOST),
  QUARTERHOUR_BROKER_USER: z.string().min(1).optional(),
  QUARTERHOUR_BROKER_SAMPLING_MS: z.coerce.number().int().min(100).max(600_000).default(DEFAULT_SAMPLING_MS),
  QUARTERHOUR_EMERGENCY_SIGNATURE: z.enum(['optional', 'required']).default('optional'),
  QUARTERHOUR_ESM_ALLOW_HTTP: z.literal('yes').optional(),
  QUARTERHOUR_ESM_TEST_ORIGINS: origins,
  QUARTERHOUR_OWN_HOSTS: list,
  QUARTERHOUR_ESM_SYNC_MS: millis(1_000).default(DEFAULT_SYNC_MS),
  QUARTERHOUR_ESM_RESULT_MS: millis(100).default(DEFAULT_RESULT_MS),
  QUARTERHOUR_ESM_RESULT_WITHIN_MS: millis(1_000).default(DEFAULT_RESULT_WITHIN_MS),
});

export type Config = ReturnType<typeof readConfig>;

export function readConfig(env: Environment = process.env) {
  const read = readEnvironment(environment, env);
  const api = apiSettings(read);
  const isReachedByOthers = !isLoopback(api.host) && !api.isPublishedOnLoopback;
  if (read.QUARTERHOUR_ESM_TEST_ORIGINS.length > 0 && isReachedByOthers) {
    throw new ConfigError([
      'QUARTERHOUR_ESM_TEST_ORIGINS: is for tests; it is refused where others than this machine can reach the API',
    ]);
  }
  return {
    ...api,
    databaseUrl: read.QUARTERHOUR_CONTROL_DATABASE_URL,
    port: read.QUARTERHOUR_CONTROL_API_PORT,
    brokerAuth: { host: read.QUARTERHOUR_BROKER_AUTH_HOST, port: read.QUARTERHOUR_BROKER_AUTH_PORT },
    keyRing: read.QUARTERHOUR_KEY_RING,
    /** Part of what API keys are found by. */
    apiKeyPepper: Buffer.from(read.QUARTERHOUR_API_KEY_PEPPER, 'hex'),
    partnerAddresses: {
      broker: partnerBroker(read),
      restBaseUrl: read.QUARTERHOUR_PUBLIC_URL.replace(/\/+$/, ''),
    },
    broker: {
      apiUrl: read.QUARTERHOUR_RABBITMQ_API_URL,
      vhost: read.QUARTERHOUR_BROKER_VHOST,
      /** That our own processes log in as. */
      user: read.QUARTERHOUR_BROKER_USER ?? decodeURIComponent(new URL(read.QUARTERHOUR_RABBITMQ_API_URL).username),
      samplingMs: read.QUARTERHOUR_BROKER_SAMPLING_MS,
    },
    commandRules: {
      ...DEFAULT_COMMAND_RULES,
      needsSignedEmergency: read.QUARTERHOUR_EMERGENCY_SIGNATURE === 'required',
    },
    partnerUrls: {
      allowsHttp: read.QUARTERHOUR_ESM_ALLOW_HTTP === 'yes',
      ownHosts: [
        ...read.QUARTERHOUR_OWN_HOSTS,
        new URL(read.QUARTERHOUR_PUBLIC_URL).hostname.replace(/^\[|\]$/g, ''),
        read.QUARTERHOUR_PARTNER_AMQP_HOST,
      ],
      testOrigins: read.QUARTERHOUR_ESM_TEST_ORIGINS,
    },
    esm: {
      syncEveryMs: read.QUARTERHOUR_ESM_SYNC_MS,
      resultEveryMs: read.QUARTERHOUR_ESM_RESULT_MS,
      resultWithinMs: read.QUARTERHOUR_ESM_RESULT_WITHIN_MS,
    },
  };
}
