import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { systemClock } from '@quarterhour/runtime';
import type { Stack } from '../stack/index.js';
import type { Bar, Judged } from './judge.js';

/** Keeps the results of a run for a comparison with later ones. @returns the file */
export async function writeResults(
  directory: string,
  { stack, rows, bar, log }: { stack: Stack; rows: readonly Judged[]; bar: Bar; log: readonly string[] },
): Promise<string> {
  const at = systemClock.nowInstantText();
  const model = cpus()[0]?.model ?? 'unknown';
  const machine = { processor: model, cores: cpus().length, memoryBytes: totalmem(), node: process.version };
  const servers = { postgres: stack.database.version, rabbitmq: stack.broker.version };
  const results = rows.map(({ what, goal: { unit, floor, must, aim }, values, median, verdict, missing }) => ({
    ...{ what, unit, median: Number.isNaN(median) ? null : median, values, floor, must, aim, verdict, missing },
  }));
  await mkdir(directory, { recursive: true });
  const name = `${at.slice(0, 19).replaceAll(':', '')}Z-${model.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}.json`;
  const file = path.join(directory, name);
  await writeFile(file, `${JSON.stringify({ at, bar, machine, servers, results, log }, null, 2)}\n`);
  return file;
}
