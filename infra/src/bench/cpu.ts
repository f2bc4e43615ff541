import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Stack } from '../stack/index.js';
import { microsOf, microsOfFamily } from './proc.js';

/** Processor time in microseconds, since each began or per message. */
export interface Micros {
  readonly broker: number;
  readonly worker: number;
  readonly postgres: number;
}

/** Reads how much processor time the servers and one worker have used. */
export type CpuMeter = (worker: number) => Promise<Micros>;

/**
 * Finds the servers by the files in which they note their process.
 *
 * @returns why it cannot be measured here, where it cannot
 */
export async function openCpuMeter(stack: Stack): Promise<CpuMeter | string> {
  if (process.platform !== 'linux') return 'processor time is read from /proc, which only Linux has';
  const broker = await pidIn(path.join(stack.folder, 'rabbitmq', 'rabbitmq.pid'));
  const postgres = await pidIn(path.join(stack.folder, 'postgres', 'postmaster.pid'));
  if (broker === null || postgres === null) return 'the servers run in containers, whose processes are not ours to see';
  return async (worker) => ({
    broker: await microsOf(broker),
    worker: await microsOf(worker),
    postgres: await microsOfFamily(postgres),
  });
}

export function perMessage(before: Micros, after: Micros, messages: number): Micros {
  return {
    broker: (after.broker - before.broker) / messages,
    worker: (after.worker - before.worker) / messages,
    postgres: (after.postgres - before.postgres) / messages,
  };
}

export function total({ broker, worker, postgres }: Micros): number {
  return broker + worker + postgres;
}

async function pidIn(file: string): Promise<number | null> {
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  return pid > 1 ? pid : null;
}
