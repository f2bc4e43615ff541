import { describe, expect, test } from '@jest/globals';
import { parseInstant } from '@quarterhour/domain';
import { aemoInstant, quarterHourOf, shiftToEndAt, shifted, startOfFiveMinutes } from './times.js';

const at = parseInstant;

describe('moving a data set', () => {
  test.each([
    ['ends exactly now when it can', '2026-01-15T10:07:30Z', '2026-01-15T10:07:30Z'],
    ['ends up to a quarter hour before now', '2026-01-15T10:22:29Z', '2026-01-15T10:07:30Z'],
    ['goes on as soon as the next quarter hour fits', '2026-01-15T10:22:30Z', '2026-01-15T10:22:30Z'],
  ])('%s', (_case, now, end) => {
    const last = at('2021-04-27T01:52:30Z');
    expect(shifted(last, shiftToEndAt(at(now), [at('2021-04-26T14:00:03Z'), last]))).toBe(end);
  });

  test('goes backwards when the data is of the future', () => {
    expect(shiftToEndAt(at('2026-01-15T10:00:00Z'), [at('2026-01-15T10:00:01Z')])).toBe(-1);
  });
});

describe("AEMO's times", () => {
  test('are ten hours ahead of UTC, in summer as in winter', () => {
    expect(aemoInstant('2018/05/01 00:05:00')).toBe('2018-04-30T14:05:00Z');
    expect(aemoInstant('2018/12/01 00:05:00')).toBe('2018-11-30T14:05:00Z');
  });

  test('name five minutes by their end, also where that is the next quarter hour', () => {
    expect(startOfFiveMinutes('2024/07/10 12:05:00')).toBe('2024-07-10T02:00:00Z');
    expect(quarterHourOf(startOfFiveMinutes('2024/07/10 12:15:00'))).toBe('2024-07-10T02:00:00Z');
  });

  test('are not read in any other form', () => {
    expect(() => aemoInstant('2018-05-01 00:05:00')).toThrow('2018-05-01 00:05:00');
  });
});
