import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseQueryString, searchOf } from './query-string.js';
import { InvalidRequestError } from './refusal.js';

describe('a query string', () => {
  test.each([
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=1&b=2', { a: '1', b: '2' }],
    ['a=1&a=2&a=3', { a: ['1', '2', '3'] }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['a[]=1', { 'a[]': '1' }],
    ['a[b]=1', { 'a[b]': '1' }],
    ['a=x+y%2Bz', { a: 'x y+z' }],
    ['&&a=1&', { a: '1' }],
  ])('%j is read literally', (search, expected) => {
    expect(parseQueryString(search)).toEqual(expected);
  });

  test('takes other names for the one that they stand for', () => {
    const spellings = { type: 'commandType' };
    expect(parseQueryString('type=a', spellings)).toEqual({ commandType: 'a' });
    expect(parseQueryString('type=a&commandType=b', spellings)).toEqual({ commandType: ['a', 'b'] });
    expect(parseQueryString('constructor=a', spellings)).toEqual({ constructor: 'a' });
  });

  test('a name like __proto__ is a name', () => {
    expect(Object.keys(parseQueryString('__proto__=1&constructor=2'))).toEqual(['__proto__', 'constructor']);
  });

  test.each(['a=%', 'a=%G1', '%ff=1', 'a=%c3%28'])('%j is a complaint about its escape', (search) => {
    expect(() => parseQueryString(search)).toThrow(InvalidRequestError);
  });

  test('what URLSearchParams writes comes back', () => {
    const texts = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(texts, texts)), (pairs) => {
        const written = new URLSearchParams(pairs).toString();
        const read = Object.entries(parseQueryString(written)).flatMap(([name, values]) =>
          [values].flat().map((value) => `${name}=${value}`),
        );
        expect(read.toSorted()).toEqual(pairs.map(([name, value]) => `${name}=${value}`).toSorted());
      }),
    );
  });

  test('begins after the first question mark', () => {
    expect([searchOf('/a?b=?'), searchOf('/a')]).toEqual(['b=?', '']);
  });
});
