import { latestTelemetryQuery, latestTelemetryResponse, plantPath } from '@quarterhour/contracts';
import { findPlant, latestTelemetry } from '@quarterhour/db';
import { json, noBody, NotFoundError, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { KNOWN_AT_HEADER, measuredBound, saying } from '../../../marks.js';
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
  answersOneResource: true,
  params: plantPath,
  query: latestTelemetryQuery,
  body: noBody,
  responses: {
    200: {
      description: 'The newest sample, or null.',
      schema: latestTelemetryResponse,
      headers: KNOWN_AT_HEADER,
    },
  },
  handler: async ({ params: { plantId }, query, scope }, { db }: ApiContext) => {
    const { projected, bound } = await db.read(scope.organisations, async (trx) => {
      const plant = await findPlant(trx, plantId);
      if (plant === null) throw new NotFoundError('plant');
      const bound = await measuredBound(trx, query);
      return { projected: await latestTelemetry(trx, plantId, bound, TELEMETRY_PROJECTION), bound };
    });
    return json(projected === null ? null : presentTelemetry(projected), saying(bound));
  },
});
