import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createCursors } from './cursor.js';
import { InvalidRequestError } from './refusal.js';

const cursors = createCursors(new Uint8Array(32).fill(7));
const list = { route: 'listThings', filters: { ids: ['a', 'b'], order: 'asc' }, organisations: ['o1', 'o2'] };
const position = { sortKey: ['2026-01-15T10:00:00Z', 'e1'], knownAt: '2026-01-15T11:00:00.000001Z' };

const positions = fc.record({
  sortKey: fc.array(fc.string({ unit: 'grapheme' })),
  knownAt: fc.option(fc.string()),
});

describe('a cursor', () => {
  test('opens to the position that was sealed', () => {
    fc.assert(
      fc.property(positions, (sealed) => {
        expect(cursors.open(list, cursors.seal(list, sealed))).toEqual(sealed);
      }),
    );
  });

  test('is plain in a URL', () => {
    fc.assert(
      fc.property(positions, (sealed) => {
        expect(cursors.seal(list, sealed)).toMatch(/^[A-Za-z0-9_-]+$/);
      }),
    );
  });

  test('changed in any one character, it does not open', () => {
    const text = cursors.seal(list, position);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'A' ? 'B' : 'A';
      const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      expect(() => cursors.open(list, changed)).toThrow(InvalidRequestError);
    }
  });

  test('cut, lengthened or made up, it does not open', () => {
    const text = cursors.seal(list, position);
    for (let length = 0; length < text.length; length += 1) {
      expect(() => cursors.open(list, text.slice(0, length))).toThrow(InvalidRequestError);
    }
    fc.assert(
      fc.property(fc.base64String(), (made) => {
        expect(() => cursors.open(list, made)).toThrow(InvalidRequestError);
        expect(() => cursors.open(list, `${text}${made}x`)).toThrow(InvalidRequestError);
      }),
    );
  });

  test.each([
    ['route', { ...list, route: 'listOthers' }],
    ['filter', { ...list, filters: { ...list.filters, ids: ['a'] } }],
    ['order', { ...list, filters: { ...list.filters, order: 'desc' } }],
    ['added filter', { ...list, filters: { ...list.filters, from: '2026-01-01T00:00:00Z' } }],
    ['organisation', { ...list, organisations: ['o1'] }],
  ])('does not open for another %s', (_what, other) => {
    const text = cursors.seal(list, position);
    expect(() => cursors.open(other, text)).toThrow(InvalidRequestError);
  });

  test('opens whatever order filters and organisations come in', () => {
    const text = cursors.seal(list, position);
    const same = { ...list, filters: { order: 'asc', ids: ['a', 'b'], to: undefined }, organisations: ['o2', 'o1'] };
    expect(cursors.open(same, text)).toEqual(position);
  });

  test('does not open under another key', () => {
    const text = createCursors(new Uint8Array(32).fill(8)).seal(list, position);
    expect(() => cursors.open(list, text)).toThrow(InvalidRequestError);
  });

  test('needs a key of 32 bytes', () => {
    expect(() => createCursors(new Uint8Array(16))).toThrow(RangeError);
  });
});
