import { z } from 'zod';
import { uuidOutput } from '../outputs.js';
import { queryInstant } from '../query.js';
import { measurementsQuery } from '../trading/measurements.js';
import { numberedPage, numberedPageQuery } from '../trading/pages.js';

/** Longest span of one read of a site's measurements, in hours. */
export const MAX_SITE_HOURS = 48;

/** Query of `GET /api/v1/vcp/sites`. */
export const listSitesQuery = numberedPageQuery;

/** A place of the partner's. `siteId` is what envelopes and routing keys name it by. */
export const site = z
  .strictObject({
    siteId: uuidOutput,
    name: z.string(),
    externalPlantId: z.string().nullable().meta({ description: "The partner's own id of it." }),
    eanCons: z.string().nullable().meta({ description: 'EAN of consumption; null when it is not known.' }),
    eanProd: z.string().nullable().meta({ description: 'EAN of production; null when it is not known.' }),
    timeZone: z.string(),
    marketZone: z.string().meta({ description: 'Zone of its delivery days.' }),
  })
  .meta({ id: 'Site', description: 'A place of the partner.' });
export type Site = z.infer<typeof site>;

/** One page of sites, in the order in which they were registered. */
export const listSitesResponse = numberedPage(site).meta({ id: 'SitePage' });

/** Path of what is read of one site. An id that is no UUID may still be one of the partner's own. */
export const sitePath = z.strictObject({
  siteId: z.string().meta({ description: 'Our UUID of the site, or the externalPlantId of the partner.' }),
});

/** Query of a site's measurements: `[from, to)`, at most 48 hours. */
export const siteMeasurementsQuery = measurementsQuery.extend({
  from: queryInstant.meta({ description: 'Start, included.' }),
  to: queryInstant.optional().meta({
    description: `End, not included; at most ${MAX_SITE_HOURS} hours after from. Default: that, or now when it comes first.`,
  }),
});
export type SiteMeasurementsQuery = z.output<typeof siteMeasurementsQuery>;
