import type { RolePasswords } from '@quarterhour/db';
import { sleep, systemClock } from '@quarterhour/runtime';
import { reasonOf } from '../stack/errors.js';
import { openArena } from './arena.js';
import {
  FAIL_ACTIONS,
  FAIL_POINTS,
  failPointPatches,
  hookArguments,
  type FailAction,
  type FailPoint,
} from './fail-points.js';
import { judge, tally } from './judge.js';
import { Load } from './load.js';
import { MissedError } from './scenarios.js';
import type { Servers } from './servers.js';
import { settled, within } from './settling.js';
import { readStored } from './stored.js';
import { Told } from './told.js';
import { buildVariant } from './variant.js';

const MESSAGES = 300;
const MESSAGES_TOLD = 20;
const REACHED_WITHIN_MS = 15_000;
const CONFIRMED_WITHIN_MS = 20_000;
const SETTLED_WITHIN_MS = 40_000;
const TOLD_WITHIN_MS = 75_000;
const POLL_MS = 25;
/** Not the first: something has been stored and settled by then, or is half done. */
const NTH: Partial<Record<FailPoint, number>> = { after_deliver: 40, after_receive: 40, mid_ack: 2 };

export interface FailPointRunsOptions {
  readonly root: string;
  readonly rolePasswords: RolePasswords;
  /** Of the cases only those whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface FailPointReport {
  readonly ok: boolean;
  readonly cases: number;
  readonly green: number;
  readonly red: Readonly<Record<string, string>>;
}

/** Fails once at every fail point, in every way, with everything that may arrive in hand. */
export async function runFailPoints(servers: Servers, options: FailPointRunsOptions): Promise<FailPointReport> {
  const variant = await buildVariant(options.root, 'fail points', failPointPatches());
  const red: Record<string, string> = {};
  let cases = 0;
  try {
    for (const point of Object.keys(FAIL_POINTS).filter(isFailPoint)) {
      for (const action of FAIL_ACTIONS) {
        const name = `${point} ${action}`;
        if (!name.includes(options.only)) continue;
        options.signal.throwIfAborted();
        cases += 1;
        const words = await oneCase(servers, options, variant.entry, point, action).catch((error: unknown) =>
          reasonOf(error),
        );
        if (words !== 'green') red[name] = words;
        options.say(`${name}: ${words}`);
      }
    }
  } finally {
    await variant.remove();
  }
  options.signal.throwIfAborted();
  const green = cases - Object.keys(red).length;
  return { ok: cases > 0 && green === cases, cases, green, red };
}

async function oneCase(
  servers: Servers,
  { rolePasswords, signal }: FailPointRunsOptions,
  entry: string,
  point: FailPoint,
  action: FailAction,
): Promise<string> {
  const arena = await openArena(servers, rolePasswords);
  try {
    const fleet = await arena.startWorkers({
      size: 1,
      entry,
      firstNodeArguments: hookArguments(point, NTH[point] ?? 1, action),
      nodeArguments: hookArguments(point, 0, action),
    });
    const load = new Load(`${point} ${action}`, arena.organisations, systemClock.nowMillis());
    for (let sent = 0; sent < MESSAGES; sent += 1) for (const message of load.next()) arena.publishing.send(message);
    const told = await Told.start(arena);
    for (let n = 0; n < MESSAGES_TOLD; n += 1) await told.decide();
    await within(CONFIRMED_WITHIN_MS, arena.publishing.confirmed(), signal);
    const reached = `fail point ${point} reached`;
    await until(() => fleet.at(0).lines.includes(reached), `${point} was not reached`);
    const isSettled = (await settled(arena, SETTLED_WITHIN_MS, signal)) !== null;
    const untold = await told.missing(TOLD_WITHIN_MS);
    const statuses = await fleet.stop();
    const findings = [...judge(arena.ledger.copies, await readStored(arena)), ...untold];
    const failed = Object.entries(tally(findings)).flatMap(([equation, n]) => (n > 0 ? [`${equation} ${n}`] : []));
    if (!isSettled) failed.push('not settled in time');
    if (statuses.some((status) => status !== 0)) failed.push(`ended with status ${statuses.join(', ')}`);
    return failed.length === 0 ? 'green' : failed.join(', ');
  } finally {
    await arena.close();
  }
}

async function until(isSo: () => boolean, otherwise: string): Promise<void> {
  const deadline = systemClock.monotonicMillis() + REACHED_WITHIN_MS;
  while (!isSo()) {
    if (systemClock.monotonicMillis() > deadline) throw new MissedError(otherwise);
    await sleep(POLL_MS);
  }
}

function isFailPoint(name: string): name is FailPoint {
  return name in FAIL_POINTS;
}
