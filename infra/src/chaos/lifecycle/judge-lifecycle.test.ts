import { describe, expect, test } from '@jest/globals';
import type { Aftermath, EventOnRecord } from './aftermath.js';
import { judgeLifecycle, tallyLifecycle, type PartnerCourse } from './judge-lifecycle.js';

const ORG = 'an organisation';

const events: readonly EventOnRecord[] = [
  { orgId: ORG, id: 'e0', kind: 'updated', from: null, to: null },
  { orgId: ORG, id: 'e1', kind: 'enabled', from: 'DISABLED', to: 'ENABLED' },
  { orgId: ORG, id: 'e2', kind: 'paused', from: 'ENABLED', to: 'PAUSED' },
  { orgId: ORG, id: 'e3', kind: 'draining', from: 'PAUSED', to: 'CLOSING' },
  { orgId: ORG, id: 'e4', kind: 'disabled', from: 'CLOSING', to: 'DISABLED' },
];
const seen = (...ids: readonly string[]) => ids.map((id) => ({ id, isRedelivered: false }));
const course: PartnerCourse = {
  orgId: ORG,
  slug: 'acme',
  steps: [
    { action: 'enable', status: 200 },
    { action: 'pause', status: 200 },
    { action: 'disable', status: 200 },
  ],
  seen: seen(...events.map(({ id }) => id)),
};
const after: Aftermath = {
  standings: [{ orgId: ORG, state: 'DISABLED', isProvisioned: true, trouble: null }],
  events,
  outbox: 0,
  brokenAudits: [],
  left: [],
};

const found = (changes: { course?: Partial<PartnerCourse>; after?: Partial<Aftermath> }): string[] => {
  const findings = judgeLifecycle([{ ...course, ...changes.course }], { ...after, ...changes.after });
  return findings.map(({ equation }) => equation);
};

describe('a run of lifecycles', () => {
  test('is clean when everything that was asked for was decided, told and done', () => {
    expect(found({})).toEqual([]);
  });

  test.each<[string, string, Parameters<typeof found>[0]]>([
    [
      'refused',
      'a step that makes sense was refused',
      { course: { steps: [...course.steps, { action: 'enable', status: 409 }] } },
    ],
    [
      'undecided',
      'a step that was answered is not on record',
      { course: { steps: [...course.steps, { action: 'enable', status: 200 }] } },
    ],
    ['untold', 'an event was never seen', { course: { seen: seen('e0', 'e1', 'e3', 'e4') } }],
    ['disordered', 'events were seen in another order', { course: { seen: seen('e0', 'e2', 'e1', 'e3', 'e4') } }],
    ['left', 'a queue is still there', { after: { left: ['queue vcp.acme.telemetry'] } }],
    ['unsent', 'something is still to be published', { after: { outbox: 1 } }],
    ['unaudited', 'an audit chain is broken', { after: { brokenAudits: ['acme from entry 3 on'] } }],
    [
      'unconverged',
      'trading is not disabled',
      { after: { standings: [{ orgId: ORG, state: 'DRAINING', isProvisioned: true, trouble: null }] } },
    ],
    [
      'unconverged',
      'the broker was not made to look like that',
      { after: { standings: [{ orgId: ORG, state: 'DISABLED', isProvisioned: false, trouble: null }] } },
    ],
    ['unconverged', 'nobody knows how it stands', { after: { standings: [] } }],
  ])('shows %s when %s', (equation, _when, changes) => {
    expect(found(changes)).toEqual([equation]);
  });

  test('says nothing of an event that the broker sent again', () => {
    const late = [...seen('e0', 'e2'), { id: 'e1', isRedelivered: true }, ...seen('e3', 'e4')];
    expect(found({ course: { seen: late } })).toEqual([]);
  });

  test('shows a step that was decided twice', () => {
    const again: EventOnRecord = { orgId: ORG, id: 'e1b', kind: 'enabled', from: 'ENABLED', to: 'ENABLED' };
    const twice = [...events.slice(0, 2), again, ...events.slice(2)];
    expect(found({ after: { events: twice }, course: { seen: seen(...twice.map(({ id }) => id)) } })).toEqual([
      'undecided',
    ]);
  });

  test('shows an event that does not begin where the one before ended', () => {
    const gap = events.map((event) => (event.id === 'e3' ? { ...event, from: 'ENABLED' } : event));
    expect(found({ after: { events: gap } })).toEqual(['astray']);
  });

  test('is told by equation', () => {
    const counts = tallyLifecycle(judgeLifecycle([course], { ...after, left: ['a', 'b'] }));
    expect(counts).toMatchObject({ left: 2, refused: 0 });
  });
});
