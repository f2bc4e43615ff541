import { expect, test } from '@jest/globals';
import { judge } from './judge.js';
import { tableText } from './report.js';

test('the table has a row per measurement, and the reasons for what is not judged', () => {
  const rows = [
    judge({ goal: 'ingest-drain', values: [0.401, 0.2, 0.5] }, 'must'),
    judge({ goal: 'memory', values: [251, 260, 240] }, 'must'),
    judge({ goal: 'export', missing: 'not available yet' }, 'must'),
  ];
  expect(tableText(rows, 'must')).toBe(
    [
      'what                                         median  min - max  floor / must / aim',
      'telemetry ingest / no-op drain of the queue  0.401   0.2 - 0.5  >= 0.25 / 0.33 / 0.5   PASS',
      'worker RSS at full speed                     251 MB  240 - 260  <= 300 / 250 / 200 MB  FAIL',
      'CSV export, rows/s / psql \\copy (query) to                      >= 0.2 / 0.4 / 0.7     not judged',
      '',
      'Judged by what a release must reach.',
      'not judged: CSV export, rows/s / psql \\copy (query) to: not available yet',
    ].join('\n'),
  );
});
