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
  QUARTERHOUR_READ_DATABASE_URL: apiDatabaseUrl,
  QUARTERHOUR_USAGE_DATABASE_URL: apiDatabaseUrl,
  QUARTERHOUR_API_KEY_PEPPER: apiKeyPepper,
  QUARTERHOUR_READ_API_PORT: apiPort(8080),
  ...PARTNER_BROKER_VARIABLES,
  QUARTERHOUR_CURSOR_KEY: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: 'must be 64 hexadecimal digits' }),
});

export type Config = ReturnType<typeof readConfig>;

export function readConfig(env: Environment = process.env) {
  const read = readEnvironment(environment, env);
  return {
    ...apiSettings(read),
    databaseUrl: read.QUARTERHOUR_READ_DATABASE_URL,
    usageDatabaseUrl: read.QUARTERHOUR_USAGE_DATABASE_URL,
    apiKeyPepper: Buffer.from(read.QUARTERHOUR_API_KEY_PEPPER, 'hex'),
    port: read.QUARTERHOUR_READ_API_PORT,
    partnerBroker: partnerBroker(read),
    cursorKey: Buffer.from(read.QUARTERHOUR_CURSOR_KEY, 'hex'),
  };
}
