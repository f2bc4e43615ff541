import { describe, expect, test } from '@jest/globals';
import { Duration } from './duration.js';
import { parseInstant } from './instant.js';

describe('duration', () => {
  test('is the time between two instants, whatever the clocks on walls do', () => {
    const start = parseInstant('2026-03-28T23:00:00.000001Z');
    const end = parseInstant('2026-03-29T22:00:00Z');
    expect(Duration.between({ start, end }).toMicros()).toBe(23 * 3_600_000_000 - 1);
    expect(Duration.between({ start, end: start }).toMicros()).toBe(0);
    expect(() => Duration.between({ start: end, end: start })).toThrow(
      expect.objectContaining({ name: 'BackwardSpanError', code: 'backward_span' }),
    );
  });

  test('adds and compares', () => {
    const minute = Duration.ofMinutes(1);
    expect(minute.plus(Duration.ofSeconds(4)).toMicros()).toBe(64_000_000);
    expect(minute.compare(Duration.ofSeconds(60))).toBe(0);
    expect(minute.compare(Duration.ofMicros(60_000_001))).toBeLessThan(0);
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('of %p microseconds is refused', (micros) => {
    expect(() => Duration.ofMicros(micros)).toThrow(
      expect.objectContaining({ name: 'InvalidDurationError', code: 'invalid_duration' }),
    );
  });
});
