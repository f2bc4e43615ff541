import { siteCommandsQuery, siteCommandsResponse, sitePath } from '@quarterhour/contracts';
import { findSite, listSiteCommands } from '@quarterhour/db';
import { jsonText, noBody, NotFoundError, route, vcpSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { SITE_COMMAND_PROJECTION } from '../present.js';

export const listSiteCommandsRoute = route({
  surface: vcpSurface,
  method: 'get',
  path: '/sites/{siteId}/commands',
  operationId: 'listSiteCommands',
  summary: 'Commands of a site: pending, and recently applied',
  description:
    'Newest first: whatever is pending, however old, and what was received within the last hours, refused commands and schedules included.',
  tag: 'Sites',
  capability: null,
  apiKeyScope: 'vcp:read',
  params: sitePath,
  query: siteCommandsQuery,
  body: noBody,
  responses: { 200: { description: 'Commands, newest first.', schema: siteCommandsResponse } },
  handler: ({ params: { siteId }, query, scope }, { db }: ApiContext) =>
    db.read(scope.owners, async (trx) => {
      const site = await findSite(trx, siteId);
      if (site === null) throw new NotFoundError('site');
      const asked = { site, hours: query.lookBackHours, limit: query.limit };
      return jsonText(`{"commands":${await listSiteCommands(trx, asked, SITE_COMMAND_PROJECTION)}}`);
    }),
});
