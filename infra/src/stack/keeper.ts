import { spawn } from 'node:child_process';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { clearLeftovers } from './run-file.js';

/**
 * A small process that outlives its runner: when the pipe between them closes, which happens however the runner ends
 * (SIGKILL included), it ends the servers that the runner did not end itself. An orderly stop releases it.
 *
 * Should it be killed as well, the next run in the folder does the same by the run file.
 */
export function startKeeper(folder: string): { release(): void } {
  const program = fileURLToPath(new URL('../../dist/stack/keeper.js', import.meta.url));
  const child = spawn(process.execPath, [program, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.once('error', () => undefined);
  child.unref();
  return { release: () => void child.kill('SIGKILL') };
}

async function keep(folder: string): Promise<void> {
  await finished(process.stdin.resume()).catch(() => undefined);
  await clearLeftovers(folder);
}

const folder = process.argv[2];
if (process.argv[1] === fileURLToPath(import.meta.url) && folder !== undefined) await keep(folder);
