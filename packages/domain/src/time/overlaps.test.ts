import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareInstants, instantFromEpochSeconds, parseInstant } from './instant.js';
import { overlapsAmong } from './overlaps.js';
import type { Span } from './span.js';

const span = (start: string, end: string): Span => ({
  start: parseInstant(`2026-01-15T${start}:00Z`),
  end: parseInstant(`2026-01-15T${end}:00Z`),
});

describe('spans', () => {
  test.each([
    ['none', [], []],
    ['one', [span('10:00', '11:00')], []],
    ['two that touch', [span('11:00', '12:00'), span('10:00', '11:00')], []],
    ['two that overlap', [span('10:30', '12:00'), span('10:00', '11:00')], [{ index: 0, with: 1, sharesStart: false }]],
    [
      'two that begin together',
      [span('10:00', '11:00'), span('10:00', '12:00')],
      [{ index: 1, with: 0, sharesStart: true }],
    ],
    [
      'one that holds two others',
      [span('10:00', '14:00'), span('11:00', '12:00'), span('13:00', '13:30')],
      [
        { index: 1, with: 0, sharesStart: false },
        { index: 2, with: 0, sharesStart: false },
      ],
    ],
    [
      'two that begin together within another',
      [span('10:00', '14:00'), span('11:00', '13:00'), span('11:00', '12:00')],
      [
        { index: 1, with: 0, sharesStart: false },
        { index: 2, with: 1, sharesStart: true },
      ],
    ],
  ])('%s', (_case, spans, expected) => {
    expect(overlapsAmong(spans)).toEqual(expected);
  });

  const spans = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 10 })).map(([start, length]) => ({
      start: instantFromEpochSeconds(start),
      end: instantFromEpochSeconds(start + length),
    })),
    { maxLength: 12 },
  );

  test('overlap somewhere exactly when two of them do, and what is named does', () => {
    fc.assert(
      fc.property(spans, (given) => {
        const doOverlap = (left: Span, right: Span): boolean =>
          compareInstants(left.start, right.end) < 0 && compareInstants(right.start, left.end) < 0;
        const isAny = given.some((left, at) => given.some((right, other) => other < at && doOverlap(left, right)));
        const found = overlapsAmong(given);
        expect(found.length > 0).toBe(isAny);
        for (const { index, with: other } of found) expect(doOverlap(given[index]!, given[other]!)).toBe(true);
      }),
    );
  });
});
