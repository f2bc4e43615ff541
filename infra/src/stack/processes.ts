import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode } from './errors.js';

const POLL_MS = 50;
/** Field 22 of /proc/PID/stat, counted from the end of field 2, which may itself hold spaces. */
const START_IN_STAT = 20;

/** A process of ours, described so that a later run can tell it from a stranger that got the same pid. */
export interface ProcessRecord {
  readonly pid: number;
  /** Texts that its command line contains; one names our folder or our port. */
  readonly marks: readonly string[];
  /** How to end it: signals in order, each with the time it is given. */
  readonly ending: readonly Ending[];
}

export interface Ending {
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGKILL';
  readonly graceMs: number;
}

/**
 * Command line of a live process, undefined when there is none. A zombie has none either: where process 1 does not reap,
 * a killed server stays one for ever, and asking with signal 0 would take it for alive.
 */
export async function commandLine(pid: number): Promise<string | undefined> {
  if (pid <= 1) return undefined;
  const text = process.platform === 'linux' ? await fromProc(pid) : await ps(pid, 'args=');
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

/** When a process began, as the system writes it: tells it from a later one with the same pid and command line. */
export async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return ps(pid, 'lstart=');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')')).split(' ')[START_IN_STAT];
}

export async function isRunning(record: ProcessRecord): Promise<boolean> {
  const line = await commandLine(record.pid);
  return line !== undefined && record.marks.every((mark) => line.includes(mark));
}

/** Ends a process if it is still the one recorded. @returns whether there was one to end */
export async function endProcess(record: ProcessRecord): Promise<boolean> {
  if (!(await isRunning(record))) return false;
  for (const { signal, graceMs } of record.ending) {
    send(record.pid, signal);
    if (await hasEnded(record, graceMs)) return true;
  }
  return true;
}

async function hasEnded(record: ProcessRecord, graceMs: number): Promise<boolean> {
  const deadline = AbortSignal.timeout(graceMs);
  while (await isRunning(record)) {
    if (deadline.aborted) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Pids 0, 1 and below address groups or the system: never signalled. */
function send(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 1) throw new RangeError(`refusing to signal pid ${pid}`);
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

async function fromProc(pid: number): Promise<string | undefined> {
  const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  return raw?.replaceAll('\0', ' ');
}

async function ps(pid: number, column: string): Promise<string | undefined> {
  const call = promisify(execFile)('ps', ['-ww', '-o', column, '-p', String(pid)]);
  const { stdout } = await call.catch(() => ({ stdout: undefined }));
  return stdout;
}
