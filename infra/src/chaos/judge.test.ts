import { describe, expect, test } from '@jest/globals';
import { EQUATIONS, judge, tally, type Equation } from './judge.js';
import type { Copy } from './ledger.js';
import type { Stored } from './stored.js';

const ALPHA = '11111111-1111-4111-8111-111111111111';
const BETA = '22222222-2222-4222-8222-222222222222';

function aCopy(different: Partial<Copy> = {}): Copy {
  return {
    copy: 1,
    orgId: ALPHA,
    kind: 'dispatch',
    class: 'valid',
    id: 'e1',
    reason: null,
    routingKey: 'dispatch.A',
    sha256: 'aa',
    status: 'confirmed',
    ...different,
  };
}

/** Two organisations with one event id, a conflict, a meter message, a duplicate of it, poison, and one of unknown fate. */
const COPIES: readonly Copy[] = [
  aCopy(),
  aCopy({ copy: 2, orgId: BETA, sha256: 'bb' }),
  aCopy({ copy: 3, class: 'conflict', sha256: 'a2' }),
  aCopy({ copy: 4, kind: 'meter', id: 'p1 1000', sha256: 'cc', routingKey: 'alpha.telemetry.meter.p1' }),
  aCopy({ copy: 5, kind: 'meter', id: 'p1 1000', sha256: 'cc', class: 'duplicate' }),
  aCopy({ copy: 6, kind: 'realtime', id: null, reason: 'syntax', class: 'poison', sha256: 'dd', routingKey: 'r' }),
  aCopy({ copy: 7, id: 'e9', sha256: 'e9', status: 'lost' }),
];

const STORED: Stored = {
  facts: [
    { kind: 'dispatch', orgId: ALPHA, id: 'e1', sha256: 'aa', rows: 1 },
    { kind: 'dispatch', orgId: BETA, id: 'e1', sha256: 'bb', rows: 1 },
    { kind: 'meter', orgId: ALPHA, id: 'p1 1000', sha256: 'cc', rows: 2 },
  ],
  history: [],
  aside: [
    {
      orgId: ALPHA,
      stream: 'dispatch',
      routingKey: 'dispatch.A',
      reason: 'conflict',
      sha256: 'a2',
      bodySha256: 'a2',
      copies: 1,
    },
    {
      orgId: ALPHA,
      stream: 'plant-telemetry',
      routingKey: 'r',
      reason: 'syntax',
      sha256: 'dd',
      bodySha256: 'dd',
      copies: 1,
    },
  ],
  counts: [
    { orgId: ALPHA, stream: 'dispatch', outcome: 'stored', n: 1 },
    { orgId: ALPHA, stream: 'dispatch', outcome: 'quarantined', n: 1 },
    { orgId: BETA, stream: 'dispatch', outcome: 'stored', n: 1 },
    { orgId: ALPHA, stream: 'plant-telemetry', outcome: 'stored', n: 1 },
    { orgId: ALPHA, stream: 'plant-telemetry', outcome: 'duplicate', n: 1 },
    { orgId: ALPHA, stream: 'plant-telemetry', outcome: 'quarantined', n: 1 },
  ],
  receipts: [
    { stream: 'dispatch', orgId: ALPHA, copies: 2 },
    { stream: 'dispatch', orgId: BETA, copies: 1 },
  ],
  queues: [{ name: 'ingest.dispatch', messages: 0 }],
};

const [ALPHAS, BETAS, METER] = STORED.facts;
const [CONFLICT, SYNTAX] = STORED.aside;

function failing(copies: readonly Copy[], stored: Stored): Equation[] {
  const counts = tally(judge(copies, stored));
  return EQUATIONS.filter((equation) => counts[equation] > 0);
}

describe('the judge', () => {
  test('finds nothing where everything is in order', () => {
    expect(judge(COPIES, STORED)).toEqual([]);
  });

  test('takes a copy of unknown fate for right both stored and not', () => {
    const facts = [...STORED.facts, { kind: 'dispatch' as const, orgId: ALPHA, id: 'e9', sha256: 'e9', rows: 1 }];
    const counts = STORED.counts.map((one, index) => (index === 0 ? { ...one, n: 2 } : one));
    const receipts = [
      { stream: 'dispatch', orgId: ALPHA, copies: 3 },
      { stream: 'dispatch', orgId: BETA, copies: 1 },
    ];
    expect(judge(COPIES, { ...STORED, facts, counts, receipts })).toEqual([]);
  });

  test('takes either of two contradicting messages for the first', () => {
    const facts = [{ ...ALPHAS!, sha256: 'a2' }, BETAS!, METER!];
    const aside = [{ ...CONFLICT!, sha256: 'aa', bodySha256: 'aa' }, SYNTAX!];
    expect(judge(COPIES, { ...STORED, facts, aside })).toEqual([]);
  });

  test.each<[string, Partial<Stored>, Equation[]]>([
    ['a fact is gone', { facts: [BETAS!, METER!] }, ['lost', 'unbalanced']],
    ['a contradicting message is gone', { aside: [SYNTAX!] }, ['lost', 'unbalanced']],
    ['poison is gone', { aside: [CONFLICT!] }, ['lost', 'unbalanced']],
    ['a fact is there twice', { facts: [...STORED.facts, ALPHAS!] }, ['twice', 'unbalanced']],
    ['a message of two rows is there by half', { facts: [ALPHAS!, BETAS!, { ...METER!, rows: 1 }] }, ['twice']],
    ['a delivery is set aside twice', { aside: [...STORED.aside, SYNTAX!] }, ['twice', 'unbalanced']],
    [
      'a fact is there that nobody sent',
      { facts: [...STORED.facts, { ...ALPHAS!, id: 'e2' }] },
      ['unexpected', 'unbalanced'],
    ],
    [
      'bytes are set aside that nobody sent',
      { aside: [...STORED.aside, { ...SYNTAX!, sha256: 'ff', bodySha256: 'ff' }] },
      ['unexpected', 'unbalanced'],
    ],
    [
      'a fact has a content that nobody sent',
      { facts: [{ ...ALPHAS!, sha256: 'ff' }, BETAS!, METER!] },
      ['lost', 'wrong'],
    ],
    ['a body that was set aside has changed', { aside: [CONFLICT!, { ...SYNTAX!, bodySha256: 'ff' }] }, ['wrong']],
    ['poison is set aside for another reason', { aside: [CONFLICT!, { ...SYNTAX!, reason: 'schema' }] }, ['misfiled']],
    [
      'a valid message is set aside besides',
      { aside: [...STORED.aside, { ...CONFLICT!, sha256: 'aa', bodySha256: 'aa' }] },
      ['misfiled', 'unbalanced'],
    ],
    [
      'a fact is under another organisation',
      { facts: [ALPHAS!, BETAS!, { ...METER!, orgId: BETA }] },
      ['lost', 'crossed', 'unbalanced'],
    ],
    [
      'a delivery is set aside for another organisation',
      { aside: [CONFLICT!, { ...SYNTAX!, orgId: BETA }] },
      ['crossed', 'unbalanced'],
    ],
    ['a delivery was not counted', { counts: STORED.counts.slice(1) }, ['unbalanced']],
    [
      'a duplicate was not counted',
      { counts: STORED.counts.filter(({ outcome }) => outcome !== 'duplicate') },
      ['unbalanced'],
    ],
    [
      'a receipt counts a copy too many',
      {
        receipts: [
          { stream: 'dispatch', orgId: ALPHA, copies: 3 },
          { stream: 'dispatch', orgId: BETA, copies: 1 },
        ],
      },
      ['unbalanced'],
    ],
    ['something waits in a queue', { queues: [{ name: 'ingest.dead', messages: 1 }] }, ['stuck']],
  ])('is red when %s', (_case, tampered, equations) => {
    expect(failing(COPIES, { ...STORED, ...tampered })).toEqual(equations);
  });
});
