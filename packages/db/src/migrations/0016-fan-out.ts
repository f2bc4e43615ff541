import { sql, type Migration } from 'kysely';

/** What partners were not told of their telemetry; and places on the broker are looked at again, as they hold one queue more. */
export const fanOut: Migration = {
  async up(db) {
    await DROPS.execute(db);
    await PROVISIONED_ANEW.execute(db);
  },
};

const DROPS = sql`
  create table app.fan_out_drop (
    org_id uuid not null,
    key_id uuid not null,
    dropped int8 not null check (dropped > 0),
    last_at timestamptz not null,
    primary key (org_id, key_id)
  );
  select ops.limit_to_organisations('app.fan_out_drop'::regclass);

  alter table app.partner_queue add column dropped int8 not null default 0 check (dropped >= 0);
`;

/** The migration's role is bound by row-level security, too. */
const PROVISIONED_ANEW = sql`
  select set_config('app.orgs', (select '{' || string_agg(id::text, ',') || '}' from app.organisation), true);
  update app.trading_config set wanted_version = wanted_version + 1 where state <> 'DISABLED';
  select set_config('app.orgs', '', true);
`;
