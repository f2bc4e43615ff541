import type { UtcInstant } from '@quarterhour/domain';
import { instantFromEpochMillis, parseInstant } from '@quarterhour/domain';
import type { Clock } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { readKept, writeKept } from '../kept-file.js';
import { demoShifts, shiftsToEndAt } from './demo-set.js';

const instant = z.string().transform((text): UtcInstant => parseInstant(text));

const demoState = z.object({
  /** Id of the demo organisation: says which database this is about. */
  organisationId: z.uuid(),
  shifts: demoShifts,
  startedAt: instant,
  /** Null until every message was published and settled. */
  finishedAt: instant.nullable(),
});

/** What has to be remembered of a replay, so that one that was broken off goes on with the same messages. */
export type DemoState = z.infer<typeof demoState>;

/** A replay that ends now, of an organisation that is still to be made. */
export function newDemoState(clock: Clock): DemoState {
  const now = instantFromEpochMillis(clock.nowMillis());
  return { organisationId: uuidv7(), shifts: shiftsToEndAt(now), startedAt: now, finishedAt: null };
}

/** Null when no replay was begun. */
export async function readDemoState(file: string): Promise<DemoState | null> {
  return (await readKept(file, demoState)) ?? null;
}

export function writeDemoState(file: string, state: DemoState): Promise<void> {
  return writeKept(file, state);
}
