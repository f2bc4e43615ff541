import { describe, expect, test } from '@jest/globals';
import { StartUsageError, readStartOptions } from './start-options.js';

describe('the command line of npm start', () => {
  test('is usually empty', () => {
    expect(readStartOptions([])).toEqual({ reset: false, exitWhenLoaded: false, help: false });
  });

  test('takes its options in any order', () => {
    expect(readStartOptions(['--exit-when-loaded', '--reset'])).toEqual({
      reset: true,
      exitWhenLoaded: true,
      help: false,
    });
  });

  test.each([['--rest'], ['reset'], ['--reset=yes']])('is refused with %s, and named', (argument) => {
    expect(() => readStartOptions([argument])).toThrow(StartUsageError);
    expect(() => readStartOptions([argument])).toThrow(argument.replace('=yes', ''));
  });
});
