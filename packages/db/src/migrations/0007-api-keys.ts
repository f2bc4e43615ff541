import { sql, type Migration } from 'kysely';

/** A digest that nobody has finds no row, instead of one of nulls. */
export const apiKeys: Migration = {
  async up(db) {
    await FIND.execute(db);
  },
};

const FIND = sql`
  create or replace function app.find_api_key(digest bytea) returns setof app.api_key
    language sql stable security definer set search_path = pg_catalog, pg_temp
    begin atomic
      select k.* from app.api_key k where k.key_digest = digest;
    end;
`;
