import { fileURLToPath } from 'node:url';
import type { Express } from 'express';
import { z } from 'zod';
import { assetDispatch, latestTelemetryResponse, plantPath, queryInteger, queryList } from '@quarterhour/contracts';
import { createLogger, createMetrics, fixedClock } from '@quarterhour/runtime';
import {
  assetSurface,
  createApi,
  DEFAULT_PROTECTION,
  json,
  noBody,
  noParameters,
  NotFoundError,
  openTokenVerifier,
  ownSurface,
  route,
  tradingSurface,
} from '../src/index.js';
import type { ApiKeyVerifier, Capability, ErrorClassifier, ProtectionSettings, Route } from '../src/index.js';
import { AUDIENCE, ISSUER } from './issuer.js';

export const NOBODY = '00000000-0000-0000-0000-000000000000';
export const NOW = '2026-01-15T10:00:00Z';

/** What a test makes the sample handlers do. */
export interface Behaviour {
  fail?: () => never;
}

export const listQuery = z.strictObject({
  limit: queryInteger({ min: 1, max: 1_000 }).default(50),
  ids: queryList(z.string().min(1).max(20), 3).optional(),
  order: z.enum(['asc', 'desc']).default('asc'),
});

const echo = z.unknown();

export const sampleRoutes: readonly Route<Behaviour>[] = [
  route({
    surface: assetSurface,
    method: 'get',
    path: '/things',
    operationId: 'listThings',
    summary: 'Lists',
    tag: 'Things',
    capability: 'dispatches:read',
    params: noParameters,
    query: listQuery,
    body: noBody,
    responses: { 200: { description: 'All', schema: z.array(assetDispatch) } },
    handler: ({ query, scope, principal }, ctx: Behaviour) => {
      ctx.fail?.();
      return Promise.resolve(json({ query, organisations: scope.organisations, subject: principal.subject }));
    },
  }),
  route({
    surface: tradingSurface,
    method: 'get',
    path: '/plants/{plantId}/thing',
    operationId: 'getPlantThing',
    summary: 'One',
    tag: 'Things',
    capability: 'telemetry:read',
    params: plantPath,
    query: noParameters,
    body: noBody,
    responses: { 200: { description: 'One', schema: latestTelemetryResponse } },
    handler: ({ params, scope }, ctx: Behaviour) => {
      ctx.fail?.();
      if (scope.organisations.length === 0) throw new NotFoundError('plant');
      return Promise.resolve(json(params));
    },
  }),
  route({
    surface: ownSurface,
    method: 'post',
    path: '/things',
    operationId: 'createThing',
    summary: 'Makes',
    tag: 'Things',
    capability: 'quarantine:read-unowned',
    params: noParameters,
    query: noParameters,
    body: z.strictObject({ name: z.string().min(1), sizes: z.array(z.int().max(9)).optional() }),
    responses: { 200: { description: 'Made', schema: echo } },
    handler: ({ body }, ctx: Behaviour) => {
      ctx.fail?.();
      return Promise.resolve(json(body));
    },
  }),
];

export const CAPABILITY_OF: Readonly<Record<string, Capability | null>> = Object.fromEntries(
  sampleRoutes.map(({ operationId, capability }) => [operationId, capability]),
);

export async function sampleApi(
  jwks: string,
  {
    behaviour = {},
    lines = [],
    isReady = true,
    routes = sampleRoutes,
    protection = DEFAULT_PROTECTION,
    pressure = {},
    apiKeys,
    documentsFolder,
  }: {
    behaviour?: Behaviour;
    lines?: string[];
    isReady?: boolean;
    routes?: readonly Route<Behaviour>[];
    protection?: ProtectionSettings;
    apiKeys?: ApiKeyVerifier;
    pressure?: { eventLoopDelayMs?: number; databaseQueue?: number };
    documentsFolder?: string;
  } = {},
): Promise<Express> {
  const clock = fixedClock(NOW);
  return createApi({
    routes,
    context: behaviour,
    verifier: await openTokenVerifier({ jwks, issuer: ISSUER, audience: AUDIENCE, areDemoKeysAllowed: false, clock }),
    ...(apiKeys === undefined ? {} : { apiKeys }),
    classifyError,
    unownedOrganisation: NOBODY,
    checks: [{ name: 'database', check: () => Promise.resolve({ ok: isReady }) }],
    docs: {
      redocBundle: fileURLToPath(new URL('./issuer.ts', import.meta.url)),
      ...(documentsFolder === undefined ? {} : { documentsFolder }),
    },
    protection,
    eventLoop: { delayMs: () => pressure.eventLoopDelayMs ?? 0 },
    databaseQueue: () => pressure.databaseQueue ?? 0,
    log: createLogger({ name: 'sample', level: 'info', destination: { write: (line) => lines.push(line) } }),
    metrics: createMetrics(),
    clock,
  });
}

const classifyError: ErrorClassifier = (error) => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'infrastructure';
  return code === '22P02' ? 'data' : 'bug';
};
