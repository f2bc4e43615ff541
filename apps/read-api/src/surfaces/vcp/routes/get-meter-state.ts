import { METER_FRESH_SECONDS, meterStateQuery, meterStateResponse, type MeterState } from '@quarterhour/contracts';
import { findSiteByEan, listLastRegisters } from '@quarterhour/db';
import { json, noBody, noParameters, NotFoundError, route, vcpSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { presentReading } from '../present.js';

export const getMeterStateRoute = route({
  surface: vcpSurface,
  method: 'get',
  path: '/meter-state',
  operationId: 'getMeterState',
  summary: 'What the meters of a site showed last',
  description: 'The site is found by either of its EANs.',
  tag: 'Sites',
  capability: null,
  apiKeyScope: 'vcp:read',
  params: noParameters,
  query: meterStateQuery,
  body: noBody,
  responses: { 200: { description: 'The newest reading, or null.', schema: meterStateResponse } },
  handler: ({ query, scope }, { db }: ApiContext) =>
    db.read(scope.owners, async (trx) => {
      const site = await findSiteByEan(trx, query.ean);
      if (site === null) throw new NotFoundError('site');
      const reading = presentReading(await listLastRegisters(trx, site, METER_FRESH_SECONDS));
      return json({ siteId: site.id, eanCons: site.eanCons, eanProd: site.eanProd, reading } satisfies MeterState);
    }),
});
