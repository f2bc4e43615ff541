import { sql, type Migration } from 'kysely';

/** Since when a partner's trading has been open; the outbox by its orders. */
export const openedAndOrdered: Migration = {
  async up(db) {
    await OPENED.execute(db);
    await ORDERS.execute(db);
  },
};

/** What was taken before is not carried out any more: trading was disabled in between. */
const OPENED = sql`
  alter table app.trading_config add column opened_at timestamptz not null default '-infinity';

  create or replace function ops.stamp_trading_state() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
    as $$
    begin
      if new.state <> old.state then
        new.state_since := clock_timestamp();
        if old.state = 'DISABLED' then
          new.opened_at := new.state_since;
        end if;
      end if;
      return new;
    end $$;
`;

/**
 * Whether something before a message waits is looked for in its order among what waits, however much waits in others, and
 * however much of its own does not.
 */
const ORDERS = sql`
  create index outbox_by_order on app.outbox (org_id, order_key, next_try_at, id);
  drop index app.outbox_in_order;
`;
