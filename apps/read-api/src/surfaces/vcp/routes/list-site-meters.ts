import { listMetersResponse, siteMeasurementsQuery, sitePath } from '@quarterhour/contracts';
import { noBody, route, vcpSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { KNOWN_AT_HEADER } from '../../../marks.js';
import { meterReply } from '../../trading/measurements.js';
import { siteBucketQuery } from '../site-measurements.js';

export const listSiteMetersRoute = route({
  surface: vcpSurface,
  method: 'get',
  path: '/sites/{siteId}/meters',
  operationId: 'listSiteMeters',
  summary: 'Meter energy of a site per bucket',
  description:
    'What each register counted between the ends of the buckets; null where a reading is missing or the register was reset.',
  tag: 'Sites',
  capability: null,
  apiKeyScope: 'vcp:read',
  params: sitePath,
  query: siteMeasurementsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'Buckets, oldest first; one point per device and register.',
      schema: listMetersResponse,
      headers: KNOWN_AT_HEADER,
    },
  },
  handler: ({ params: { siteId }, query, scope }, { db }: ApiContext) =>
    db.read(scope.owners, async (trx) => meterReply(trx, await siteBucketQuery(trx, siteId, query))),
});
