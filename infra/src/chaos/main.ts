import { randomBytes } from 'node:crypto';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RolePasswords } from '@quarterhour/db';
import { reasonOf } from '../stack/errors.js';
import { password } from '../stack/index.js';
import { openArena, type Arena, type ArenaRequest } from './arena.js';
import { commands, COMMAND_PARTNERS } from './commands/commands.js';
import { runCommandMutants } from './commands/command-mutants.js';
import { runFailPoints } from './fail-point-runs.js';
import { lifecycle, LIFECYCLE_PARTNERS } from './lifecycle/lifecycle.js';
import { mutantTable, runMutants } from './mutant-runs.js';
import { CHAOS_USAGE, ChaosUsageError, readChaosOptions, type ChaosOptions, type Tier } from './options.js';
import { registerPartners } from './organisations.js';
import { outages } from './outages.js';
import type { ClusterRequest } from './rabbitmq-cluster.js';
import { startServers, type Servers } from './servers.js';
import { soak } from './soak.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const WORKER = path.join(ROOT, 'apps', 'ingest-worker', 'dist', 'main.js');
const CONTROL_API = path.join(ROOT, 'apps', 'control-api', 'dist', 'main.js');
const DIRECTORY = path.join(ROOT, '.quarterhour');
const STATUS = { ok: 0, red: 1, usage: 64, interrupted: 130 } as const;

/** What each tier runs on: only random faults need a cluster, only partners' own keys a broker that asks about them. */
const TIERS: Record<Tier, ClusterRequest & { readonly run: TierRun }> = {
  soak: { nodes: 3, asksAboutPartners: false, run: runSoak },
  lifecycle: { nodes: 1, asksAboutPartners: true, run: runLifecycle },
  commands: { nodes: 1, asksAboutPartners: true, run: runCommands },
  'command-mutants': { nodes: 1, asksAboutPartners: true, run: runMutantsOfCommands },
  mutants: { nodes: 1, asksAboutPartners: false, run: runAllMutants },
  'fail-points': { nodes: 1, asksAboutPartners: false, run: runAllFailPoints },
  outages: { nodes: 1, asksAboutPartners: false, run: runOutages },
};
type TierRun = (servers: Servers, options: ChaosOptions, signal: AbortSignal) => Promise<number>;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
  try {
    const options = readChaosOptions(args);
    if (options.help) {
      process.stdout.write(CHAOS_USAGE);
      return STATUS.ok;
    }
    return await runOn(options, interrupted.signal);
  } catch (error) {
    if (interrupted.signal.aborted) {
      say('interrupted; everything is stopped');
      return STATUS.interrupted;
    }
    process.stderr.write(
      error instanceof ChaosUsageError ? `${error.message}\n\n${CHAOS_USAGE}` : `${reasonOf(error)}\n`,
    );
    return error instanceof ChaosUsageError ? STATUS.usage : STATUS.red;
  }
}

/** Servers for one command, ended however it ends. */
async function runOn(options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const { run, ...cluster } = TIERS[options.tier];
  const servers = await startServers({ ...cluster, directory: DIRECTORY, log: say, signal });
  try {
    return await run(servers, options, signal);
  } finally {
    if (options.keep) await keep(servers.folder);
    await servers.stop();
  }
}

function runSoak(servers: Servers, options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const { seconds } = options;
  return inArena(servers, options, (arena, seed) => soak(arena, { seed, seconds, entry: WORKER, say, signal }));
}

function runOutages(servers: Servers, options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const { minutes } = options;
  return inArena(servers, options, (arena, seed) => outages(arena, { seed, minutes, entry: WORKER, say, signal }));
}

function runLifecycle(servers: Servers, options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const { seconds } = options;
  const programs = { worker: WORKER, controlApi: CONTROL_API };
  return inArena(servers, options, (arena, seed) => lifecycle(arena, { seed, seconds, ...programs, say, signal }), {
    register: (admin) => registerPartners(admin, LIFECYCLE_PARTNERS),
  });
}

function runCommands(servers: Servers, options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const { seconds } = options;
  const programs = { worker: WORKER, controlApi: CONTROL_API };
  return inArena(servers, options, (arena, seed) => commands(arena, { seed, seconds, ...programs, say, signal }), {
    register: (admin) => registerPartners(admin, COMMAND_PARTNERS),
  });
}

async function runMutantsOfCommands(servers: Servers, options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const programs = { root: ROOT, worker: WORKER, controlApi: CONTROL_API };
  const { only } = options;
  return conclude(await runCommandMutants(servers, { ...programs, rolePasswords: rolePasswords(), only, say, signal }));
}

async function inArena(
  servers: Servers,
  options: ChaosOptions,
  run: (arena: Arena, seed: string) => Promise<{ readonly ok: boolean }>,
  request: ArenaRequest = {},
): Promise<number> {
  const seed = options.seed ?? randomBytes(4).toString('hex');
  say(`seed ${seed}`);
  const ledgerFile = options.keep ? path.join(servers.folder, 'ledger.jsonl') : null;
  const arena = await openArena(servers, rolePasswords(), { ...request, ledgerFile });
  try {
    return conclude(await run(arena, seed));
  } finally {
    await arena.close();
  }
}

/** The last line on stdout is the report. */
function conclude(report: { readonly ok: boolean }): number {
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.ok ? STATUS.ok : STATUS.red;
}

async function runAllMutants(servers: Servers, { only }: ChaosOptions, signal: AbortSignal): Promise<number> {
  const report = await runMutants(servers, { root: ROOT, rolePasswords: rolePasswords(), only, say, signal });
  for (const line of mutantTable(report)) say(line);
  return conclude(report);
}

async function runAllFailPoints(servers: Servers, { only }: ChaosOptions, signal: AbortSignal): Promise<number> {
  const report = await runFailPoints(servers, { root: ROOT, rolePasswords: rolePasswords(), only, say, signal });
  return conclude(report);
}

function rolePasswords(): RolePasswords {
  return { ingest: password(), read: password(), control: password(), usage: password() };
}

async function keep(folder: string): Promise<void> {
  const kept = path.join(DIRECTORY, `chaos-${path.basename(folder)}`);
  await mkdir(kept, { recursive: true });
  await cp(folder, kept, {
    recursive: true,
    filter: (file) => file === folder || /\.(log|jsonl)$/.test(file),
  });
  process.stderr.write(`kept in ${kept}\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
