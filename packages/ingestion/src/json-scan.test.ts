import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { countMembers, scanJson } from './json-scan.js';

const scan = (text: string, maxDepth = 1_000) => scanJson(Buffer.from(text), maxDepth);

describe('a scan of JSON bytes', () => {
  test.each([
    ['{}', 1, 0, 0],
    ['{"a":1}', 1, 1, 1],
    ['{"a":{"b":[1,22,333]}}', 3, 2, 3],
    ['{"a:b":"c:\\"d:","e":[]}', 2, 2, 0],
    ['{"a":"\\\\","b":1}', 1, 2, 1],
    ['{"a":1,"a":2}', 1, 2, 1],
    ['[0.001230,-5]', 1, 0, 3],
    ['[1234567890.1234567]', 1, 0, 17],
    ['[1e400,10000000000000000000]', 1, 0, 1],
  ])('%s is %i deep, has %i members and a number of %i digits', (text, depth, members, longestNumber) => {
    expect(scan(text)).toMatchObject({ depth, members, longestNumber });
  });

  test.each([
    ['{}', 0, 0],
    ['[1,2,[3,4],"a,b"]', 4, 0],
    ['{"a":1,"bcd":"a longer value","é":2}', 2, 3],
    ['{"\\u0061" : 1}', 0, 6],
  ])('%s has %i further values and a key of %i bytes', (text, further, longestKey) => {
    expect(scan(text)).toMatchObject({ further, longestKey });
  });

  test('stops one level above the limit, however deep the text goes', () => {
    expect(scan('['.repeat(5_000_000), 64).depth).toBe(65);
  });

  test('survives text that ends inside a string, a number or an escape', () => {
    for (const text of ['{"a', '{"a\\', '12', '']) expect(() => scan(text)).not.toThrow();
  });

  test('counts as many members as the parsed value has, when no key is repeated', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        expect(scan(text).members).toBe(countMembers(JSON.parse(text)));
      }),
    );
  });

  test('counts significant digits as a decimal reader would', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.nat(20), (digits, zeros) => {
        const text = `${digits}${'0'.repeat(zeros)}`;
        const significant = text.replace(/^0+/, '').replace(/0+$/, '').length;
        expect(scan(`[${text}]`).longestNumber).toBe(significant);
      }),
    );
  });
});
