import { describe, expect, test } from '@jest/globals';
import { objectText, type Projection } from './projection.js';

describe('a projection as SQL', () => {
  test('is one concatenation, in the order of its fields', () => {
    const projection: Projection<'a' | 'b'> = [
      { name: 'first', column: 'b', as: 'integer' },
      { name: 'second', column: 'a', as: 'boolean' },
    ];
    expect(objectText(projection, 'r')).toBe(
      `'{"first":' || coalesce(r.b::text, 'null') || ',"second":' || coalesce(r.a::text, 'null') || '}'`,
    );
  });

  test('quotes names for JSON and for SQL', () => {
    expect(objectText([{ name: `it's "quoted"`, as: 'null' }], 'r')).toBe(`'{"it''s \\"quoted\\"":' || 'null' || '}'`);
  });

  test('nests an object of the same row, null as a whole where its column is null', () => {
    const nested: Projection<'a' | 'b'> = [
      { name: 'of', as: { object: [{ name: 'n', column: 'b', as: 'integer' }], unlessNull: 'a' } },
    ];
    const member = `case when r.a is null then 'null' else '{"n":' || coalesce(r.b::text, 'null') || '}' end`;
    expect(objectText(nested, 'r')).toBe(`'{"of":' || ${member} || '}'`);
  });

  test.each<[string, Projection<string>]>([
    ['of a member', [{ name: 'x', column: 'a) from app.dispatch --', as: 'text' }]],
    ['of a nested member', [{ name: 'x', as: { object: [{ name: 'y', column: 'A', as: 'text' }], unlessNull: 'a' } }]],
    ['that decides about an object', [{ name: 'x', as: { object: [], unlessNull: 'a or true' } }]],
  ])('takes only names of columns, also %s', (_where, injected) => {
    expect(() => objectText(injected, 'r')).toThrow(RangeError);
  });

  test('takes only finite scales', () => {
    const scaled = (scale: number): Projection<string> => [{ name: 'x', column: 'a', as: { number: { scale } } }];
    expect(() => objectText(scaled(Number.NaN), 'r')).toThrow(RangeError);
    expect(objectText(scaled(0.001), 'r')).toContain('(r.a * (0.001)::float8 + 0)');
  });

  test('without fields is an empty object', () => {
    expect(objectText([], 'r')).toBe(`'{}'`);
  });
});
