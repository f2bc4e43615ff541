import { describe, expect, test } from '@jest/globals';
import { createMetrics, MetricDeclarationError } from './metrics.js';

const STREAMS = ['dispatch', 'plant-telemetry'] as const;

describe('metrics', () => {
  test('a counter has all its series from the start and adds to one of them', async () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: 'settled_total', help: 'Settled.', labels: { stream: STREAMS } });
    counter.add({ stream: 'dispatch' }, 3);
    counter.add({ stream: 'dispatch' });
    const text = await metrics.render();
    expect(text).toContain('settled_total{stream="dispatch"} 4');
    expect(text).toContain('settled_total{stream="plant-telemetry"} 0');
    expect(metrics.contentType).toContain('text/plain');
  });

  test('a label value that was not declared is counted as other', async () => {
    const metrics = createMetrics();
    const declared: readonly string[] = ['known'];
    const counter = metrics.counter({ name: 'reasons_total', help: 'Reasons.', labels: { reason: declared } });
    counter.add({ reason: 'made up by a sender' });
    counter.add({ reason: 'made up by another' });
    const text = await metrics.render();
    expect(text).toContain('reasons_total{reason="other"} 2');
    expect(text).not.toContain('made up');
  });

  test('a label value outside a literal set does not compile', () => {
    const counter = createMetrics().counter({ name: 'settled_total', help: 'Settled.', labels: { stream: STREAMS } });
    // @ts-expect-error no such stream
    counter.add({ stream: 'weather' });
    // @ts-expect-error the label is missing
    counter.add({});
  });

  test('a gauge is asked before each rendering when it has a way to be asked', async () => {
    const metrics = createMetrics();
    let waiting = 1;
    metrics.gauge({ name: 'waiting', help: 'Waiting.', collect: (gauge) => gauge.set({}, waiting) });
    expect(await metrics.render()).toContain('waiting 1');
    waiting = 7;
    expect(await metrics.render()).toContain('waiting 7');
  });

  test('a gauge is set and a histogram observes', async () => {
    const metrics = createMetrics();
    metrics.gauge({ name: 'level', help: 'Level.', labels: { stream: STREAMS } }).set({ stream: 'dispatch' }, 2.5);
    metrics.histogram({ name: 'batch_seconds', help: 'Batches.', buckets: [0.1, 1] }).observe({}, 0.5);
    const text = await metrics.render();
    expect(text).toContain('level{stream="dispatch"} 2.5');
    expect(text).toContain('batch_seconds_bucket{le="0.1"} 0');
    expect(text).toContain('batch_seconds_bucket{le="1"} 1');
  });

  test('two sets of metrics know nothing of each other', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.counter({ name: 'mine_total', help: 'Mine.' }).add({});
    expect(await other.render()).not.toContain('mine_total');
  });

  test('process metrics are there on request', async () => {
    expect(await createMetrics({ processMetrics: true }).render()).toContain('process_resident_memory_bytes');
  });

  test('a name declared twice and too many combinations are refused', () => {
    const metrics = createMetrics();
    metrics.counter({ name: 'once_total', help: 'Once.' });
    expect(() => metrics.gauge({ name: 'once_total', help: 'Twice.' })).toThrow(MetricDeclarationError);
    const many = Array.from({ length: 1000 }, (_, index) => `v${index}`);
    expect(() => metrics.counter({ name: 'many_total', help: 'Many.', labels: { many } })).toThrow(
      MetricDeclarationError,
    );
  });
});
