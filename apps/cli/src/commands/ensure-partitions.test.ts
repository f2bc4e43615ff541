import { expect, test } from '@jest/globals';
import { daysBetween } from './ensure-partitions.js';

test('a span of days has both its ends, across months and clock changes', () => {
  expect(daysBetween('2024-02-28', '2024-03-01')).toEqual(['2024-02-28', '2024-02-29', '2024-03-01']);
  expect(daysBetween('2026-03-28', '2026-03-30')).toHaveLength(3);
  expect(daysBetween('2026-01-01', '2026-01-01')).toEqual(['2026-01-01']);
});

test.each([
  ['backwards', '2026-01-02', '2026-01-01', /before/],
  ['of years', '2020-01-01', '2026-01-01', /too many/],
])('a span %s is refused', (_case, first, last, complaint) => {
  expect(() => daysBetween(first, last)).toThrow(complaint);
});
