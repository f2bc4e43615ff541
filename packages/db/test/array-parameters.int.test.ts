import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { instantFromEpochSeconds, parseInstant, type UtcInstant } from '@quarterhour/domain';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import fc from 'fast-check';
import { arrayParameter, type ArrayColumn } from '../src/array-parameters.js';
import { query } from './fixtures.js';

let server: TestDatabase;

beforeAll(async () => {
  server = await testDatabase();
});

afterAll(() => server.drop());

/** What the server reads out of the parameter, each element as `shown` has it. */
async function roundTrip<T>(
  column: ArrayColumn<T | null>,
  values: readonly (T | null)[],
  shown = 'v',
): Promise<unknown> {
  const [row] = await server.admin.read([], (trx) =>
    trx.query<{ values: unknown }>(
      query(
        `select coalesce(array_agg(${shown} order by n), '{}') as values
         from unnest($1::${column.type}[]) with ordinality as o (v, n)`,
        [arrayParameter(column, values)],
      ),
    ),
  );
  return row?.values;
}

/** Few values, so that neighbours are equal now and then, with nulls between them. */
const columnOf = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> =>
  fc
    .array(values, { minLength: 1, maxLength: 4 })
    .chain((few) => fc.array(fc.option(fc.constantFrom(...few), { freq: 4 }), { maxLength: 12 }));

const same = <T>(value: T): T => value;

describe('an array parameter', () => {
  test('carries any text', async () => {
    const storableText = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(columnOf(storableText), async (texts) => {
        expect(await roundTrip({ type: 'text', of: same }, texts)).toEqual(texts);
      }),
    );
    const hard = ['', 'NULL', '{', ',', '"', '\\', ' a ', '\n\t', '🔋', 'ř', null];
    expect(await roundTrip({ type: 'text', of: same }, hard)).toEqual(hard);
  });

  test('carries every finite number to its last bit', async () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    await fc.assert(
      fc.asyncProperty(columnOf(number), async (numbers) => {
        expect(await roundTrip({ type: 'float8', of: same }, numbers)).toEqual(numbers);
      }),
    );
  });

  test('carries every instant that we can write, to the microsecond', async () => {
    const instant = fc
      .tuple(fc.integer({ min: 0, max: 253_402_300_799 }), fc.integer({ min: 0, max: 999_999 }))
      .map(([second, micros]) =>
        parseInstant(instantFromEpochSeconds(second).replace('Z', `.${String(micros).padStart(6, '0')}Z`)),
      );
    const column: ArrayColumn<UtcInstant | null> = { type: 'timestamptz', of: same };
    await fc.assert(
      fc.asyncProperty(columnOf(instant), async (instants) => {
        expect(await roundTrip(column, instants, 'app.instant_text(v)')).toEqual(instants);
      }),
    );
    const last = parseInstant('9999-12-31T23:59:59.999999Z');
    expect(await roundTrip(column, [last, last, null, last], 'app.instant_text(v)')).toEqual([last, last, null, last]);
  });

  test('carries UUIDs, bytes, JSON, booleans and nothing at all', async () => {
    await fc.assert(
      fc.asyncProperty(columnOf(fc.uuid()), async (ids) => {
        expect(await roundTrip({ type: 'uuid', of: same }, ids, 'v::text')).toEqual(ids);
      }),
    );
    const bytes = ['', '00', 'ff00ff', 'ff00ff', null, 'ff00ff'];
    expect(await roundTrip({ type: 'bytea', of: same }, bytes, `encode(v, 'hex')`)).toEqual(bytes);
    const json = ['{"a":[1,"ř"]}', 'null', null, '[]'];
    expect(await roundTrip({ type: 'jsonb', of: same }, json, `replace(v::text, ' ', '')`)).toEqual(json);
    expect(await roundTrip({ type: 'bool', of: same }, [true, false, null, false])).toEqual([true, false, null, false]);
    expect(await roundTrip({ type: 'uuid', of: same }, [])).toEqual([]);
  });

  test('is not made of a text that is no UUID', () => {
    expect(() => arrayParameter({ type: 'uuid', of: same }, ['0199f0a0'])).toThrow(RangeError);
  });
});
