import { z } from 'zod';
import {
  exportReservationsQuery,
  listReservationsQuery,
  listReservationsResponse,
  type ListReservationsQuery,
} from '@quarterhour/contracts';
import { exportReservations, headerLine, listReservations, type ReservationKey } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { assetSurface, noBody, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { requiredWindowOf } from '../../../query-instants.js';
import { answerExport, answerPage, PAGE_HEADERS, type AgreedList } from '../agreed-list.js';
import { RESERVATION_PROJECTION } from '../present.js';

export const listReservationsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/reservations',
  operationId: 'listReservations',
  summary: 'List reservations',
  description: 'Ordered by asset_id, then start_time, market, source.',
  tag: 'Reservations',
  capability: 'periods:read',
  params: noParameters,
  query: listReservationsQuery,
  body: noBody,
  responses: {
    200: { description: 'One page of reservations.', schema: listReservationsResponse, headers: PAGE_HEADERS },
  },
  handler: (request, ctx: ApiContext) => answerPage(RESERVATIONS, request, ctx),
  exports: {
    query: exportReservationsQuery,
    handler: (request, ctx: ApiContext, format) => answerExport(RESERVATIONS, request, ctx, format),
  },
});

const sortKeyShape = z.tuple([z.string(), z.string(), z.string(), z.string()]);

const RESERVATIONS: AgreedList<Asked, ReturnType<typeof filterOf>, ReservationKey> = {
  operationId: 'listReservations',
  name: 'reservations',
  filterOf,
  read: (trx, query) => listReservations(trx, query, RESERVATION_PROJECTION),
  headerLine: (format) => headerLine(RESERVATION_PROJECTION, format),
  readLines: (query, format) => exportReservations(query, RESERVATION_PROJECTION, format),
  keyOf: (sortKey) => {
    const [assetId, startTime, market, source] = sortKeyShape.parse(sortKey);
    return { assetId, startTime: parseInstant(startTime), market, source };
  },
  sortKeyOf: ({ assetId, startTime, market, source }) => [assetId, startTime, market, source],
};

type Asked = Omit<ListReservationsQuery, 'limit' | 'offset'>;

function filterOf({ asset_ids, markets, sources, order, from, to }: Asked) {
  return {
    assetIds: asset_ids,
    ...requiredWindowOf({ from, to }),
    ...(markets === undefined ? {} : { markets }),
    ...(sources === undefined ? {} : { sources }),
    order,
  };
}
