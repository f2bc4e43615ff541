import { readFile, readdir } from 'node:fs/promises';

/** Processor time of a process, in clock ticks, as `/proc/PID/stat` has it. */
export interface ProcessTimes {
  readonly parent: number;
  /** Its own, in user and kernel mode. */
  readonly own: number;
  /** Of its children that have ended. */
  readonly ended: number;
}

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** Fields of `/proc/PID/stat`, counted from the end of the name in parentheses, which may itself hold anything. */
const PARENT = 2;
const USER = 12;
const SYSTEM = 13;
const ENDED_USER = 14;
const ENDED_SYSTEM = 15;

/** @throws TypeError when the text is not that of `/proc/PID/stat` */
export function parseStat(text: string): ProcessTimes {
  const fields = text.slice(text.lastIndexOf(')')).split(' ');
  const field = (index: number): number => {
    const value = Number(fields[index] ?? NaN);
    if (!Number.isInteger(value)) throw new TypeError(`not a line of /proc/PID/stat: ${text}`);
    return value;
  };
  return { parent: field(PARENT), own: field(USER) + field(SYSTEM), ended: field(ENDED_USER) + field(ENDED_SYSTEM) };
}

/** Most memory that a process ever had resident, in MB, from `/proc/PID/status`. @throws TypeError when it is not there */
export function parsePeakMegabytes(status: string): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new TypeError('no VmHWM in /proc/PID/status');
  return Number(kilobytes) / 1_024;
}

export async function peakMegabytes(pid: number): Promise<number> {
  return parsePeakMegabytes(await readFile(`/proc/${pid}/status`, 'utf8'));
}

/** Processor time of a process, in microseconds; 0 when there is none of that number. */
export async function microsOf(pid: number): Promise<number> {
  const times = await timesOf(String(pid));
  return times === null ? 0 : times.own * MICROS_PER_TICK;
}

/** Processor time of a process, of its children and of those that have ended, in microseconds. */
export async function microsOfFamily(pid: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map(async (name) => ({ name, times: await timesOf(name) })));
  let ticks = 0;
  for (const { name, times } of all) {
    if (times === null) continue;
    if (name === String(pid)) ticks += times.own + times.ended;
    if (times.parent === pid) ticks += times.own;
  }
  return ticks * MICROS_PER_TICK;
}

async function timesOf(pid: string): Promise<ProcessTimes | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return text === null ? null : parseStat(text);
}
