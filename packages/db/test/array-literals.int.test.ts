import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import fc from 'fast-check';
import { byteaArray, plainArray, textArray } from '../src/array-literals.js';
import { query } from './fixtures.js';

let server: TestDatabase;

beforeAll(async () => {
  server = await testDatabase();
});

afterAll(() => server.drop());

async function roundTrip(literal: string, type: string): Promise<unknown> {
  const [row] = await server.admin.read([], (trx) =>
    trx.query<{ values: unknown }>(query(`select $1::${type}[] as values`, [literal])),
  );
  return row?.values;
}

const storableText = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
const withNull = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> =>
  fc.array(fc.option(values, { freq: 5 }), { minLength: 1 });

describe('an array literal', () => {
  test('carries any text', async () => {
    await fc.assert(
      fc.asyncProperty(withNull(storableText), async (texts) => {
        expect(await roundTrip(textArray(texts), 'text')).toEqual(texts);
      }),
    );
    const hard = ['', 'NULL', 'null', '{', '}', ',', '"', '\\', '\\"', ' a ', '\n\t', '🔋', null];
    expect(await roundTrip(textArray(hard), 'text')).toEqual(hard);
  });

  test('carries every finite number to its last digit', async () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    await fc.assert(
      fc.asyncProperty(withNull(number), async (numbers) => {
        expect(await roundTrip(plainArray(numbers), 'float8')).toEqual(numbers);
      }),
    );
  });

  test('carries bytes, also none', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(await roundTrip(byteaArray([all, Buffer.alloc(0)]), 'bytea')).toEqual([all, Buffer.alloc(0)]);
  });

  test('carries booleans, instants and nothing at all', async () => {
    expect(await roundTrip(plainArray([true, false, null]), 'bool')).toEqual([true, false, null]);
    expect(await roundTrip(plainArray([]), 'uuid')).toEqual([]);
  });
});
