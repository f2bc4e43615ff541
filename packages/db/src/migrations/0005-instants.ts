import { sql, type Migration } from 'kysely';

/**
 * An instant as it is answered, written faster: `to_json` knows nothing but ISO 8601, `to_char` reads its pattern each time.
 * The texts are the same.
 */
export const instants: Migration = {
  async up(db) {
    await INSTANT_TEXT.execute(db);
  },
};

const INSTANT_TEXT = sql`
  create or replace function app.instant_text(at timestamptz) returns text language sql stable parallel safe
    return case
      when date_trunc('second', at) = at
        then substr(to_json(at at time zone interval '0')::text, 2, 19) || 'Z'
      when date_trunc('milliseconds', at) = at
        then rpad(trim(both '"' from to_json(at at time zone interval '0')::text), 23, '0') || 'Z'
      else rpad(trim(both '"' from to_json(at at time zone interval '0')::text), 26, '0') || 'Z'
    end;
`;
