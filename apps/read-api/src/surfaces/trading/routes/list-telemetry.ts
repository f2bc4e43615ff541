import { listTelemetryResponse, measurementsQuery, plantPath } from '@quarterhour/contracts';
import { listTelemetryBuckets } from '@quarterhour/db';
import { jsonText, noBody, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { KNOWN_AT_HEADER, saying } from '../../../marks.js';
import { bucketQuery, weightOf } from '../measurements.js';
import { BUCKET_PROJECTION } from '../present.js';

export const listTelemetryRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/telemetry',
  operationId: 'listTelemetry',
  summary: 'Telemetry per bucket',
  description: 'Arithmetic means per bucket, counted from UTC midnight; null where nothing was measured.',
  tag: 'Measurements',
  capability: 'telemetry:read',
  params: plantPath,
  query: measurementsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'Buckets, oldest first.',
      schema: listTelemetryResponse,
      headers: KNOWN_AT_HEADER,
    },
  },
  weight: ({ query }, { clock }: ApiContext) => weightOf(query, clock),
  handler: ({ params: { plantId }, query, scope }, { db }: ApiContext) =>
    db.read(scope.organisations, async (trx) => {
      const asked = await bucketQuery(trx, plantId, query);
      return jsonText(await listTelemetryBuckets(trx, asked, BUCKET_PROJECTION), saying(asked.knownAt));
    }),
});
