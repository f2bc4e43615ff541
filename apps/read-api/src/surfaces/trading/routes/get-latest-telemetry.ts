import { latestTelemetryResponse, plantPath } from '@quarterhour/contracts';
import { findPlant, latestTelemetry, measuredKnownAt } from '@quarterhour/db';
import { json, noBody, noParameters, NotFoundError, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { presentTelemetry, TELEMETRY_PROJECTION } from '../present.js';

export const getLatestTelemetryRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/telemetry/latest',
  operationId: 'getLatestTelemetry',
  summary: 'Newest telemetry sample',
  description: 'null when the plant exists but never reported. A value that was not measured is null.',
  tag: 'Measurements',
  capability: 'telemetry:read',
  params: plantPath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'The newest sample, or null.', schema: latestTelemetryResponse } },
  handler: async ({ params: { plantId }, scope }, { db }: ApiContext) => {
    const projected = await db.read(scope.organisations, async (trx) => {
      const plant = await findPlant(trx, plantId);
      if (plant === null) throw new NotFoundError('plant');
      return latestTelemetry(trx, plantId, (await measuredKnownAt(trx)).knownAt, TELEMETRY_PROJECTION);
    });
    return json(projected === null ? null : presentTelemetry(projected));
  },
});
