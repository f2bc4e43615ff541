import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { environmentWith } from '../environment.js';

const CALL_TIMEOUT_MS = 120_000;
const STOP_GRACE_SECONDS = 20;

/** A container to be ended with the run that started it. Its volume stays when the data is to be kept. */
export interface ContainerRecord {
  /** The engine's command line program. */
  readonly engine: string;
  readonly container: string;
}

export interface DockerOptions {
  readonly timeoutMs?: number;
  /** Added to the environment of the call: secrets do not belong on a command line, which others can read. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** One call of the engine's program. @returns its output @throws Error with its complaint when its status is not 0 */
export async function docker(
  engine: string,
  args: readonly string[],
  { timeoutMs = CALL_TIMEOUT_MS, environment = {}, signal }: DockerOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(engine, [...args], { timeout: timeoutMs, signal, env: environmentWith(environment) });
}

/** Stops and removes a container. @returns whether it was there */
export async function endContainer({ engine, container }: ContainerRecord): Promise<boolean> {
  const found = await succeeds(docker(engine, ['stop', '-t', String(STOP_GRACE_SECONDS), container]));
  await succeeds(docker(engine, ['rm', '--force', '--volumes', container]));
  return found;
}

export async function succeeds(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
