import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { environmentWith } from '../../environment.js';

export type ChildProgram = 'naive-worker' | 'no-op-drain' | 'publisher' | 'commander' | 'fan-out' | 'page-load';

const running = new Set<ChildProcess>();

/** A yardstick or a load, in a process of its own. */
export class Child {
  readonly #process: ChildProcess;
  readonly #reports: unknown[] = [];
  #wake: () => void = () => undefined;
  #failure: Error | null = null;

  constructor(program: ChildProgram, instructions: object) {
    const file = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
    const child = fork(file, { env: environmentWith({}), execArgv: [] });
    this.#process = child;
    running.add(child);
    child.on('message', (message) => {
      this.#reports.push(message);
      this.#wake();
    });
    child.once('exit', (code, signal) => {
      running.delete(child);
      this.#fail(new Error(`the ${program} ended early (${signal ?? `status ${code ?? 'unknown'}`})`));
    });
    child.once('error', (error) => this.#fail(error));
    child.send(instructions);
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw this.#failure ?? new Error('the child has no process id');
    return pid;
  }

  /** Its next report, in order. @throws Error when it ended instead */
  async next<T>(shape: z.ZodType<T>): Promise<T> {
    while (this.#reports.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return shape.parse(this.#reports.shift());
  }

  /** @throws Error when it ended by itself */
  assertRunning(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Lets it go. */
  async end(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    if (child.connected) child.disconnect();
    await exited;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}

/** Ends those that an interrupted measurement left. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}
