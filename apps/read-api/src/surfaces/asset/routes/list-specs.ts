import { z } from 'zod';
import {
  exportSpecsQuery,
  listSpecsQuery,
  listSpecsResponse,
  MAX_SPEC_DAYS,
  type ListSpecsQuery,
} from '@quarterhour/contracts';
import { exportSpecs, headerLine, listSpecs, type SpecKey } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { assetSurface, noBody, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { assertAtMost, windowOf } from '../../../query-instants.js';
import { answerExport, answerPage, PAGE_HEADERS, type AgreedList } from '../agreed-list.js';
import { SPEC_PROJECTION } from '../present.js';

export const listSpecsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/specs',
  operationId: 'listSpecs',
  summary: 'List versions of technical data',
  description:
    'By asset, and of each the version that begins last first. from and to bound valid_from, both included. latest keeps the first of each asset, also when it begins in the future.',
  tag: 'Specs',
  capability: 'registry:read',
  params: noParameters,
  query: listSpecsQuery,
  body: noBody,
  responses: { 200: { description: 'One page of versions.', schema: listSpecsResponse, headers: PAGE_HEADERS } },
  handler: (request, ctx: ApiContext) => answerPage(SPECS, request, ctx),
  exports: {
    query: exportSpecsQuery,
    handler: (request, ctx: ApiContext, format) => answerExport(SPECS, request, ctx, format),
  },
});

const sortKeyShape = z.tuple([z.string(), z.string()]);

const SPECS: AgreedList<Asked, ReturnType<typeof filterOf>, SpecKey> = {
  operationId: 'listSpecs',
  name: 'specs',
  filterOf,
  read: (trx, query) => listSpecs(trx, query, SPEC_PROJECTION),
  headerLine: (format) => headerLine(SPEC_PROJECTION, format),
  readLines: (query, format) => exportSpecs(query, SPEC_PROJECTION, format),
  keyOf: (sortKey) => {
    const [assetId, validFrom] = sortKeyShape.parse(sortKey);
    return { assetId, validFrom: parseInstant(validFrom) };
  },
  sortKeyOf: ({ assetId, validFrom }) => [assetId, validFrom],
};

type Asked = Omit<ListSpecsQuery, 'limit' | 'offset'>;

function filterOf({ asset_ids, latest, from, to }: Asked) {
  const window = windowOf({ from, to });
  assertAtMost(window, MAX_SPEC_DAYS);
  return { assetIds: asset_ids, latestOnly: latest, ...window };
}
