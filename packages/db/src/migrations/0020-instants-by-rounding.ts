import { sql, type Migration } from 'kysely';

/**
 * An instant as it is answered, written faster: whether it is a whole second, or millisecond, shows by rounding it, which
 * is one division; truncating it goes by way of the calendar. The texts are the same.
 */
export const instantsByRounding: Migration = {
  async up(db) {
    await INSTANT_TEXT.execute(db);
  },
};

const INSTANT_TEXT = sql`
  create or replace function app.instant_text(at timestamptz) returns text language sql stable parallel safe
    return case
      when at::timestamptz(0) = at
        then substr(to_json(at at time zone interval '0')::text, 2, 19) || 'Z'
      when at::timestamptz(3) = at
        then rpad(trim(both '"' from to_json(at at time zone interval '0')::text), 23, '0') || 'Z'
      else rpad(trim(both '"' from to_json(at at time zone interval '0')::text), 26, '0') || 'Z'
    end;
`;
