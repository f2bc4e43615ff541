import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentWith } from '../environment.js';
import { nodeArgumentsOf } from '../node-arguments.js';
import type { Stack } from '../stack/index.js';
import { freePort } from '../stack/ports.js';
import { endProcess } from '../stack/processes.js';
import { spawnServer, untilReady, type ServerProcess } from '../stack/server-process.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const READY_WITHIN_MS = 60_000;
const ENDING = [
  { signal: 'SIGTERM', graceMs: 12_000 },
  { signal: 'SIGKILL', graceMs: 2_000 },
] as const;

/** One of our programs as it is deployed: built, a process of its own, its log in a file. */
export interface App {
  readonly process: ServerProcess;
  readonly port: number;
  ready(signal: AbortSignal): Promise<void>;
  end(): Promise<void>;
}

/** It ends with the stack at the latest, however the bench ends. */
export async function startApp(
  stack: Stack,
  name: 'ingest-worker' | 'read-api' | 'control-api',
  environmentOf: (port: number) => Readonly<Record<string, string>>,
): Promise<App> {
  const entry = path.join(ROOT, 'apps', name, 'dist', 'main.js');
  const port = await freePort();
  const server = await spawnServer({
    title: name,
    file: process.execPath,
    args: [...nodeArgumentsOf(name), entry],
    env: environmentWith(environmentOf(port)),
    cwd: ROOT,
    logFile: path.join(stack.folder, `${name}.log`),
  });
  const record = { pid: server.pid, marks: [entry], ending: [...ENDING] };
  await stack.record(record);
  return {
    process: server,
    port,
    ready: (signal) => untilReady(server, () => readiness(port), { timeoutMs: READY_WITHIN_MS, signal }),
    end: async () => {
      await endProcess(record);
    },
  };
}

async function readiness(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`not ready: ${await response.text()}`);
}
