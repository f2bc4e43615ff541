import { describe, expect, test } from '@jest/globals';
import { BenchUsageError, readBenchOptions, SECTIONS } from './options.js';

describe('options of the bench', () => {
  test('without any, everything at full size', () => {
    expect(readBenchOptions([])).toEqual({ quick: false, help: false, sections: SECTIONS });
  });

  test('sections run in their order, whatever the order of the options', () => {
    expect(readBenchOptions(['--quick', '--only', 'rollups', '--only', 'ingest'])).toEqual({
      quick: true,
      help: false,
      sections: ['ingest', 'rollups'],
    });
  });

  test.each([[['--only', 'speed']], [['--only']], [['--fast']], [['ingest']]])('%j is refused', (args) => {
    expect(() => readBenchOptions(args)).toThrow(BenchUsageError);
  });
});
