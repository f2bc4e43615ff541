import { isAgreed, type Copy, type Kind } from './ledger.js';
import { METER_REGISTERS } from './load.js';
import type { Stored, StoredFact } from './stored.js';

/**
 * What can be wrong.
 *
 * - `lost`: a confirmed copy is found nowhere
 * - `twice`: something is stored more than once, or a message of several rows in part
 * - `unexpected`: something is stored that nobody sent
 * - `wrong`: what is stored is not what was sent
 * - `misfiled`: a copy is set aside that should not be, or for another reason
 * - `crossed`: something is stored under another organisation than its sender's
 * - `unbalanced`: the counts of deliveries do not add up to what is stored
 * - `stuck`: something still waits in a queue
 */
export const EQUATIONS = [
  'lost',
  'twice',
  'unexpected',
  'wrong',
  'misfiled',
  'crossed',
  'unbalanced',
  'stuck',
] as const;
export type Equation = (typeof EQUATIONS)[number];

export interface Finding {
  readonly equation: Equation;
  readonly about: string;
}

/** Compares what the partners know with what is there. Empty when every equation holds. */
export function judge(copies: readonly Copy[], stored: Stored): Finding[] {
  const sent = sendings(copies);
  return [
    ...missingFacts(sent, stored),
    ...missingAside(copies, stored),
    ...repeated(stored),
    ...strangeFacts(sent, stored),
    ...strangeAside(copies, sent, stored),
    ...unbalanced(copies, stored),
    ...stuck(stored),
  ];
}

/** Findings by equation, for the report. */
export function tally(findings: readonly Finding[]): Record<Equation, number> {
  const counts: Record<Equation, number> = {
    lost: 0,
    twice: 0,
    unexpected: 0,
    wrong: 0,
    misfiled: 0,
    crossed: 0,
    unbalanced: 0,
    stuck: 0,
  };
  for (const { equation } of findings) counts[equation] += 1;
  return counts;
}

/** All contents that were sent under one natural key. */
interface Sending {
  readonly kind: Kind;
  readonly orgId: string;
  readonly id: string;
  /** Whether any copy of the content was confirmed, by its hash. */
  readonly contents: Map<string, boolean>;
}

function sendings(copies: readonly Copy[]): Map<string, Sending> {
  const byKey = new Map<string, Sending>();
  for (const { kind, orgId, id, sha256, status } of copies) {
    if (id === null) continue;
    const key = keyOf({ kind, orgId, id });
    const sending = byKey.get(key) ?? { kind, orgId, id, contents: new Map<string, boolean>() };
    byKey.set(key, sending);
    sending.contents.set(sha256, (sending.contents.get(sha256) ?? false) || status === 'confirmed');
  }
  return byKey;
}

function missingFacts(sent: ReadonlyMap<string, Sending>, stored: Stored): Finding[] {
  const kept = new Map<string, Set<string>>();
  for (const fact of [...stored.facts, ...stored.history]) add(kept, keyOf(fact), fact.sha256 ?? '');
  const asideAsConflict = new Set(
    stored.aside.filter(({ reason }) => reason === 'conflict').map(({ orgId, sha256 }) => `${orgId} ${sha256}`),
  );
  const findings: Finding[] = [];
  for (const [key, { kind, orgId, contents }] of sent) {
    const confirmed = [...contents].filter(([, isConfirmed]) => isConfirmed).map(([sha256]) => sha256);
    const versions = kept.get(key);
    if (confirmed.length === 0) continue;
    if (versions === undefined) {
      findings.push({ equation: 'lost', about: `${key}: no fact` });
      continue;
    }
    for (const sha256 of confirmed) {
      if (versions.has(sha256)) continue;
      const isAside = isAgreed(kind) && asideAsConflict.has(`${orgId} ${sha256}`);
      if (!isAside) findings.push({ equation: 'lost', about: `${key}: content ${sha256} is kept nowhere` });
    }
  }
  return findings;
}

/** What nobody could read, or of unknown owners, must be set aside, for its own reason. */
function missingAside(copies: readonly Copy[], stored: Stored): Finding[] {
  const reasons = new Map<string, Set<string>>();
  for (const { sha256, reason } of stored.aside) add(reasons, sha256, reason);
  const due = new Map<string, Copy>();
  for (const copy of copies) if (copy.reason !== null && copy.status === 'confirmed') due.set(copy.sha256, copy);
  return [...due.values()].flatMap(({ copy, class: what, reason, sha256 }): Finding[] => {
    const found = reasons.get(sha256);
    const about = `copy ${copy}, ${what} ${reason ?? ''}`;
    if (found === undefined) return [{ equation: 'lost', about: `${about}: not set aside` }];
    if (!found.has(reason ?? '')) return [{ equation: 'misfiled', about: `${about}: as ${[...found].join(', ')}` }];
    return [];
  });
}

function repeated(stored: Stored): Finding[] {
  const findings: Finding[] = [];
  const facts = new Map<string, number>();
  for (const fact of stored.facts) {
    const key = keyOf(fact);
    facts.set(key, (facts.get(key) ?? 0) + 1);
    const rows = fact.kind === 'meter' ? METER_REGISTERS : 1;
    if (fact.rows !== rows) findings.push({ equation: 'twice', about: `${key}: ${fact.rows} rows instead of ${rows}` });
  }
  for (const [key, count] of facts) {
    if (count > 1) findings.push({ equation: 'twice', about: `${key}: stored ${count} times` });
  }
  const asides = new Map<string, number>();
  for (const { orgId, stream, routingKey, sha256, reason } of stored.aside) {
    const key = `${orgId} ${stream} ${routingKey} ${sha256} ${reason}`;
    asides.set(key, (asides.get(key) ?? 0) + 1);
  }
  for (const [key, count] of asides) {
    if (count > 1) findings.push({ equation: 'twice', about: `set aside ${count} times: ${key}` });
  }
  return findings;
}

function strangeFacts(sent: ReadonlyMap<string, Sending>, stored: Stored): Finding[] {
  const sentBySomebody = new Set([...sent.values()].map(({ kind, id }) => `${kind} ${id}`));
  return [...stored.facts, ...stored.history].flatMap((fact): Finding[] => {
    const key = keyOf(fact);
    const sending = sent.get(key);
    if (sending === undefined) {
      const isCrossed = sentBySomebody.has(`${fact.kind} ${fact.id}`);
      return [{ equation: isCrossed ? 'crossed' : 'unexpected', about: key }];
    }
    if (fact.sha256 !== null && sending.contents.has(fact.sha256)) return [];
    return [{ equation: 'wrong', about: `${key}: content ${fact.sha256 ?? 'unknown'}` }];
  });
}

function strangeAside(copies: readonly Copy[], sent: ReadonlyMap<string, Sending>, stored: Stored): Finding[] {
  const bySha = new Map<string, Copy>();
  for (const copy of copies) bySha.set(copy.sha256, copy);
  const winners = new Map<string, StoredFact>(stored.facts.map((fact) => [keyOf(fact), fact]));
  return stored.aside.flatMap((row): Finding[] => {
    const about = `set aside as ${row.reason}: ${row.routingKey} ${row.sha256}`;
    const copy = bySha.get(row.sha256);
    if (row.bodySha256 !== row.sha256) return [{ equation: 'wrong', about }];
    if (copy === undefined) return [{ equation: 'unexpected', about }];
    if (copy.orgId !== row.orgId) return [{ equation: 'crossed', about }];
    if (copy.reason === row.reason) return [];
    if (row.reason !== 'conflict' || copy.id === null) return [{ equation: 'misfiled', about }];
    const key = keyOf({ kind: copy.kind, orgId: copy.orgId, id: copy.id });
    const isContradicted = (sent.get(key)?.contents.size ?? 0) > 1 && winners.get(key)?.sha256 !== row.sha256;
    return isAgreed(copy.kind) && isContradicted ? [] : [{ equation: 'misfiled', about }];
  });
}

/** The books of deliveries against what they brought. */
function unbalanced(copies: readonly Copy[], stored: Stored): Finding[] {
  const findings: Finding[] = [];
  const expectEqual = (about: string, counted: number, found: number) => {
    if (counted !== found)
      findings.push({ equation: 'unbalanced', about: `${about}: ${counted} counted, ${found} found` });
  };
  for (const stream of STREAMS) {
    for (const orgId of new Set([...stored.counts, ...stored.facts, ...stored.aside].map((one) => one.orgId))) {
      const counted = (...outcomes: string[]) =>
        sum(
          stored.counts.filter((one) => one.orgId === orgId && one.stream === stream && outcomes.includes(one.outcome)),
        );
      const versions = [...stored.facts, ...stored.history].filter(
        (fact) => fact.orgId === orgId && streamOf(fact.kind) === stream,
      );
      const aside = stored.aside.filter((row) => row.orgId === orgId && row.stream === stream);
      expectEqual(`${stream} of ${orgId}, stored and revised`, counted('stored', 'revised'), versions.length);
      expectEqual(`${stream} of ${orgId}, set aside`, counted('quarantined'), aside.length);
      if (stream === 'plant-telemetry') continue;
      const copiesKept =
        stored.receipts
          .filter((one) => one.orgId === orgId && one.stream === stream)
          .reduce((total, one) => total + one.copies, 0) +
        aside.filter(({ reason }) => reason !== 'conflict').reduce((total, one) => total + one.copies, 0);
      const all = counted('stored', 'revised', 'duplicate', 'quarantined', 'rejected');
      expectEqual(`${stream} of ${orgId}, all deliveries`, all, copiesKept);
    }
  }
  const confirmed = copies.filter(({ status }) => status === 'confirmed').length;
  const settled = sum(stored.counts);
  if (settled < confirmed) {
    findings.push({ equation: 'unbalanced', about: `${settled} deliveries counted of ${confirmed} confirmed copies` });
  }
  return findings;
}

function stuck(stored: Stored): Finding[] {
  return stored.queues
    .filter(({ messages }) => messages > 0)
    .map(({ name, messages }) => ({ equation: 'stuck', about: `${messages} messages in ${name}` }));
}

const STREAMS = ['dispatch', 'trading-config', 'plant-telemetry'] as const;

function streamOf(kind: Kind): (typeof STREAMS)[number] {
  if (kind === 'config') return 'trading-config';
  return kind === 'dispatch' ? 'dispatch' : 'plant-telemetry';
}

function sum(counts: readonly { readonly n: number }[]): number {
  return counts.reduce((total, { n }) => total + n, 0);
}

function keyOf({ kind, orgId, id }: Pick<StoredFact, 'kind' | 'orgId' | 'id'>): string {
  return `${kind} ${orgId} ${id}`;
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key) ?? new Set<string>();
  sets.set(key, set.add(value));
}
