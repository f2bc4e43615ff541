import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from './environment.js';
import { eventually } from './eventually.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One of our programs, running as users run it: built, in a process of its own. */
export interface StartedProcess {
  readonly pid: number;
  /** Lines written so far, growing. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when the process has ended and all its output is in. */
  readonly exited: Promise<Exit>;
  /** Sends a signal, SIGTERM unless another is named, and waits for the end. Harmless when it has ended already. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Waits for a line on stdout. @throws Error quoting the output when the process ends first or the time is up */
  untilLine(pattern: RegExp, options?: { withinMs?: number }): Promise<string>;
}

/**
 * Starts a built program, for example `apps/ingest-worker/dist/main.js`.
 *
 * @param entry path from the root of the checkout
 * @param args what follows it on the command line
 * @param env all it sees beside `PATH`, `HOME` and `TMPDIR`; nothing is inherited
 * @throws Error when it is not built
 */
export async function startProcess({
  entry,
  args = [],
  env,
}: {
  entry: string;
  args?: readonly string[];
  env: Readonly<Record<string, string>>;
}): Promise<StartedProcess> {
  const file = path.join(ROOT, entry);
  if (!existsSync(file)) throw new Error(`${entry} does not exist. npm test builds it; so does npm run build.`);
  const child = spawn(process.execPath, [file, ...args], {
    cwd: ROOT,
    env: childEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: string[] = [];
  const stderr: string[] = [];
  createInterface(child.stdout).on('line', (line) => stdout.push(line));
  createInterface(child.stderr).on('line', (line) => stderr.push(line));
  let ended = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      ended = true;
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  if (child.pid === undefined) throw new Error(`${entry} has no process id`);
  return {
    pid: child.pid,
    stdout,
    stderr,
    exited,
    kill(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    async untilLine(pattern, options) {
      let seen: string | undefined;
      await eventually(() => {
        seen = stdout.find((line) => pattern.test(line));
        if (seen === undefined && !ended) throw new Error(waitedInVain(entry, pattern, stdout, stderr));
      }, options);
      if (seen === undefined) throw new Error(waitedInVain(entry, pattern, stdout, stderr));
      return seen;
    },
  };
}

function waitedInVain(entry: string, pattern: RegExp, stdout: readonly string[], stderr: readonly string[]): string {
  return [`${entry} wrote no line like ${pattern.source}. It wrote:`, ...stdout.slice(-20), ...stderr.slice(-20)].join(
    '\n',
  );
}
