import {
  API_VARIABLES,
  apiDatabaseUrl,
  apiKeyPepper,
  apiPort,
  apiSettings,
  PARTNER_BROKER_VARIABLES,
  partnerBroker,
} from '@quarterhour/http';
import { readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';

const environment = z.object({
  ...API_VARIABLES,
  QUARTERHOUR_CONTROL_DATABASE_URL: apiDatabaseUrl,
  QUARTERHOUR_CONTROL_API_PORT: apiPort(8082),
  QUARTERHOUR_RABBITMQ_API_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
  ...PARTNER_BROKER_VARIABLES,
  QUARTERHOUR_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }),
  QUARTERHOUR_API_KEY_PEPPER: apiKeyPepper,
  QUARTERHOUR_KEY_RING: z.string(),
});

export type Config = ReturnType<typeof readConfig>;

export function readConfig(env: Environment = process.env) {
  const read = readEnvironment(environment, env);
  return {
    ...apiSettings(read),
    databaseUrl: read.QUARTERHOUR_CONTROL_DATABASE_URL,
    port: read.QUARTERHOUR_CONTROL_API_PORT,
    rabbitmqApiUrl: read.QUARTERHOUR_RABBITMQ_API_URL,
    partnerAddresses: {
      broker: partnerBroker(read),
      restBaseUrl: read.QUARTERHOUR_PUBLIC_URL.replace(/\/+$/, ''),
    },
    apiKeyPepper: Buffer.from(read.QUARTERHOUR_API_KEY_PEPPER, 'hex'),
    /** File of the key ring. */
    keyRing: read.QUARTERHOUR_KEY_RING,
  };
}
