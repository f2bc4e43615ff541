import { describe, expect, test } from '@jest/globals';
import { ChaosUsageError, readChaosOptions } from './options.js';

describe('the command line of npm run chaos', () => {
  test('means two minutes of random faults unless it says otherwise', () => {
    expect(readChaosOptions([])).toMatchObject({ tier: 'soak', seconds: 120, seed: null, keep: false });
    expect(readChaosOptions(['--seconds', '30', '--seed', 'x'])).toMatchObject({ seconds: 30, seed: 'x' });
    expect(readChaosOptions(['--mutants', '--only', 'ack'])).toMatchObject({ tier: 'mutants', only: 'ack' });
    expect(readChaosOptions(['--commands'])).toMatchObject({ tier: 'commands' });
    expect(readChaosOptions(['--commands', '--mutants'])).toMatchObject({ tier: 'command-mutants' });
    expect(readChaosOptions(['--lifecycle'])).toMatchObject({ tier: 'lifecycle', seconds: 120 });
  });

  test.each([
    [['--seconds', '0']],
    [['--seconds', 'long']],
    [['--mutants', '--fail-points']],
    [['--commands', '--lifecycle']],
    [['--nonsense']],
  ])('refuses %j', (args) => {
    expect(() => readChaosOptions(args)).toThrow(ChaosUsageError);
  });
});
