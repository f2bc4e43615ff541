import { describe, expect, test } from '@jest/globals';
import { bodyPreview, fields, printable, printableJson, table } from './printing.js';

describe('text from outside', () => {
  test.each([
    ['a bell and an escape sequence', '\x07\x1b[2J', '\\u0007\\u001b[2J'],
    ['a line end', 'a\nb\r', 'a\\u000ab\\u000d'],
    ['a C1 control', '\x9b31m', '\\u009b31m'],
    ['text turned around', 'abc\u202e321', 'abc\\u202e321'],
    ['an invisible mark', 'a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
    ['half a surrogate pair', '\ud83d!', '\\ud83d!'],
    ['letters, umlauts and pictures', 'Grüße 😀', 'Grüße 😀'],
  ])('shows %s without obeying it', (_case, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('stays the same value in JSON', () => {
    const value = { 'k\x1b': 'a\x9b\u202e\u2028b', list: ['\x07'] };

    const text = printableJson(value);

    expect(text).not.toMatch(/[\x1b\x9b\u202e\u2028\x07]/);
    expect(JSON.parse(text)).toEqual(value);
  });
});

describe('a body', () => {
  test('is shown as text where it is UTF-8, a line per line', () => {
    expect(bodyPreview(Buffer.from('{"a":1,\r\n"b":"\x1b"}'), 100)).toEqual(['{"a":1,', '"b":"\\u001b"}']);
  });

  test('is shown as bytes where it is not', () => {
    expect(bodyPreview(Buffer.from([0xff, 0xfe, 0x41]), 100)).toEqual(['fffe41']);
  });

  test('is cut, never inside a character, and says how much is left', () => {
    expect(bodyPreview(Buffer.from('aé'.repeat(2)), 5)).toEqual(['aéa', '(1 more bytes)']);
  });

  test('that is empty is one empty line', () => {
    expect(bodyPreview(Buffer.alloc(0), 100)).toEqual(['']);
  });
});

test('a table aligns its columns and ends no line in blanks', () => {
  expect(table(['A', 'LONG'], [['aaa', 'b']])).toEqual(['A    LONG', 'aaa  b']);
});

test('fields leave out what there is none of', () => {
  expect(fields({ id: '1', path: null, reason: 'schema' })).toEqual(['  id      1', '  reason  schema']);
});
