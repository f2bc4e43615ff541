import { z } from 'zod';
import {
  BUCKET_SPELLINGS,
  exportMeasurementsQuery,
  listMetersResponse,
  measurementsQuery,
  plantPath,
} from '@quarterhour/contracts';
import { exportMeterBuckets, headerLine, type MeterBucketKey } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { noBody, route, tradingSurface, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { KNOWN_AT_HEADER } from '../../../marks.js';
import { begunIn, bucketQuery, meterReply, weightOf, type Begun } from '../measurements.js';
import { METER_PROJECTION } from '../present.js';

export const listMetersRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/meters',
  operationId: 'listMeterData',
  summary: 'Meter energy per bucket',
  description:
    'What each register counted between the ends of the buckets; null where a reading is missing or the register was reset. An export may have any number of points.',
  tag: 'Measurements',
  capability: 'telemetry:read',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: measurementsQuery,
  spellings: BUCKET_SPELLINGS,
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
    db.read(scope.organisations, async (trx) => meterReply(trx, await bucketQuery(trx, plantId, query))),
  exports: {
    query: exportMeasurementsQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const { params, query } = request;
      const listing = openListing(cursors, 'listMeterData', { ...request, query: { ...query, ...params } });
      const start = listing.position && startOf(listing.position);
      return exported(db, request, format, async (trx) => {
        const asked = await bucketQuery(trx, params.plantId, query, start?.begun);
        return {
          name: 'meters',
          header: headerLine(METER_PROJECTION, format),
          listing,
          read: exportMeterBuckets(asked, METER_PROJECTION, format),
          after: start?.after,
          positionOf: ({ startsAt, deviceId, register }: MeterBucketKey) => ({
            sortKey: [startsAt, deviceId, register, asked.from, asked.to],
            knownAt: asked.knownAt,
          }),
          knownAt: asked.knownAt,
        };
      });
    },
  },
});

function startOf(position: Position): { readonly after: MeterBucketKey; readonly begun: Begun } {
  const [startsAt, deviceId, register, ...span] = z
    .tuple([z.string(), z.string(), z.string()], z.string())
    .parse(position.sortKey);
  return { after: { startsAt: parseInstant(startsAt), deviceId, register }, begun: begunIn(position, span) };
}
