import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { endContainer } from './docker.js';
import type { ContainerRecord } from './docker.js';
import { hasCode, StackInUseError } from './errors.js';
import { ephemeralFolders, isEphemeral } from './folder.js';
import { commandLine, endProcess, startOf } from './processes.js';
import type { ProcessRecord } from './processes.js';

const RUN_FILE = 'run.json';

const runState = z.object({
  runner: z.object({ pid: z.number().int(), commandLine: z.string(), start: z.string() }),
  servers: z.array(
    z.union([
      z.object({ engine: z.string(), container: z.string() }),
      z.object({
        pid: z.number().int(),
        marks: z.array(z.string().min(1)).min(1).readonly(),
        ending: z
          .array(z.object({ signal: z.enum(['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGKILL']), graceMs: z.number() }))
          .readonly(),
      }),
    ]),
  ),
});
type RunState = z.infer<typeof runState>;

/** A server that we started, as a process of ours or in a container. */
export type ServerRecord = ProcessRecord | ContainerRecord;

/** What is running in a folder on behalf of whom: the lock against a second run, and what a later run cleans up by. */
export interface Run {
  /** Notes a server as soon as there is one, before anything can go wrong with it. */
  record(server: ServerRecord): Promise<void>;
  /** Ends the recorded servers, the latest first, and gives the folder back. */
  end(): Promise<void>;
}

/**
 * Takes a folder for this process. Servers left behind by a run that was killed are ended first.
 *
 * @throws StackInUseError when a live run holds it
 */
export async function takeFolder(folder: string, log: (line: string) => void): Promise<Run> {
  const state: RunState = { runner: await thisProcess(), servers: [] };
  while (!(await create(folder, state))) {
    if (await clearLeftovers(folder)) log(`Ended servers that an earlier run left behind in ${folder}.`);
  }
  let written = Promise.resolve();
  return {
    record(server) {
      state.servers.push(server);
      written = written.then(() => replace(folder, state));
      return written;
    },
    async end() {
      for (const server of state.servers.toReversed()) await endServer(server);
      await rm(path.join(folder, RUN_FILE), { force: true });
    },
  };
}

/**
 * Ends what a run that is no more left running in a folder.
 *
 * @returns whether anything was still running
 * @throws StackInUseError when the run is alive
 */
export async function clearLeftovers(folder: string): Promise<boolean> {
  const text = await readFile(path.join(folder, RUN_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const state = parseRunState(text);
  if (state !== undefined && (await isAlive(state))) {
    throw new StackInUseError(
      `Another run (process ${state.runner.pid}: ${state.runner.commandLine}) uses ${folder}. Stop it first.`,
    );
  }
  let found = false;
  for (const server of state?.servers.toReversed() ?? []) found = (await endServer(server)) || found;
  await rm(path.join(folder, RUN_FILE), { force: true });
  if (isEphemeral(folder)) await rm(folder, { recursive: true, force: true });
  return found;
}

/**
 * Removes what test runs left behind that were killed together with their keeper. A run file that cannot be read may be that
 * of a live run of another version: its folder is left alone.
 */
export async function clearEphemeralLeftovers(): Promise<void> {
  for (const folder of await ephemeralFolders()) {
    const text = await readFile(path.join(folder, RUN_FILE), 'utf8').catch(() => '');
    if (parseRunState(text) === undefined) continue;
    await clearLeftovers(folder).catch((error: unknown) => {
      if (!(error instanceof StackInUseError)) throw error;
    });
  }
}

function endServer(server: ServerRecord): Promise<boolean> {
  return 'container' in server ? endContainer(server) : endProcess(server);
}

async function thisProcess(): Promise<RunState['runner']> {
  const { pid, argv } = process;
  return { pid, commandLine: (await commandLine(pid)) ?? argv.join(' '), start: (await startOf(pid)) ?? '' };
}

/** Numbers come again, in containers even with the same command line; a start does not. */
async function isAlive({ runner }: RunState): Promise<boolean> {
  return (await commandLine(runner.pid)) === runner.commandLine && ((await startOf(runner.pid)) ?? '') === runner.start;
}

/** By a hard link, which fails when the name exists: of two runs that start together one gets the folder. */
async function create(folder: string, state: RunState): Promise<boolean> {
  const draft = await writeDraft(folder, state);
  try {
    await link(draft, path.join(folder, RUN_FILE));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function replace(folder: string, state: RunState): Promise<void> {
  await rename(await writeDraft(folder, state), path.join(folder, RUN_FILE));
}

async function writeDraft(folder: string, state: RunState): Promise<string> {
  const draft = path.join(folder, `${RUN_FILE}.${process.pid}`);
  await writeFile(draft, JSON.stringify(state, null, 2), { mode: 0o600 });
  return draft;
}

function parseRunState(text: string): RunState | undefined {
  try {
    return runState.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
