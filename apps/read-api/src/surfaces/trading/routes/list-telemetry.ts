import { z } from 'zod';
import {
  BUCKET_SPELLINGS,
  exportMeasurementsQuery,
  listTelemetryResponse,
  measurementsQuery,
  plantPath,
} from '@quarterhour/contracts';
import { exportTelemetryBuckets, headerLine, listTelemetryBuckets, type BucketKey } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { jsonText, noBody, route, tradingSurface, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { KNOWN_AT_HEADER, saying } from '../../../marks.js';
import { begunIn, bucketQuery, weightOf, type Begun } from '../measurements.js';
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
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: measurementsQuery,
  spellings: BUCKET_SPELLINGS,
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
  exports: {
    query: exportMeasurementsQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const { params, query } = request;
      const listing = openListing(cursors, 'listTelemetry', { ...request, query: { ...query, ...params } });
      const start = listing.position && startOf(listing.position);
      return exported(db, request, format, async (trx) => {
        const asked = await bucketQuery(trx, params.plantId, query, start?.begun);
        return {
          name: 'telemetry',
          header: headerLine(BUCKET_PROJECTION, format),
          listing,
          read: exportTelemetryBuckets(asked, BUCKET_PROJECTION, format),
          after: start?.after,
          positionOf: ({ startsAt }: BucketKey) => ({
            sortKey: [startsAt, asked.from, asked.to],
            knownAt: asked.knownAt,
          }),
          knownAt: asked.knownAt,
        };
      });
    },
  },
});

function startOf(position: Position): { readonly after: BucketKey; readonly begun: Begun } {
  const [startsAt, ...span] = z.tuple([z.string()], z.string()).parse(position.sortKey);
  return { after: { startsAt: parseInstant(startsAt) }, begun: begunIn(position, span) };
}
