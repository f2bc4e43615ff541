import { API_VARIABLES, apiDatabaseUrl, apiPort, apiSettings } from '@quarterhour/http';
import { readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';

const environment = z.object({
  ...API_VARIABLES,
  QUARTERHOUR_CONTROL_DATABASE_URL: apiDatabaseUrl,
  QUARTERHOUR_CONTROL_API_PORT: apiPort(8082),
});

export type Config = ReturnType<typeof readConfig>;

export function readConfig(env: Environment = process.env) {
  const read = readEnvironment(environment, env);
  return {
    ...apiSettings(read),
    databaseUrl: read.QUARTERHOUR_CONTROL_DATABASE_URL,
    port: read.QUARTERHOUR_CONTROL_API_PORT,
  };
}
