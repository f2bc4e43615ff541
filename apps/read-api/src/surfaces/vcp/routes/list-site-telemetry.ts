import { listTelemetryResponse, siteMeasurementsQuery, sitePath } from '@quarterhour/contracts';
import { listTelemetryBuckets } from '@quarterhour/db';
import { jsonText, noBody, route, vcpSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { KNOWN_AT_HEADER, saying } from '../../../marks.js';
import { BUCKET_PROJECTION } from '../../trading/present.js';
import { siteBucketQuery } from '../site-measurements.js';

export const listSiteTelemetryRoute = route({
  surface: vcpSurface,
  method: 'get',
  path: '/sites/{siteId}/telemetry',
  operationId: 'listSiteTelemetry',
  summary: 'Telemetry of a site per bucket',
  description: 'Arithmetic means per bucket, counted from UTC midnight; null where nothing was measured.',
  tag: 'Sites',
  capability: null,
  apiKeyScope: 'vcp:read',
  params: sitePath,
  query: siteMeasurementsQuery,
  body: noBody,
  responses: {
    200: { description: 'Buckets, oldest first.', schema: listTelemetryResponse, headers: KNOWN_AT_HEADER },
  },
  handler: ({ params: { siteId }, query, scope }, { db }: ApiContext) =>
    db.read(scope.owners, async (trx) => {
      const asked = await siteBucketQuery(trx, siteId, query);
      return jsonText(await listTelemetryBuckets(trx, asked, BUCKET_PROJECTION), saying(asked.knownAt));
    }),
});
