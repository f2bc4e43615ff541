import type { RolePasswords } from '@quarterhour/db';
import { reasonOf } from '../stack/errors.js';
import { onServer } from '../stack/index.js';
import { openArena, type Arena } from './arena.js';
import { judge, tally, type Equation, type Finding } from './judge.js';
import { MUTANTS, SCENARIO_PATCHES, type Mutant } from './mutants.js';
import { SCENARIOS, type Scenario, type ScenarioName } from './scenarios.js';
import type { Servers } from './servers.js';
import { settled, within } from './settling.js';
import { readStored } from './stored.js';
import { buildVariant, type Patch } from './variant.js';

const CONFIRMED_WITHIN_MS = 20_000;
const SETTLED_WITHIN_MS = 25_000;

export interface MutantRunsOptions {
  readonly root: string;
  readonly rolePasswords: RolePasswords;
  /** Of the mutants only those whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What one worker did in one scenario. */
interface Course {
  /** Equations that failed, with how often; null when the scenario did not come about. */
  readonly findings: Readonly<Record<Equation, number>> | null;
  readonly words: string;
}

export interface MutantReport {
  readonly ok: boolean;
  readonly caught: number;
  readonly mutants: number;
  readonly runs: readonly { mutant: string; scenario: string; caught: boolean; control: string; shown: string }[];
}

/** Every mutant through its scenario, and the real worker through the same. */
export async function runMutants(servers: Servers, options: MutantRunsOptions): Promise<MutantReport> {
  const chosen = MUTANTS.filter(({ name }) => name.includes(options.only));
  const controls = new Map<ScenarioName, Course>();
  const runs: MutantReport['runs'][number][] = [];
  for (const mutant of chosen) {
    const control = controls.get(mutant.scenario) ?? (await course(servers, options, unmutated(mutant.scenario)));
    controls.set(mutant.scenario, control);
    const shown = await course(servers, options, mutant);
    const isCaught = isGreen(control) && mutant.shows.some((equation) => (shown.findings?.[equation] ?? 0) > 0);
    runs.push({
      mutant: mutant.name,
      scenario: mutant.scenario,
      caught: isCaught,
      control: control.words,
      shown: shown.words,
    });
    options.say(`${isCaught ? 'caught  ' : 'ESCAPED '} ${mutant.name}: ${shown.words}; real worker: ${control.words}`);
  }
  const caught = runs.filter((run) => run.caught).length;
  return { ok: runs.length > 0 && caught === runs.length, caught, mutants: runs.length, runs };
}

/** For people: a line per mutant. */
export function mutantTable({ runs }: MutantReport): string[] {
  const columns = runs.map((run) => [
    run.caught ? 'caught' : 'ESCAPED',
    run.mutant,
    run.scenario,
    run.shown,
    run.control,
  ]);
  const rows = [['', 'mutant', 'scenario', 'mutant shows', 'real worker'], ...columns];
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, at) => Math.max(cell.length, widest[at] ?? 0)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function unmutated(scenario: ScenarioName): Mutant {
  return { name: `control of ${scenario}`, scenario, shows: [], patches: [] };
}

function isGreen({ findings }: Course): boolean {
  return findings !== null && Object.values(findings).every((count) => count === 0);
}

async function course(servers: Servers, options: MutantRunsOptions, mutant: Mutant): Promise<Course> {
  options.signal.throwIfAborted();
  try {
    const findings = tally(await findingsOf(servers, options, mutant));
    const failed = Object.entries(findings).flatMap(([equation, count]) => (count > 0 ? [`${equation} ${count}`] : []));
    return { findings, words: failed.length === 0 ? 'green' : failed.join(', ') };
  } catch (error) {
    options.signal.throwIfAborted();
    options.say(reasonOf(error));
    return { findings: null, words: 'did not run' };
  }
}

async function findingsOf(servers: Servers, options: MutantRunsOptions, mutant: Mutant): Promise<Finding[]> {
  const scenario: Scenario = SCENARIOS[mutant.scenario];
  const patches: readonly Patch[] = [...(SCENARIO_PATCHES[mutant.scenario] ?? []), ...mutant.patches];
  const variant = await buildVariant(options.root, mutant.name, patches);
  const arena = await openArena(servers, options.rolePasswords).catch(async (error: unknown) => {
    await variant.remove();
    throw error;
  });
  try {
    for (const statement of mutant.sql ?? []) await onServer(arena.adminUrl, statement);
    return await play(arena, scenario, { entry: variant.entry, policy: mutant.policy ?? {}, signal: options.signal });
  } finally {
    await arena.close();
    await variant.remove();
  }
}

interface Play {
  readonly entry: string;
  readonly policy: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function play(arena: Arena, scenario: Scenario, { entry, policy, signal }: Play): Promise<Finding[]> {
  const fleet = await arena.startWorkers({ size: scenario.workers, entry });
  const scene = { arena, fleet, policy, signal };
  if ('find' in scenario) return scenario.find(scene);
  await scenario.run(scene);
  await within(CONFIRMED_WITHIN_MS, arena.publishing.confirmed(), signal);
  const isSettled = (await settled(arena, SETTLED_WITHIN_MS, signal)) !== null;
  await fleet.stop();
  const findings = judge(arena.ledger.copies, await readStored(arena));
  return isSettled ? findings : [...findings, { equation: 'stuck', about: 'not everything was settled in time' }];
}
