import { describe, expect, test } from '@jest/globals';
import { parsePeakMegabytes, parseStat } from './proc.js';

const STAT =
  '4242 (postgres: bench) w) S 17 4242 4242 0 -1 4194304 11 22 0 0 1500 250 30 4 20 0 1 0 987654 1000 200 18446744073709551615';

describe('/proc', () => {
  test('the name may hold parentheses and spaces', () => {
    expect(parseStat(STAT)).toEqual({ parent: 17, own: 1_750, ended: 34 });
  });

  test('anything else is refused', () => {
    expect(() => parseStat('4242 (node) S')).toThrow(TypeError);
    expect(() => parseStat('')).toThrow(TypeError);
  });

  test('peak memory is read in MB', () => {
    expect(parsePeakMegabytes('VmPeak:\t 999 kB\nVmHWM:\t  204800 kB\nVmRSS:\t 1 kB\n')).toBe(200);
    expect(() => parsePeakMegabytes('Name:\tkthreadd\n')).toThrow(TypeError);
  });
});
