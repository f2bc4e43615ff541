import { sql, type Migration } from 'kysely';

/**
 * Partners that published before there was trading control go on: whoever has a queue prefix and no configuration is
 * enabled. And the outbox finds what stands before a message in its order.
 */
export const partnersInUse: Migration = {
  async up(db) {
    await ENABLED.execute(db);
    await OUTBOX_ORDER.execute(db);
  },
};

/** The migration's role is bound by row-level security, too. */
const ENABLED = sql`
  select set_config('app.orgs', (select '{' || string_agg(id::text, ',') || '}' from app.organisation), true);

  insert into app.trading_config (org_id, id, state, wanted_version, created_at, updated_at)
  select id, gen_random_uuid(), 'ENABLED', 1, now(), now() from app.organisation where queue_prefix is not null
  on conflict (org_id) do nothing;

  select set_config('app.orgs', '', true);
`;

const OUTBOX_ORDER = sql`create index outbox_in_order on app.outbox (org_id, order_key, id)`;
