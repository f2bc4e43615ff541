import type { TradingAction } from '@quarterhour/domain';
import type { Aftermath, EventOnRecord } from './aftermath.js';
import type { SeenEvent } from './observer.js';

/**
 * What can be wrong with how partners' trading was decided and done.
 *
 * - `refused`: a step that makes sense was refused
 * - `undecided`: a step that was answered is not on record, or more than once, or in another order
 * - `astray`: an event does not begin where the one before ended
 * - `untold`: an event on record was never published
 * - `disordered`: events were published in another order than they were decided in
 * - `unconverged`: trading is not disabled in the end, or the broker was not made to look like that
 * - `left`: something of a partner is still on the broker
 * - `unsent`: messages are still to be published
 * - `unaudited`: the audit chain is broken
 */
export const LIFECYCLE_EQUATIONS = [
  'refused',
  'undecided',
  'astray',
  'untold',
  'disordered',
  'unconverged',
  'left',
  'unsent',
  'unaudited',
] as const;
export type LifecycleEquation = (typeof LIFECYCLE_EQUATIONS)[number];

export interface LifecycleFinding {
  readonly equation: LifecycleEquation;
  readonly about: string;
}

/** What one partner's trader did and heard. */
export interface PartnerCourse {
  readonly orgId: string;
  readonly slug: string;
  readonly steps: readonly { readonly action: TradingAction; readonly status: number }[];
  /** Events in the order in which they were first seen. */
  readonly seen: readonly SeenEvent[];
}

/** Where a step leads, as its event says. */
const LEADS_TO: Readonly<Record<TradingAction, string>> = {
  enable: 'ENABLED',
  pause: 'PAUSED',
  resume: 'ENABLED',
  drain: 'DRAINING',
  disable: 'CLOSING',
};

/** Compares what traders were answered with what is on record, what was published, and what is there. */
export function judgeLifecycle(courses: readonly PartnerCourse[], after: Aftermath): LifecycleFinding[] {
  return [
    ...courses.flatMap((course) => judgeCourse(course, after)),
    ...after.left.map((about): LifecycleFinding => ({ equation: 'left', about })),
    ...after.brokenAudits.map((about): LifecycleFinding => ({ equation: 'unaudited', about })),
    ...(after.outbox > 0 ? [{ equation: 'unsent' as const, about: `${after.outbox} messages in the outbox` }] : []),
  ];
}

/** Findings by equation, for the report. */
export function tallyLifecycle(findings: readonly LifecycleFinding[]): Record<LifecycleEquation, number> {
  const counts = { ...NONE };
  for (const { equation } of findings) counts[equation] += 1;
  return counts;
}

const NONE: Readonly<Record<LifecycleEquation, number>> = {
  refused: 0,
  undecided: 0,
  astray: 0,
  untold: 0,
  disordered: 0,
  unconverged: 0,
  left: 0,
  unsent: 0,
  unaudited: 0,
};

function judgeCourse(course: PartnerCourse, after: Aftermath): LifecycleFinding[] {
  const events = after.events.filter(({ orgId }) => orgId === course.orgId);
  return [
    ...refusedSteps(course),
    ...undecidedSteps(course, events),
    ...strayEvents(course, events),
    ...publishedEvents(course, events),
    ...unconverged(course, after),
  ];
}

function refusedSteps({ slug, steps }: PartnerCourse): LifecycleFinding[] {
  return steps
    .filter(({ status }) => status !== 200)
    .map(({ action, status }) => ({ equation: 'refused', about: `${slug}: ${action} was answered ${status}` }));
}

/** Steps were asked for again when no answer came: each is decided once all the same. */
function undecidedSteps({ slug, steps }: PartnerCourse, events: readonly EventOnRecord[]): LifecycleFinding[] {
  const asked = steps.filter(({ status }) => status === 200).map(({ action }) => LEADS_TO[action]);
  const decided = events.flatMap(({ to }) => (to === null || to === 'DISABLED' ? [] : [to]));
  const place = asked.findIndex((to, index) => decided[index] !== to);
  if (place < 0 && asked.length === decided.length) return [];
  const at = place < 0 ? asked.length : place;
  const about = `${slug}: step ${at + 1} leads to ${asked[at] ?? 'nothing'}, on record is ${decided[at] ?? 'nothing'}`;
  return [{ equation: 'undecided', about }];
}

function strayEvents({ slug }: PartnerCourse, events: readonly EventOnRecord[]): LifecycleFinding[] {
  const changes = events.filter(({ to }) => to !== null);
  return changes.flatMap(({ kind, from }, index): LifecycleFinding[] => {
    const stood = index === 0 ? 'DISABLED' : (changes[index - 1]?.to ?? null);
    return from === stood ? [] : [{ equation: 'astray', about: `${slug}: ${kind} from ${from}, it was ${stood}` }];
  });
}

function publishedEvents({ slug, seen }: PartnerCourse, events: readonly EventOnRecord[]): LifecycleFinding[] {
  const untold = events.filter(({ id }) => !seen.some((one) => one.id === id));
  if (untold.length > 0) {
    return untold.map(({ id, kind }) => ({ equation: 'untold', about: `${slug}: ${kind} ${id} was never seen` }));
  }
  const inOrder = seen.filter(({ isRedelivered }) => !isRedelivered).map(({ id }) => id);
  const decided = events.map(({ id }) => id).filter((id) => inOrder.includes(id));
  const isOrdered = decided.every((id, index) => inOrder[index] === id);
  return isOrdered ? [] : [{ equation: 'disordered', about: `${slug}: events came in another order than decided` }];
}

function unconverged({ slug, orgId }: PartnerCourse, { standings }: Aftermath): LifecycleFinding[] {
  const standing = standings.find((one) => one.orgId === orgId);
  if (standing?.state === 'DISABLED' && standing.isProvisioned && standing.trouble === null) return [];
  return [{ equation: 'unconverged', about: `${slug}: ${JSON.stringify(standing ?? null)}` }];
}
