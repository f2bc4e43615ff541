import { findStanding, keepDecided, raiseKnownAt, type AskedCommands, type Trx } from '@quarterhour/db';
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
  const knownAt = await raiseKnownAt(trx, [...new Set(facts.map(({ orgId }) => orgId))]);
  const standing = await findStanding(trx, askedAbout(facts));
  const decisions = new Decisions(standing);
  const verdicts = facts.map((fact) => decisions.decide(fact, standing.now, knownAtOf(knownAt, fact.orgId)));
  const { commands, schedules, cancellations, paces, answers } = decisions;
  const receipts = facts.map(({ orgId, contentSha256, messageId, body }) => {
    return { orgId, contentSha256, messageId, body, receivedAt: knownAtOf(knownAt, orgId) };
  });
  await keepDecided(trx, { commands, schedules, cancellations, paces, answers, receipts, verdicts });
  return verdicts;
}

function askedAbout(facts: readonly PartnerCommandFact[]): AskedCommands {
  const plants = new Map<string, AskedCommands['plants'][number]>();
  for (const { orgId, plantId } of facts) if (plantId !== null) plants.set(plantId, { orgId, plantId });
  const schedules = facts.flatMap(({ orgId, plantId, schedule }) =>
    plantId === null || schedule === null ? [] : [{ orgId, plantId, scheduleId: schedule.scheduleId }],
  );
  return { messages: facts, plants: [...plants.values()], schedules };
}
