import { describe, expect, test } from '@jest/globals';
import { closedLines, headerLine } from './lines.js';
import type { Projection } from './projection.js';

const projection: Projection<'a' | 'b' | 'c'> = [
  { name: 'id', column: 'a', as: 'uuid' },
  { name: 'power', column: 'b', as: { quantity: 'MW' } },
  { name: 'nothing', as: 'null' },
  { name: 'last', as: { object: [{ name: 'at', column: 'c', as: 'instant' }], unlessNull: 'c' } },
];

describe('the lines of a list', () => {
  test('begin with the names of the columns in CSV, units and nested names in them', () => {
    expect(headerLine(projection, 'csv')).toBe('id,power_mw,nothing,last.at,cursor\r\n');
    expect(headerLine(projection, 'ndjson')).toBe('');
  });

  test.each([
    ['csv', null, 'x,\r\n'],
    ['csv', 'AbC-_1', 'x,AbC-_1\r\n'],
    ['ndjson', null, 'x,"cursor":null}\n'],
    ['ndjson', 'AbC-_1', 'x,"cursor":"AbC-_1"}\n'],
  ] as const)('end in %s with their cursor %s', (format, cursor, closed) => {
    expect(closedLines('x', format, cursor)).toBe(closed);
  });
});
