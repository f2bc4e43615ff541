import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Express } from 'express';
import { classifyError, NO_ORGANISATION } from '@quarterhour/db';
import { createApi, type ApiKeyVerifier, type ServiceParts } from '@quarterhour/http';
import type { HealthCheck } from '@quarterhour/runtime';
import type { ApiContext } from './api-context.js';
import { routes } from './routes.js';

export interface ControlApiParts extends ServiceParts, Omit<ApiContext, 'clock' | 'log'> {
  readonly apiKeys: ApiKeyVerifier;
  /** Beside that of the database. */
  readonly checks?: readonly HealthCheck[];
}

export function createControlApi({
  db,
  register,
  keyRing,
  apiKeyPepper,
  partnerAddresses,
  partnerUrls,
  commandRules,
  esm,
  provisioner,
  checks = [],
  ...parts
}: ControlApiParts): Express {
  const { clock, log } = parts;
  return createApi({
    ...parts,
    routes,
    context: {
      db,
      register,
      clock,
      log,
      keyRing,
      apiKeyPepper,
      partnerAddresses,
      partnerUrls,
      commandRules,
      esm,
      provisioner,
    },
    classifyError,
    unownedOrganisation: NO_ORGANISATION,
    databaseQueue: () => db.waiting(),
    checks: [{ name: 'database', check: () => db.ping().then(() => ({ ok: true })) }, ...checks],
    docs: {
      redocBundle: createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js'),
      documentsFolder: fileURLToPath(new URL('../../../docs/openapi', import.meta.url)),
    },
  });
}
