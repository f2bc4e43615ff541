import {
  EXCHANGES,
  inboundQueue,
  OUTBOUND_FAMILIES,
  outboundQueue,
  partnerConfigKey,
  partnerTelemetryKey,
  partnerVhost,
  VHOST,
  type InboundFamily,
} from '@quarterhour/contracts';
import { NO_ORGANISATION, type OrganisationRow } from '@quarterhour/db';
import { openBroker, type Broker, type RabbitApi } from '@quarterhour/messaging';
import { anApiKey, anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import type { TestApi } from './api.js';

export const PAYLOAD = {
  esmApiUrl: 'https://esm.partner.example/api/v1/voke-esm',
  esmClientId: 'client-7',
  esmClientSecret: 'correct horse battery staple',
};

/** A partner whose configuration is complete, with keys, and what its traders and our worker do. */
export interface Partner {
  readonly organisation: OrganisationRow;
  readonly prefix: string;
  readonly keys: readonly string[];
  readonly claims: TokenClaims;
  /** A step of its lifecycle, over HTTP. */
  step(name: string, reason?: string): Promise<{ status: number; state: string; body: Record<string, unknown> }>;
}

export async function aPartner(api: TestApi, keyCount = 1): Promise<Partner> {
  const organisation = await anOrganisation(api.admin, { tradingState: null });
  const keys: string[] = [];
  for (let n = 0; n < keyCount; n += 1) keys.push(await anApiKey(api.admin, organisation));
  const claims: TokenClaims = { sub: 'tom', orgs: [organisation.id], roles: ['trader'] };
  await api.post('/api/v1/trading/config', PAYLOAD, claims);
  return {
    organisation,
    prefix: organisation.queuePrefix ?? '',
    keys,
    claims,
    step: async (name, reason) => {
      const isContracted = name === 'enable' || name === 'disable';
      const url = isContracted ? `/api/v1/trading/config/${name}` : `/quarterhour/v1/trading/${name}`;
      const { status, headers, body } = await api.post(url, reason === undefined ? {} : { reason }, claims);
      return { status, state: headers['quarterhour-trading-state'] ?? '', body };
    },
  };
}

/** What the broker holds for a partner: everything that a lifecycle changes, in an order of its own. */
export async function onTheBroker(api: TestApi, partner: Pick<Partner, 'prefix' | 'keys'>, rabbit: RabbitApi) {
  const { prefix, keys } = partner;
  const isOurs = (name: string) => name.startsWith(`vcp.${prefix}.`);
  const central = await rabbit.exportDefinitions(api.vhost.name);
  const vhosts = await rabbit.listVhosts();
  const own = keys.map(partnerVhost).filter((vhost) => vhosts.includes(vhost));
  return {
    central: {
      queues: central.queues
        .filter(({ name }) => isOurs(name))
        .map(({ name }) => name)
        .toSorted(),
      bindings: central.bindings
        .filter(({ queue }) => isOurs(queue))
        .map(({ queue, routingKey }) => `${queue} ${routingKey}`)
        .toSorted(),
    },
    vhosts: Object.fromEntries(
      await Promise.all(
        own.map(async (vhost) => {
          const { exchanges, queues, bindings, policies } = await rabbit.exportDefinitions(vhost);
          const definitions = {
            exchanges: exchanges.map(({ name }) => name).toSorted(),
            queues: queues.map((queue) => `${queue.name} ${JSON.stringify(queue.arguments)}`).toSorted(),
            bindings: bindings
              .map(({ exchange, queue, routingKey }) => `${exchange} ${routingKey} ${queue}`)
              .toSorted(),
            policies: policies.map(({ name }) => name).toSorted(),
          };
          return [vhost, definitions] as const;
        }),
      ),
    ),
  };
}

/** How an organisation's trading is kept. */
export async function keptOf(api: TestApi, { organisation: { id } }: Pick<Partner, 'organisation'>) {
  const read = <R extends object>(text: string): Promise<R[]> =>
    api.admin.read([id, NO_ORGANISATION], (trx) => trx.query<R>({ text, values: [id] }));
  const [config] = await read<{
    state: string;
    isProvisioned: boolean;
    trouble: string | null;
    wanted: string;
    provisioned: string;
  }>(
    `select state, wanted_version = provisioned_version as "isProvisioned", provision_error as trouble,
       wanted_version::text as wanted, provisioned_version::text as provisioned
     from app.trading_config where org_id = $1`,
  );
  const events = await read<{ kind: string; actor: string; reason: string | null; details: Record<string, unknown> }>(
    `select kind, actor, reason, payload -> 'details' as details from app.trading_config_event
     where org_id = $1 and kind <> 'updated' order by received_at, place`,
  );
  const outbox = await read<{ key: string }>(
    `select routing_key as key from app.outbox where org_id = $1 and routing_key <> 'trading.config.updated' order by id`,
  );
  const audit = await read<{ action: string; actor: string }>(
    `select action, actor from app.audit where org_id = $1 and action <> 'trading.configure' order by seq`,
  );
  const vhosts = await read<{ key: string }>('select key_id as key from app.partner_vhost where org_id = $1');
  return { config, events, outbox: outbox.map(({ key }) => key), audit, vhosts: vhosts.map(({ key }) => key) };
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A connection of our own user to a virtual host. */
export function connected(api: TestApi, vhost: string): Promise<Broker> {
  const url = new URL(api.vhost.amqpUrl);
  url.pathname = `/${encodeURIComponent(vhost)}`;
  return openBroker({ url: url.href, applicationName: 'control-api-test', log: silent, connectWithinMs: 10_000 });
}

export const keyOf = (prefix: string, family: InboundFamily): string => {
  switch (family) {
    case 'telemetry':
      return partnerTelemetryKey(prefix, 'realtime', 'site');
    case 'config':
      return partnerConfigKey(prefix, 'constraints', 'site');
    case 'command':
      return `${prefix}.command.emergency`;
    case 'schedule':
      return `${prefix}.schedule.create`;
  }
};

/** Publishes one message after the other, and says what became of each. */
export async function published(broker: Broker, routingKey: string, count = 1): Promise<string[]> {
  const publisher = broker.publisher();
  const answers: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const message = { exchange: EXCHANGES.vcp, routingKey, body: Buffer.from(`{"n":${n}}`) };
    answers.push(
      await publisher.publish(message).then(
        () => 'taken',
        (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
      ),
    );
  }
  await publisher.close();
  return answers;
}

/** Stands for the worker: takes from a queue and settles after a while. */
export async function consumed(broker: Broker, queue: string, afterMs = 0): Promise<{ readonly taken: string[] }> {
  const taken: string[] = [];
  await broker.consume({
    queue,
    prefetch: 10,
    onDelivery: (delivery, consumer) => {
      setTimeout(() => {
        taken.push(delivery.body.toString());
        consumer.ack([delivery]);
      }, afterMs);
    },
  });
  return { taken };
}

export const telemetryQueue = (prefix: string): string => inboundQueue(prefix, 'telemetry').name;
export const outboundQueues = (prefix: string): string[] =>
  OUTBOUND_FAMILIES.map((family) => outboundQueue(prefix, family).name);
export { VHOST };
