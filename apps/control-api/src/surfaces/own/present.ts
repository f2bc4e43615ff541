import {
  QUARANTINE_STATES,
  type DiscardQuarantineResponse,
  type DiscardResultOutput,
  type ReplayQuarantineResponse,
  type ReplayResultOutput,
  type TradingStandingOutput,
} from '@quarterhour/contracts';
import type { TradingConfigRecord } from '@quarterhour/db';
import type { DiscardResult, ReplayResult } from '@quarterhour/ingestion';
import { z } from 'zod';

const stateShape = z.enum(QUARANTINE_STATES);

export function presentReplayed(found: ReplayResult): ReplayResultOutput {
  switch (found.result) {
    case 'replayed':
      return found;
    case 'still-quarantined':
      return { ...found, result: 'still_quarantined' };
    case 'not-replayable':
      return { ...found, result: 'not_replayable' };
    case 'not-open':
      return { ...found, result: 'not_open', state: stateShape.parse(found.state) };
  }
}

export function presentDiscarded(found: DiscardResult): DiscardResultOutput {
  switch (found.result) {
    case 'discarded':
      return found;
    case 'not-open':
      return { ...found, result: 'not_open', state: stateShape.parse(found.state) };
  }
}

export function presentAllReplayed(ids: readonly string[], found: readonly ReplayResult[]): ReplayQuarantineResponse {
  return { results: [...found.map(presentReplayed), ...notFound(ids, found)] };
}

export function presentAllDiscarded(
  ids: readonly string[],
  found: readonly DiscardResult[],
): DiscardQuarantineResponse {
  return { results: [...found.map(presentDiscarded), ...notFound(ids, found)] };
}

/** Out of reach and not there are one answer. */
function notFound(ids: readonly string[], found: readonly { readonly id: string }[]) {
  const known = new Set(found.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => !known.has(id)).map((id) => ({ id, result: 'not_found' as const }));
}

export function presentStanding({ orgId, state, stateSince }: TradingConfigRecord): TradingStandingOutput {
  return { organisation_id: orgId, state, since: stateSince };
}
