import { z } from 'zod';
import {
  MAX_SITE_COMMANDS,
  siteCommand,
  siteConfigResponse,
  sitePath,
  type SiteConfigOutput,
} from '@quarterhour/contracts';
import {
  findActiveSchedule,
  findModeOverride,
  findOperatingMode,
  findSite,
  findSiteConfig,
  listSiteCommands,
} from '@quarterhour/db';
import { json, noBody, noParameters, NotFoundError, route, vcpSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { SITE_COMMAND_PROJECTION } from '../present.js';

export const getSiteConfigRoute = route({
  surface: vcpSurface,
  method: 'get',
  path: '/sites/{siteId}/config',
  operationId: 'getSiteConfig',
  summary: 'What holds at a site',
  description: 'Its mode, its schedule, what the partner configured, and the commands that are not carried out yet.',
  tag: 'Sites',
  capability: null,
  apiKeyScope: 'vcp:read',
  params: sitePath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'What holds now.', schema: siteConfigResponse } },
  handler: ({ params: { siteId }, scope }, { db }: ApiContext) =>
    db.read(scope.owners, async (trx) => {
      const site = await findSite(trx, siteId);
      if (site === null) throw new NotFoundError('site');
      const pending = await listSiteCommands(
        trx,
        { site, hours: 0, limit: MAX_SITE_COMMANDS },
        SITE_COMMAND_PROJECTION,
      );
      const config: z.input<typeof siteConfigResponse> = siteConfigResponse.parse({
        siteId: site.id,
        operatingMode: await findOperatingMode(trx, site),
        modeOverride: await findModeOverride(trx, site),
        activeSchedule: await findActiveSchedule(trx, site),
        constraints: await findSiteConfig(trx, site, 'constraints'),
        fallback: await findSiteConfig(trx, site, 'fallback'),
        pendingCommands: z.array(siteCommand).parse(JSON.parse(pending)),
      } satisfies Record<keyof SiteConfigOutput, unknown>);
      return json(config);
    }),
});
