import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { environmentWith } from '../environment.js';

const RESTART_AFTER_MS = 300;
const KEPT_LINES = 2_000;
const POLL_MS = 50;
const STOP_WITHIN_MS = 15_000;

/** One of our built programs, and how it is run. */
export interface ProgramOptions {
  readonly entry: string;
  /** What follows `node` before the program. */
  readonly nodeArguments?: readonly string[];
  /** The same for the first process, where it differs. */
  readonly firstNodeArguments?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What the line says in which it announces that it works. */
  readonly announces: string;
  /** Takes all that it says, of every process; default: nowhere. */
  readonly logFile?: string;
  /** Told of each process, so that it does not outlive a harness that is killed. */
  readonly record: (pid: number, marks: readonly string[]) => Promise<void>;
}

/** A line of the log that announces that a program works; its address goes by either name. */
const announcement = z.looseObject({ url: z.url().optional(), health: z.url().optional() });

/** One program, started again whenever its process ends. */
export class SupervisedProcess {
  readonly lines: string[] = [];
  /** Processes that were started here. */
  starts = 0;
  /** Largest resident memory that was seen, in bytes. */
  largestRss = 0;
  readonly #options: ProgramOptions;
  #child: ChildProcess | null = null;
  #isRetired = false;
  #address: string | null = null;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#launch();
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Where the present process answers over HTTP, once it has announced that it works; else null. */
  get address(): string | null {
    return this.#address;
  }

  /** @returns whether there was a process to signal */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  /** Waits until the present process works, by its own word. */
  async ready(withinMs: number): Promise<void> {
    const deadline = systemClock.monotonicMillis() + withinMs;
    while (this.#address === null) {
      if (systemClock.monotonicMillis() > deadline) {
        const last = this.lines.slice(-3).join('\n');
        throw new Error(`${this.#options.entry} does not get to work. Its last lines:\n${last}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** What `/readyz` says; null when nobody answers. */
  async isReady(): Promise<boolean | null> {
    if (this.#address === null) return null;
    try {
      const { ok } = await fetch(`${this.#address}/readyz`, { signal: AbortSignal.timeout(5_000) });
      return ok;
    } catch {
      return null;
    }
  }

  /** Resident memory of the present process in bytes; null when it cannot be seen. */
  async rss(): Promise<number | null> {
    const status = await readFile(`/proc/${this.pid ?? 0}/status`, 'utf8').catch(() => '');
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kilobytes === undefined) return null;
    const bytes = Number(kilobytes) * 1024;
    this.largestRss = Math.max(this.largestRss, bytes);
    return bytes;
  }

  /** Ends it in order. @returns its exit status; null when it had to be killed, or was not running */
  async stop(): Promise<number | null> {
    this.#isRetired = true;
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const overdue = new AbortController();
    await Promise.race([ended, sleep(STOP_WITHIN_MS, overdue.signal).then(() => child.kill('SIGKILL'))]);
    await ended;
    overdue.abort();
    return child.exitCode;
  }

  #launch(): void {
    this.starts += 1;
    const { entry, nodeArguments = [], environment, record } = this.#options;
    const first = this.#options.firstNodeArguments ?? nodeArguments;
    const child = spawn(process.execPath, [...(this.starts === 1 ? first : nodeArguments), entry], {
      env: environmentWith(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#address = null;
    if (child.pid !== undefined) void record(child.pid, [entry]);
    for (const output of [child.stdout, child.stderr]) createInterface(output).on('line', (line) => this.#read(line));
    child.once('error', () => undefined);
    child.once('exit', () => {
      this.#address = null;
      if (!this.#isRetired) void sleep(RESTART_AFTER_MS).then(() => this.#isRetired || this.#launch());
    });
  }

  #read(line: string): void {
    this.lines.push(line);
    const { logFile } = this.#options;
    if (logFile !== undefined) appendFileSync(logFile, `${line}\n`);
    if (this.lines.length > KEPT_LINES) this.lines.splice(0, this.lines.length - KEPT_LINES);
    if (!line.includes(this.#options.announces)) return;
    const { url, health } = announcement.safeParse(parsed(line)).data ?? {};
    this.#address = url ?? health ?? null;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
