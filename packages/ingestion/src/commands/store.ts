import {
  cancelSchedules,
  enqueueOutgoing,
  findKeptCommands,
  findPaces,
  findSchedules,
  insertCommands,
  insertReceipts,
  insertSchedules,
  keepPaces,
  listTradingStates,
  raiseKnownAt,
  type Trx,
} from '@quarterhour/db';
import { knownAtOf } from '../known-at.js';
import type { Understood } from '../received.js';
import type { Verdict } from '../stream.js';
import { Decisions, type Standing } from './decisions.js';
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
  const decisions = new Decisions(await standingOf(trx, facts));
  const verdicts = facts.map((fact) => decisions.decide(fact, knownAtOf(knownAt, fact.orgId)));
  await insertCommands(trx, decisions.commands);
  await insertSchedules(trx, decisions.schedules);
  await cancelSchedules(trx, decisions.cancellations);
  await keepPaces(trx, decisions.paces);
  await enqueueOutgoing(trx, decisions.answers);
  const receipts = facts.map(({ orgId, contentSha256, messageId, body }) => {
    return { orgId, contentSha256, messageId, body, receivedAt: knownAtOf(knownAt, orgId) };
  });
  await insertReceipts(trx, 'partner-command', receipts, verdicts);
  return verdicts;
}

async function standingOf(trx: Trx, facts: readonly PartnerCommandFact[]): Promise<Standing> {
  const plants = new Map<string, { readonly orgId: string; readonly plantId: string }>();
  for (const { orgId, plantId } of facts) if (plantId !== null) plants.set(plantId, { orgId, plantId });
  const names = facts.flatMap(({ orgId, plantId, schedule }) =>
    plantId === null || schedule === null ? [] : [{ orgId, plantId, scheduleId: schedule.scheduleId }],
  );
  return {
    states: new Map((await listTradingStates(trx)).map(({ orgId, state }) => [orgId, state])),
    commands: await findKeptCommands(trx, facts),
    schedules: await findSchedules(trx, names),
    paces: await findPaces(trx, [...plants.values()]),
  };
}
