import { partnerQueues, partnerVhost, QUEUES } from '@quarterhour/contracts';
import {
  listOrganisations,
  listPartnerVhosts,
  listTradingConfigs,
  recordPartnerQueues,
  type Database,
  type PartnerQueueRow,
  type TradingConfigRecord,
} from '@quarterhour/db';
import { BrokerApiError, type QueueStatus, type RabbitApi } from '@quarterhour/messaging';
import { centralQueues } from './places.js';

/** What looking at queues takes. */
export interface DepthsContext {
  readonly db: Database;
  readonly api: RabbitApi;
  /** The central virtual host. */
  readonly vhost: string;
}

/** Writes down how every partner's queues stand, for those who have no broker to ask. */
export async function recordDepths(ctx: DepthsContext): Promise<void> {
  const everybody = (await ctx.db.read([], listOrganisations)).map(({ id }) => id);
  const configs = await ctx.db.read(everybody, listTradingConfigs);
  for (const config of configs.filter(({ queuePrefix }) => queuePrefix !== null)) {
    const queues = await queuesOf(ctx, config);
    await ctx.db.transaction([config.orgId], (trx) => recordPartnerQueues(trx, config.orgId, queues));
  }
}

async function queuesOf({ db, api, vhost }: DepthsContext, config: TradingConfigRecord): Promise<PartnerQueueRow[]> {
  const { orgId, queuePrefix: prefix } = config;
  if (prefix === null || config.state === 'DISABLED') return [];
  const rows = rowsOf(vhost, prefix, await centralQueues(api, vhost, prefix));
  const keys = (await db.read([orgId], (trx) => listPartnerVhosts(trx, orgId))).filter(({ mayExist }) => mayExist);
  for (const own of keys.map(({ keyId }) => partnerVhost(keyId))) {
    rows.push(...rowsOf(own, prefix, await queuesIn(api, own)));
  }
  return rows;
}

/** None of a virtual host that is not made yet, or gone already. */
async function queuesIn(api: RabbitApi, vhost: string): Promise<QueueStatus[]> {
  try {
    return await api.listQueues(vhost);
  } catch (error) {
    if (error instanceof BrokerApiError && error.status === 404) return [];
    throw error;
  }
}

function rowsOf(vhost: string, prefix: string, queues: readonly QueueStatus[]): PartnerQueueRow[] {
  const directions = directionsOf(prefix);
  return queues.flatMap((queue) => {
    const direction = directions.get(queue.name);
    if (direction === undefined) return [];
    return {
      vhost,
      name: queue.name,
      direction,
      ready: queue.messagesReady,
      unsettled: queue.messagesUnsettled,
      consumers: queue.consumers,
      publishRate: queue.publishRate,
      deliverRate: queue.deliverRate,
      dropped: queue.dropped,
    };
  });
}

/** Of the queues that hold something. */
function directionsOf(prefix: string): ReadonlyMap<string, PartnerQueueRow['direction']> {
  return new Map([
    ...partnerQueues(prefix).map(({ name, direction }) => [name, direction] as const),
    [QUEUES.dead, 'dead'],
  ]);
}
