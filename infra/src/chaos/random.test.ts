import { describe, expect, test } from '@jest/globals';
import { FAULTS } from './faults.js';
import { Load } from './load.js';
import { planFaults } from './nemesis.js';
import { randomStream } from './random.js';

const partner = {
  id: '11111111-1111-4111-8111-111111111111',
  slug: 'alpha',
  queuePrefix: 'alpha',
  plants: ['22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333'] as const,
  asset: 'DE_50HZ_ALPHA_1',
  twin: null,
};
const twinned = {
  ...partner,
  id: '44444444-4444-4444-8444-444444444444',
  slug: 'beta',
  asset: 'DE_50HZ_BETA_1',
  twin: partner,
};

function bodies(load: Load, messages: number): string[] {
  return Array.from({ length: messages }, () => load.next().map(({ body }) => body.toString('latin1'))).flat();
}

describe('a random stream', () => {
  test('is the same for the same seed and another for another', () => {
    const numbers = (seed: string) => {
      const stream = randomStream(seed);
      return Array.from({ length: 50 }, () => stream.fraction());
    };
    expect(numbers('a')).toEqual(numbers('a'));
    expect(numbers('a')).not.toEqual(numbers('b'));
  });

  test('makes UUIDs that differ', () => {
    const stream = randomStream('a');
    const made = Array.from({ length: 1_000 }, () => stream.uuid());
    expect(new Set(made).size).toBe(1_000);
    for (const one of made)
      expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('the plan of faults', () => {
  test('is the same for the same seed', () => {
    expect(planFaults('a')).toEqual(planFaults('a'));
    expect(planFaults('a').front.slice(0, 30)).not.toEqual(planFaults('b').front.slice(0, 30));
  });

  test('has every kind before any comes again, and keeps to their bounds', () => {
    const { front, nodes } = planFaults('a');
    const kinds = Object.keys(FAULTS);
    const lanes = [front, nodes].map((lane) =>
      lane.slice(0, kinds.filter((kind) => lane.some((one) => one.kind === kind)).length),
    );
    expect(
      lanes
        .flat()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(kinds.sort());
    for (const { kind, holdMs } of [...front, ...nodes]) {
      const [least, most] = FAULTS[kind].holdMs;
      expect(holdMs).toBeGreaterThanOrEqual(least);
      expect(holdMs).toBeLessThanOrEqual(most);
    }
  });
});

describe('the load', () => {
  test('is the same for the same seed, organisations and time', () => {
    const load = (seed: string) => new Load(seed, [partner, twinned], 1_767_225_600_000);
    expect(bodies(load('a'), 300)).toEqual(bodies(load('a'), 300));
    expect(bodies(load('a'), 300)).not.toEqual(bodies(load('b'), 300));
  });

  test('lets two organisations use the same ids for what they say', () => {
    const load = new Load('a', [twinned], 1_767_225_600_000, { dispatch: 1 });
    const [first, second] = load.next();
    expect(first?.id).toBe(second?.id);
    expect(first?.orgId).not.toBe(second?.orgId);
    expect(first?.body.equals(second?.body ?? Buffer.alloc(0))).toBe(false);
  });

  test('contradicts what it has said under the same key only', () => {
    const load = new Load('a', [partner], 1_767_225_600_000, { dispatch: 1, realtime: 1, conflict: 1, correction: 1 });
    const said = new Set<string>();
    for (const message of Array.from({ length: 500 }, () => load.next()).flat()) {
      const key = `${message.kind} ${message.id ?? ''}`;
      expect(said.has(key)).toBe(message.class !== 'valid');
      said.add(key);
    }
  });
});
