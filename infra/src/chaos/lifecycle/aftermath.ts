import { keyIdOfVhost } from '@quarterhour/contracts';
import { firstBrokenAudit } from '@quarterhour/db';
import type { Arena } from '../arena.js';

/** An event of the control plane as it is on record. */
export interface EventOnRecord {
  readonly orgId: string;
  readonly id: string;
  readonly kind: string;
  /** How trading stood before and after; null where the event is about something else. */
  readonly from: string | null;
  readonly to: string | null;
}

/** How one partner's trading stands in the end. */
export interface StandingInTheEnd {
  readonly orgId: string;
  readonly state: string;
  /** Whether the broker was made to look as was decided last. */
  readonly isProvisioned: boolean;
  readonly trouble: string | null;
}

/** What is there when every partner's trading was disabled. */
export interface Aftermath {
  readonly standings: readonly StandingInTheEnd[];
  /** In the order in which they became known. */
  readonly events: readonly EventOnRecord[];
  /** Messages that are still to be published. */
  readonly outbox: number;
  /** Organisations whose audit chain is broken. */
  readonly brokenAudits: readonly string[];
  /** Queues, bindings and virtual hosts of partners that are still on the broker. */
  readonly left: readonly string[];
}

const STANDINGS = `
  select org_id::text as "orgId", state, wanted_version = provisioned_version as "isProvisioned", provision_error as trouble
  from app.trading_config order by org_id`;

const EVENTS = `
  select org_id::text as "orgId", message_id as id, kind, payload #>> '{details,from}' as "from",
    payload #>> '{details,to}' as "to"
  from app.trading_config_event where origin = 'control-plane' order by received_at, place`;

/** Reads it as the administrator. */
export async function readAftermath({ admin, api, vhost, organisations }: Arena): Promise<Aftermath> {
  const kept = await admin.read([], async (trx) => ({
    standings: await trx.query<StandingInTheEnd>({ text: STANDINGS, values: [] }),
    events: await trx.query<EventOnRecord>({ text: EVENTS, values: [] }),
    outbox:
      (await trx.query<{ n: number }>({ text: 'select count(*)::int as n from app.outbox', values: [] }))[0]?.n ?? 0,
  }));
  const brokenAudits: string[] = [];
  for (const { id, slug } of organisations) {
    const broken = await admin.read([id], (trx) => firstBrokenAudit(trx, id));
    if (broken !== null) brokenAudits.push(`${slug} from entry ${broken} on`);
  }
  const { queues, bindings } = await api.exportDefinitions(vhost);
  const isPartners = (name: string) => name.startsWith('vcp.');
  return {
    ...kept,
    brokenAudits,
    left: [
      ...queues.filter(({ name }) => isPartners(name)).map(({ name }) => `queue ${name}`),
      ...bindings.filter(({ queue }) => isPartners(queue)).map(({ routingKey }) => `binding ${routingKey}`),
      ...(await api.listVhosts()).filter((name) => keyIdOfVhost(name) !== null).map((name) => `virtual host ${name}`),
    ],
  };
}
