import { randomBytes } from 'node:crypto';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RolePasswords } from '@quarterhour/db';
import { reasonOf } from '../stack/errors.js';
import { password } from '../stack/index.js';
import { openArena } from './arena.js';
import { mutantTable, runMutants } from './mutant-runs.js';
import { CHAOS_USAGE, ChaosUsageError, readChaosOptions, type ChaosOptions } from './options.js';
import { startServers, type Servers } from './servers.js';
import { soak } from './soak.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const WORKER = path.join(ROOT, 'apps', 'ingest-worker', 'dist', 'main.js');
const DIRECTORY = path.join(ROOT, '.quarterhour');
const NODES = 3;
const STATUS = { ok: 0, red: 1, usage: 64, interrupted: 130 } as const;

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
  const servers = await startServers({ directory: DIRECTORY, nodes: options.mutants ? 1 : NODES, log: say, signal });
  try {
    return await (options.mutants ? runAllMutants : runSoak)(servers, options, signal);
  } finally {
    if (options.keep) await keep(servers.folder);
    await servers.stop();
  }
}

async function runSoak(servers: Servers, options: ChaosOptions, signal: AbortSignal): Promise<number> {
  const seed = options.seed ?? randomBytes(4).toString('hex');
  say(`seed ${seed}`);
  const ledgerFile = options.keep ? path.join(servers.folder, 'ledger.jsonl') : null;
  const arena = await openArena(servers, rolePasswords(), ledgerFile);
  try {
    const report = await soak(arena, { seed, seconds: options.seconds, entry: WORKER, say, signal });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return report.ok ? STATUS.ok : STATUS.red;
  } finally {
    await arena.close();
  }
}

async function runAllMutants(servers: Servers, { only }: ChaosOptions, signal: AbortSignal): Promise<number> {
  const report = await runMutants(servers, { root: ROOT, rolePasswords: rolePasswords(), only, say, signal });
  for (const line of mutantTable(report)) say(line);
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.ok ? STATUS.ok : STATUS.red;
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
