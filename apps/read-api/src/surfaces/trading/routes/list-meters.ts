import { listMetersResponse, MAX_METER_POINTS, measurementsQuery, plantPath } from '@quarterhour/contracts';
import { listMeterBuckets } from '@quarterhour/db';
import { jsonText, noBody, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { KNOWN_AT_HEADER, saying } from '../../../marks.js';
import { refused } from '../../../query-instants.js';
import { bucketQuery, weightOf } from '../measurements.js';
import { METER_PROJECTION } from '../present.js';

export const listMetersRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/meters',
  operationId: 'listMeterData',
  summary: 'Meter energy per bucket',
  description:
    'What each register counted between the ends of the buckets; null where a reading is missing or the register was reset.',
  tag: 'Measurements',
  capability: 'telemetry:read',
  params: plantPath,
  query: measurementsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'Buckets, oldest first; one point per device and register.',
      schema: listMetersResponse,
      headers: KNOWN_AT_HEADER,
    },
  },
  weight: ({ query }, { clock }: ApiContext) => weightOf(query, clock),
  handler: ({ params: { plantId }, query, scope }, { db }: ApiContext) =>
    db.read(scope.organisations, async (trx) => {
      const asked = await bucketQuery(trx, plantId, query);
      const buckets = await listMeterBuckets(trx, asked, METER_PROJECTION, MAX_METER_POINTS);
      if ('json' in buckets) return jsonText(buckets.json, saying(asked.knownAt));
      throw refused('bucket', query.bucket, {
        code: 'too_many_points',
        message: `${buckets.tooMany} points, at most ${MAX_METER_POINTS} are answered: ask for longer buckets or less time`,
        context: { max_points: MAX_METER_POINTS },
      });
    }),
});
