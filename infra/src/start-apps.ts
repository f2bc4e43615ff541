import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UtcInstant } from '@quarterhour/domain';
import { sleep } from '@quarterhour/runtime';
import { environmentWith } from './environment.js';
import { nodeArgumentsOf } from './node-arguments.js';
import { StackError, type Stack } from './stack/index.js';
import { asBefore, freePorts } from './stack/ports.js';
import { logTail, spawnServer, untilReady, type ServerProcess } from './stack/server-process.js';
import { addressesOf, type Ports } from './start-environment.js';
import type { Settings } from './start-secrets.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 60_000;
const PROBE_TIMEOUT_MS = 5_000;
const WATCH_EVERY_MS = 250;
const ENDING = [
  { signal: 'SIGTERM', graceMs: 12_000 },
  { signal: 'SIGKILL', graceMs: 2_000 },
] as const;

/** A process of ours ended by itself. */
export class AppEndedError extends Error {
  override readonly name = 'AppEndedError';
  readonly code = 'APP_ENDED';
}

/** The worker, the APIs and the gateway in front of these, each a process of its own, ready. */
export interface Apps {
  /** Grows when another one is started. */
  readonly logFiles: readonly string[];
  /** Starts the simulated plant of the demo, which measures from an instant on. */
  simulate(plantId: string, measuresFrom: UtcInstant): Promise<void>;
  /** Resolves when the signal is aborted. @throws AppEndedError when one of them ends before */
  watch(signal: AbortSignal): Promise<void>;
}

/** The address that people use is easy to remember, unless somebody has it already. */
const GATEWAY_PORT = 8080;

/** Ports as they were used last, or free ones where somebody else has them now. */
export async function choosePorts(last: Settings['ports']): Promise<Ports> {
  const [gateway = 0, worker = 0, readApi = 0, controlApi = 0, brokerAuth = 0, plantSimulator = 0, esmSandbox = 0] =
    await freePorts(7);
  return {
    gateway: await asBefore(last?.gateway ?? GATEWAY_PORT, gateway),
    worker: await asBefore(last?.worker, worker),
    readApi: await asBefore(last?.readApi, readApi),
    controlApi: await asBefore(last?.controlApi, controlApi),
    brokerAuth: await asBefore(last?.brokerAuth, brokerAuth),
    plantSimulator: await asBefore(last?.plantSimulator, plantSimulator),
    esmSandbox: await asBefore(last?.esmSandbox, esmSandbox),
  };
}

/**
 * Starts the processes and waits until they are ready to work. They end with the stack.
 *
 * @param esmClient file of the credentials that the sandbox of an energy management system knows
 * @throws StackError quoting the log of the one that did not come up
 */
export async function startApps(
  stack: Stack,
  environment: Readonly<Record<string, string>>,
  { ports, esmClient }: { readonly ports: Ports; readonly esmClient: string },
  signal: AbortSignal,
): Promise<Apps> {
  const addresses = addressesOf(ports);
  const start = (title: string, address: string) => startApp(stack, { title, args: [], address, environment, signal });
  const started = await Promise.allSettled([
    start('ingest-worker', addresses.worker),
    start('read-api', addresses.readApi),
    start('control-api', addresses.controlApi),
    startApp(stack, {
      title: 'esm-sandbox',
      args: ['--port', String(ports.esmSandbox), '--client-file', esmClient],
      address: addresses.esmSandbox,
      environment: {},
      signal,
    }),
  ]);
  const behind = started.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  const gateway = {
    title: 'gateway',
    args: gatewayArguments(ports),
    address: addresses.gateway,
    environment: {},
    signal,
  };
  const apps = [...behind, await startApp(stack, gateway)];
  return {
    get logFiles() {
      return apps.map(({ logFile }) => logFile);
    },
    async simulate(plantId, measuresFrom) {
      const args = ['--plant', plantId, '--port', String(ports.plantSimulator), '--measures-from', measuresFrom];
      const title = 'plant-simulator';
      apps.push(await startApp(stack, { title, args, address: addresses.plantSimulator, environment, signal }));
    },
    watch: (watched) => watch(apps, watched),
  };
}

interface AppRequest {
  readonly title: string;
  readonly args: readonly string[];
  readonly address: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Programs that only a checkout runs. */
const PROGRAMS: Readonly<Record<string, string>> = {
  gateway: 'gateway',
  'plant-simulator': 'demo/plant-simulator',
  'esm-sandbox': 'demo/esm-sandbox',
};

function entryOf(title: string): string {
  const ours = PROGRAMS[title];
  return ours === undefined
    ? path.join(ROOT, 'apps', title, 'dist', 'main.js')
    : path.join(ROOT, 'infra', 'dist', ours, 'main.js');
}

function gatewayArguments(ports: Ports): string[] {
  const { readApi, controlApi } = addressesOf(ports);
  return ['--port', String(ports.gateway), '--read-api', readApi, '--control-api', controlApi];
}

async function startApp(stack: Stack, request: AppRequest): Promise<ServerProcess> {
  const { title, args, address, environment, signal } = request;
  const entry = entryOf(title);
  const app = await spawnServer({
    title,
    file: process.execPath,
    args: [...nodeArgumentsOf(title), entry, ...args],
    env: environmentWith(environment),
    cwd: ROOT,
    logFile: path.join(stack.folder, `${title}.log`),
  });
  await stack.record({ pid: app.pid, marks: [entry], ending: [...ENDING] });
  await untilReady(app, () => ready(address), { timeoutMs: READY_WITHIN_MS, signal });
  return app;
}

async function ready(address: string): Promise<void> {
  const response = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  const body = await response.text();
  if (!response.ok) throw new StackError(`not ready: ${body}`);
}

async function watch(apps: readonly ServerProcess[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const app of apps) {
      const ended = app.ended();
      if (ended === undefined) continue;
      throw new AppEndedError(`The ${app.title} ended by itself (${ended}).\n${await logTail(app.logFile)}`);
    }
    await sleep(WATCH_EVERY_MS, signal);
  }
}
