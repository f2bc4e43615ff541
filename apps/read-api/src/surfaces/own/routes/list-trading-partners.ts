import { z } from 'zod';
import {
  listTradingPartnersQuery,
  listTradingPartnersResponse,
  type TradingPartnerOutput,
} from '@quarterhour/contracts';
import {
  listPartnerKeys,
  listPartnerQueues,
  listPartnerTraffic,
  listTradingConfigs,
  type PartnerKey,
  type PartnerTraffic,
  type SampledQueue,
  type TradingConfigRecord,
} from '@quarterhour/db';
import { json, noBody, noParameters, ownSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { openListing } from '../../../listing.js';
import { alarmsOf } from '../partner-alarms.js';

export const listTradingPartnersRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/trading/partners',
  operationId: 'listTradingPartners',
  summary: 'List trading partners and how they stand',
  description:
    'By slug. Queues are shown as the control API last saw them, which is every few seconds; sampled_at says when that was.',
  tag: 'Trading',
  capability: 'trading-config:read',
  params: noParameters,
  query: listTradingPartnersQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of partners.',
      schema: listTradingPartnersResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors, clock }: ApiContext) => {
    const { query, scope } = request;
    const listing = openListing(cursors, 'listTradingPartners', request);
    const after = listing.position === undefined ? '' : lastSlug.parse(listing.position.sortKey)[0];
    const following = (await db.read(scope.owners, listTradingConfigs)).filter(({ slug }) => slug > after);
    const configs = following.slice(0, query.limit);
    const known = await db.read(
      configs.map(({ orgId }) => orgId),
      async (trx) => ({
        queues: await listPartnerQueues(trx),
        keys: await listPartnerKeys(trx),
        traffic: await listPartnerTraffic(trx),
      }),
    );
    const partners = configs.map((config) => presentPartner(config, known, clock.nowMillis()));
    const last = configs.at(-1);
    const hasMore = following.length > configs.length && last !== undefined;
    return json(
      { partners, limit: query.limit },
      hasMore ? listing.linkAfter({ sortKey: [last.slug], knownAt: null }) : {},
    );
  },
});

const lastSlug = z.tuple([z.string()]);

interface Known {
  readonly queues: readonly SampledQueue[];
  readonly keys: readonly PartnerKey[];
  readonly traffic: readonly PartnerTraffic[];
}

function presentPartner(config: TradingConfigRecord, known: Known, nowMillis: number): TradingPartnerOutput {
  const isItsOwn = ({ orgId }: { readonly orgId: string }): boolean => orgId === config.orgId;
  const queues = known.queues.filter(isItsOwn);
  const traffic = known.traffic.find(isItsOwn);
  return {
    organisation_id: config.orgId,
    slug: config.slug,
    state: config.state,
    since: config.stateSince,
    queue_prefix: config.queuePrefix,
    is_provisioned: config.wantedVersion === config.provisionedVersion && config.provisionError === null,
    last_message_at: traffic?.lastMinute ?? null,
    last_message_age_seconds: traffic?.ageSeconds == null ? null : Math.max(0, Math.floor(traffic.ageSeconds)),
    messages_per_minute: traffic?.perMinute ?? 0,
    queues: queues.map(presentQueue),
    keys: known.keys.filter(isItsOwn).map(presentKey),
    alarms: alarmsOf({ config, traffic, queues, nowMillis }),
  };
}

function presentQueue(queue: SampledQueue): TradingPartnerOutput['queues'][number] {
  const { vhost, name, direction, ready, unsettled, consumers, publishRate, deliverRate, dropped, sampledAt } = queue;
  return {
    vhost,
    name,
    direction,
    ready,
    unsettled,
    consumers,
    publish_rate: publishRate,
    deliver_rate: deliverRate,
    dropped,
    sampled_at: sampledAt,
  };
}

function presentKey(key: PartnerKey): TradingPartnerOutput['keys'][number] {
  return {
    id: key.id,
    name: key.name,
    is_expired: key.isExpired,
    expires_at: key.expiresAt,
    last_used_at: key.lastUsedAt,
    telemetry_dropped: key.dropped,
    telemetry_last_dropped_at: key.lastDroppedAt,
  };
}
