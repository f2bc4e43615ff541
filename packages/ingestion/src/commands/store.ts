import { keepDecided, takeStanding, type AskedCommands, type Trx } from '@quarterhour/db';
import { knownAtOf } from '../known-at.js';
import type { Understood } from '../received.js';
import type { Verdict } from '../stream.js';
import { Decisions } from './decisions.js';
import type { PartnerCommandFact } from './fact.js';

/**
 * Decides about commands and keeps what was decided, with its answers, in the caller's transaction. The organisations' heads
 * are locked: whoever else has commands of theirs waits, and so does whoever changes how their trading stands.
 */
export async function storeCommands(
  trx: Trx,
  batch: readonly Understood<PartnerCommandFact>[],
): Promise<readonly Verdict[]> {
  const facts = batch.map(({ fact }) => fact);
  const standing = await takeStanding(trx, askedAbout(facts));
  const decisions = new Decisions(standing);
  const receivedAtOf = (orgId: string) => knownAtOf(standing.knownAt, orgId);
  const verdicts = facts.map((fact) => decisions.decide(fact, standing.now, receivedAtOf(fact.orgId)));
  const { commands, schedules, cancellations, paces, answers } = decisions;
  const receipts = facts.map(({ orgId, contentSha256, messageId, body }) => {
    return { orgId, contentSha256, messageId, body, receivedAt: receivedAtOf(orgId) };
  });
  keepDecided(trx, { commands, schedules, cancellations, paces, answers, receipts, verdicts });
  return verdicts;
}

function askedAbout(facts: readonly PartnerCommandFact[]): AskedCommands {
  const distinct = <T>(values: readonly T[]) => [...new Set(values)];
  return {
    organisations: distinct(facts.map(({ orgId }) => orgId)),
    messageIds: facts.map(({ messageId }) => messageId),
    plants: distinct(facts.flatMap(({ plantId }) => plantId ?? [])),
    schedules: facts.flatMap(({ plantId, schedule }) =>
      plantId === null || schedule === null ? [] : [{ plantId, scheduleId: schedule.scheduleId }],
    ),
  };
}
