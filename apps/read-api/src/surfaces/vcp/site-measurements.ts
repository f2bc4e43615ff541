import { MAX_SITE_HOURS, type SiteMeasurementsQuery } from '@quarterhour/contracts';
import { findSite, type BucketQuery, type Trx } from '@quarterhour/db';
import { compareInstants, epochMicros, instantFromEpochMicros } from '@quarterhour/domain';
import { NotFoundError } from '@quarterhour/http';
import { measuredMark } from '../../marks.js';
import { instantIn, refused } from '../../query-instants.js';
import { bucketQuery } from '../trading/measurements.js';

const LONGEST_MICROS = MAX_SITE_HOURS * 3_600_000_000;

/** Which buckets of which site are asked for. Reading so much is never heavy. */
export async function siteBucketQuery(trx: Trx, siteId: string, query: SiteMeasurementsQuery): Promise<BucketQuery> {
  const site = await findSite(trx, siteId);
  if (site === null) throw new NotFoundError('site');
  const latest = instantFromEpochMicros(epochMicros(instantIn('from', query.from)) + LONGEST_MICROS);
  if (query.to === undefined) {
    const { now } = await measuredMark(trx, {});
    return bucketQuery(trx, site.id, { ...query, to: compareInstants(latest, now) < 0 ? latest : now });
  }
  if (compareInstants(instantIn('to', query.to), latest) > 0) {
    throw refused('to', query.to, {
      code: 'window_too_long',
      message: `to lies more than ${MAX_SITE_HOURS} hours after from: ask in parts`,
      context: { max_hours: MAX_SITE_HOURS },
    });
  }
  return bucketQuery(trx, site.id, query);
}
