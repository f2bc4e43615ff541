import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { instantFromEpochMicros } from '@quarterhour/domain';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import fc from 'fast-check';
import { plainArray } from '../src/array-literals.js';

/** 2255-06-05T23:47:34Z, up to which microseconds are counted one by one. */
const LAST_SECOND = 9_007_199_253;

let server: TestDatabase;
beforeAll(async () => {
  server = await testDatabase();
}, 60_000);
afterAll(() => server.drop());

async function written(instant: string, settings: string): Promise<string | undefined> {
  return server.admin.transaction([], async (trx) => {
    for (const setting of settings.split(';')) await trx.query({ text: `set local ${setting}`, values: [] });
    const [row] = await trx.query<{ text: string }>({
      text: 'select app.instant_text($1::timestamptz) as text',
      values: [instant],
    });
    return row?.text;
  });
}

describe('an instant as text', () => {
  test.each([
    ['2026-01-15T10:00:00Z', '2026-01-15T10:00:00Z'],
    ['2026-01-15T10:00:00.5Z', '2026-01-15T10:00:00.500Z'],
    ['2026-01-15T10:00:00.120Z', '2026-01-15T10:00:00.120Z'],
    ['2026-01-15T10:00:00.001Z', '2026-01-15T10:00:00.001Z'],
    ['2026-01-15T10:00:00.000001Z', '2026-01-15T10:00:00.000001Z'],
    ['2026-01-15T10:00:00.1234Z', '2026-01-15T10:00:00.123400Z'],
    ['2026-03-29T02:30:00.25+01:00', '2026-03-29T01:30:00.250Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z'],
    ['2026-12-31T23:59:59.9995Z', '2026-12-31T23:59:59.999500Z'],
    ['2026-12-31T23:59:59.999Z', '2026-12-31T23:59:59.999Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ])('%s is %s, whatever a session is set to', async (instant, text) => {
    expect(await written(instant, "timezone = 'UTC'")).toBe(text);
    expect(await written(instant, "timezone = 'Asia/Kathmandu';datestyle = 'SQL, DMY'")).toBe(text);
    expect(
      await written(instant, "timezone = 'America/St_Johns';datestyle = 'German';intervalstyle = 'sql_standard'"),
    ).toBe(text);
  });

  test('is what the domain writes', async () => {
    const ofAnyFraction = fc.nat(LAST_SECOND).chain((second) =>
      fc.oneof(
        fc.constant(second * 1_000_000),
        fc.nat(999).map((millis) => second * 1_000_000 + millis * 1_000),
        fc.nat(999_999).map((micros) => second * 1_000_000 + micros),
      ),
    );
    const instants = fc.sample(ofAnyFraction, 3_000).map(instantFromEpochMicros);
    const rows = await server.admin.transaction([], (trx) =>
      trx.query<{ text: string }>({
        text: 'select app.instant_text(at) as text from unnest($1::timestamptz[]) with ordinality as i (at, n) order by n',
        values: [plainArray(instants)],
      }),
    );
    expect(rows.map(({ text }) => text)).toEqual(instants);
  });
});
