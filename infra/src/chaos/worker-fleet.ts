import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { environmentWith } from '../environment.js';
import { AckTrap } from './amqp-wire.js';
import { CommitReplyTrap } from './postgres-wire.js';
import { TcpProxy, rotated } from './tcp-proxy.js';

const RESTART_AFTER_MS = 300;
const KEPT_LINES = 2_000;
const POLL_MS = 50;

/** How workers are run. */
export interface FleetOptions {
  readonly size: number;
  /** The built program. */
  readonly entry: string;
  /** What follows `node` before the program. */
  readonly nodeArguments?: readonly string[];
  /** The same for the first process of each place, where it differs. */
  readonly firstNodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The worker's role in the arena's database, and the arena's virtual host; hosts and ports are replaced by proxies'. */
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly databasePort: () => number;
  /** Ports of the broker's nodes. */
  readonly amqpPorts: () => readonly number[];
  /** Told of each process, so that it does not outlive a harness that is killed. */
  readonly record: (pid: number, marks: readonly string[]) => Promise<void>;
}

const logLine = z.looseObject({ msg: z.string().optional(), health: z.string().optional() });

/** Worker processes, each reaching its servers through proxies of its own, started again when they end. */
export class WorkerFleet {
  readonly workers: readonly SupervisedWorker[];

  private constructor(workers: readonly SupervisedWorker[]) {
    this.workers = workers;
  }

  static async start(options: FleetOptions): Promise<WorkerFleet> {
    const numbers = Array.from({ length: options.size }, (_, index) => index);
    return new WorkerFleet(await Promise.all(numbers.map((index) => SupervisedWorker.start(options, index))));
  }

  at(index: number): SupervisedWorker {
    const worker = this.workers[index % this.workers.length];
    if (worker === undefined) throw new RangeError('the fleet is empty');
    return worker;
  }

  /** Waits until all of them take deliveries. */
  async ready(withinMs: number): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.ready(withinMs)));
  }

  /** Ends them in order. @returns the exit status of each; null for one that had to be killed */
  async stop(): Promise<(number | null)[]> {
    return Promise.all(this.workers.map((worker) => worker.stop()));
  }
}

const STOP_WITHIN_MS = 15_000;

/** One place in the fleet: the process that fills it changes. */
export class SupervisedWorker {
  readonly database: TcpProxy;
  readonly broker: TcpProxy;
  readonly commitReplies: CommitReplyTrap;
  readonly acks: AckTrap;
  readonly lines: string[] = [];
  /** Processes that were started here. */
  starts = 0;
  /** Largest resident memory that was seen, in bytes. */
  largestRss = 0;
  readonly #options: FleetOptions;
  readonly #index: number;
  #child: ChildProcess | null = null;
  #isRetired = false;
  #healthUrl: string | null = null;

  private constructor(
    options: FleetOptions,
    index: number,
    ways: Pick<SupervisedWorker, 'database' | 'broker' | 'commitReplies' | 'acks'>,
  ) {
    this.#options = options;
    this.#index = index;
    this.database = ways.database;
    this.broker = ways.broker;
    this.commitReplies = ways.commitReplies;
    this.acks = ways.acks;
  }

  static async start(options: FleetOptions, index: number): Promise<SupervisedWorker> {
    const commitReplies = new CommitReplyTrap();
    const acks = new AckTrap();
    const database = await TcpProxy.listen({
      targets: () => [options.databasePort()],
      tap: () => commitReplies.tap(),
    });
    let turn = index;
    const broker = await TcpProxy.listen({
      targets: () => rotated(options.amqpPorts(), (turn += 1)),
      tap: () => acks.tap(),
    });
    const worker = new SupervisedWorker(options, index, { database, broker, commitReplies, acks });
    worker.#launch();
    return worker;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Whether the present process takes deliveries, by its own word. */
  get isTaking(): boolean {
    return this.#healthUrl !== null;
  }

  /** @returns whether there was a process to signal */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  async ready(withinMs: number): Promise<void> {
    const deadline = systemClock.monotonicMillis() + withinMs;
    while (!this.isTaking) {
      if (systemClock.monotonicMillis() > deadline) {
        throw new Error(`the worker does not take deliveries. Its last lines:\n${this.lines.slice(-3).join('\n')}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** What `/readyz` says; null when nobody answers. */
  async isReady(): Promise<boolean | null> {
    if (this.#healthUrl === null) return null;
    try {
      const { ok } = await fetch(`${this.#healthUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
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

  async stop(): Promise<number | null> {
    this.#isRetired = true;
    const child = this.#child;
    let status: number | null = null;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const overdue = new AbortController();
      await Promise.race([ended, sleep(STOP_WITHIN_MS, overdue.signal).then(() => child.kill('SIGKILL'))]);
      await ended;
      overdue.abort();
      status = child.exitCode;
    }
    await Promise.all([this.database.close(), this.broker.close()]);
    return status;
  }

  #launch(): void {
    this.starts += 1;
    const { entry, nodeArguments = [], environment = {}, databaseUrl, amqpUrl } = this.#options;
    const first = this.#options.firstNodeArguments ?? nodeArguments;
    const child = spawn(process.execPath, [...(this.starts === 1 ? first : nodeArguments), entry], {
      env: environmentWith({
        QUARTERHOUR_INGEST_DATABASE_URL: atPort(databaseUrl, this.database.port),
        QUARTERHOUR_AMQP_URL: atPort(amqpUrl, this.broker.port),
        QUARTERHOUR_WORKER_HEALTH_PORT: '0',
        QUARTERHOUR_WORKER_NAME: `chaos-${this.#index + 1}`,
        ...environment,
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#healthUrl = null;
    if (child.pid !== undefined) void this.#options.record(child.pid, [entry]);
    for (const output of [child.stdout, child.stderr]) createInterface(output).on('line', (line) => this.#read(line));
    child.once('error', () => undefined);
    child.once('exit', () => {
      this.#healthUrl = null;
      if (!this.#isRetired) void sleep(RESTART_AFTER_MS).then(() => this.#isRetired || this.#launch());
    });
  }

  #read(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.splice(0, this.lines.length - KEPT_LINES);
    if (line.includes('taking deliveries')) {
      this.#healthUrl = logLine.safeParse(parsed(line)).data?.health ?? null;
    }
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function atPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
