import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inexactNumbers } from './exact-numbers.js';

describe('a number of more than fifteen significant digits', () => {
  test.each([
    ['in an object', '{"a":{"b":0.1234567890123456}}', ['a', 'b']],
    ['in an array', '{"limits":[{"x":1},{"x":[2,1234567890123456]}]}', ['limits', 1, 'x', 1]],
    ['under a name with quotes', String.raw`{"a\"b":-1.234567890123456789}`, ['a"b']],
    ['with an exponent', '[1.234567890123456e-3]', [0]],
    ['that JavaScript would round to a short one', '{"a":0.10000000000000000001}', ['a']],
    ['alone', '1234567890123456', []],
  ])('is found %s', (_what, text, path) => {
    expect(inexactNumbers(text)).toMatchObject([{ in: 'body', path, code: 'decimal_max_digits' }]);
  });

  test('is found wherever there is one', () => {
    const found = inexactNumbers('[1234567890123456, {"a": 1234567890123456}, "1234567890123456"]');
    expect(found.map(({ path }) => path)).toEqual([[0], [1, 'a']]);
  });

  test.each([
    ['fifteen digits', '{"a":123456789.123456}'],
    ['zeros that say nothing', '{"a":0.00000000000000001,"b":0.10000000000000000,"c":10000000000000000}'],
    ['digits in a string', '{"a":"1234567890.1234567890","1234567890123456":1}'],
    ['digits in a string with an escape', String.raw`{"a":"\\\"1234567890123456","b":1}`],
  ])('is not %s', (_what, text) => {
    expect(inexactNumbers(text)).toEqual([]);
  });

  test('is nothing that comes out of JavaScript with fifteen digits', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const short = JSON.stringify(value, (_name, one: unknown) =>
          typeof one === 'number' ? Number(one.toPrecision(15)) : one,
        );
        expect(inexactNumbers(short)).toEqual([]);
      }),
    );
  });
});
