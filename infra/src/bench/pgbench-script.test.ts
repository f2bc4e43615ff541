import { describe, expect, test } from '@jest/globals';
import { parseTps, pgbenchScript } from './pgbench-script.js';

describe('a script for pgbench', () => {
  test('sends the recorded statements with their parameters in one transaction', () => {
    const script = pgbenchScript([
      { kind: 'simple', text: 'set local work_mem = 64' },
      { kind: 'prepared', text: '\n select $1::text[], $2::int8, $1::text', values: ['{"a:b"}', '51'] },
      { kind: 'prepared', text: `select '{"n":' || $1::text`, values: ['7'] },
    ]);
    expect(script).toEqual({
      text: `begin;
set local work_mem = 64;
select :s1p1::text[], :s1p2::int8, :s1p1::text;
select '{"n":' || :s2p1::text;
commit;
`,
      variables: { s1p1: '{"a:b"}', s1p2: '51', s2p1: '7' },
    });
  });

  test('cannot send null', () => {
    expect(() => pgbenchScript([{ kind: 'prepared', text: 'select $1', values: [null] }])).toThrow(TypeError);
  });
});

describe('what pgbench prints', () => {
  const output = `transaction type: page.sql
number of transactions actually processed: 10423
number of failed transactions: 0 (0.000%)
latency average = 1.534 ms
tps = 5214.530215 (without initial connection time)
`;

  test('is read', () => {
    expect(parseTps(output)).toBe(5_214.530215);
  });

  test('is refused when something failed or nothing was measured', () => {
    expect(() => parseTps(output.replace('transactions: 0', 'transactions: 3'))).toThrow(TypeError);
    expect(() => parseTps('pgbench: error: connection refused')).toThrow(TypeError);
  });
});
