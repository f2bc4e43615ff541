import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerExitedError, StackError } from './errors.js';
import type { ServerUser } from './server-user.js';

const LOG_TAIL_LINES = 15;
const PROBE_EVERY_MS = 100;
const PORT_TAKEN = /address already in use|eaddrinuse|could not bind/i;

export interface ServerCommand {
  readonly title: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Takes both outputs, emptied first. */
  readonly logFile: string;
  readonly user?: ServerUser | undefined;
}

export interface ServerProcess {
  readonly title: string;
  readonly logFile: string;
  readonly pid: number;
  /** How it ended, as words; undefined while it runs. */
  ended(): string | undefined;
}

/**
 * Starts a server in a session of its own, so that Ctrl-C in the terminal reaches only us and the servers are stopped
 * in order, by us.
 */
export async function spawnServer(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(command.logFile, 'w', 0o600);
  const child = spawn(command.file, command.args, {
    cwd: command.cwd,
    env: command.env,
    detached: true,
    stdio: ['ignore', log, log],
    ...(command.user === undefined ? {} : { uid: command.user.uid, gid: command.user.gid }),
  });
  closeSync(log);
  let ended: string | undefined;
  const failure = new Promise<Error>((resolve) => child.once('error', resolve));
  child.once('exit', (code, signal) => {
    ended = signal === null ? `status ${code ?? 'unknown'}` : signal;
  });
  child.unref();
  if (child.pid === undefined) {
    throw new StackError(`${command.title} could not be started: ${command.file}: ${(await failure).message}`);
  }
  return { title: command.title, logFile: command.logFile, pid: child.pid, ended: () => ended };
}

/**
 * Waits until a probe with our own credentials succeeds: an open port may be anybody's.
 *
 * @throws ServerExitedError when the server ended first, StackError when the time is up; both quote its log
 */
export async function untilReady<T>(
  server: ServerProcess,
  probe: () => Promise<T>,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutMs);
  let last: unknown;
  while (!deadline.aborted) {
    signal?.throwIfAborted();
    const ended = server.ended();
    if (ended !== undefined) throw await exited(server, ended);
    try {
      return await probe();
    } catch (error) {
      last = error;
    }
    await sleep(PROBE_EVERY_MS);
  }
  const tail = await logTail(server.logFile);
  throw new StackError(`${server.title} did not answer within ${timeoutMs / 1000} s.\n${tail}`, { cause: last });
}

async function exited(server: ServerProcess, how: string): Promise<ServerExitedError> {
  const tail = await logTail(server.logFile);
  return new ServerExitedError(`${server.title} ended while starting (${how}).\n${tail}`, PORT_TAKEN.test(tail));
}

/** Last lines of a log and where the rest is, as they stand in an error. */
export async function logTail(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  const lines = text
    .trimEnd()
    .split('\n')
    .slice(-LOG_TAIL_LINES)
    .map((line) => `  | ${line}`);
  return `Last lines of ${logFile}:\n${lines.join('\n')}`;
}

/** Starts something on ports that were free a moment ago, anew on other ports when one was taken meanwhile. */
export async function withFreshPorts<T>(start: () => Promise<T>, attempts = 3): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const again = attempts > 1 && error instanceof ServerExitedError && error.portWasTaken;
    if (!again) throw error;
    return withFreshPorts(start, attempts - 1);
  }
}
