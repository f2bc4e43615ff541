import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { StackEnvironment } from '../environment.js';
import { StackError } from './errors.js';
import { firstExecutable, isExecutable } from './programs.js';
import { downloadRabbitmq } from './rabbitmq-download.js';
import type { RabbitmqScripts } from './rabbitmq-scripts.js';

/** The value of `QUARTERHOUR_RABBITMQ_BIN` that asks for the packages even where RabbitMQ is installed. */
const DOWNLOAD = 'download';
const PACKAGED = '/usr/lib/rabbitmq/bin';
const HOMEBREW = ['/opt/homebrew/opt/rabbitmq/sbin', '/usr/local/opt/rabbitmq/sbin'];

/**
 * Finds RabbitMQ: the folder that the environment names, else the package's, else the search path and Homebrew, else
 * Debian's packages, downloaded and unpacked without installing them.
 *
 * @param folder where downloaded packages are kept
 * @returns undefined when there is none and none can be had
 * @throws StackError when the named folder does not work
 */
export async function findRabbitmq(
  env: StackEnvironment,
  folder: string,
  { log, signal }: { log: (line: string) => void; signal: AbortSignal | undefined },
): Promise<RabbitmqScripts | undefined> {
  if (env.rabbitmqBin !== undefined && env.rabbitmqBin !== DOWNLOAD) return namedRabbitmq(env.rabbitmqBin, env);
  if (env.rabbitmqBin === undefined) {
    for (const bin of [PACKAGED, ...HOMEBREW, ...env.searchPath]) {
      const found = await scriptsIn(bin, env);
      if (found !== undefined) return found;
    }
  }
  return downloadRabbitmq(folder, { log, signal });
}

async function namedRabbitmq(bin: string, env: StackEnvironment): Promise<RabbitmqScripts> {
  const found = await scriptsIn(path.resolve(bin), env);
  if (found === undefined) {
    throw new StackError(
      `QUARTERHOUR_RABBITMQ_BIN is ${bin}, but there is no rabbitmq-server script there that can be run privately, ` +
        'or no erl and epmd on the search path.',
    );
  }
  return found;
}

async function scriptsIn(bin: string, env: StackEnvironment): Promise<RabbitmqScripts | undefined> {
  const server = path.join(bin, 'rabbitmq-server');
  if (!(await isExecutable(server)) || (await isServiceWrapper(server))) return undefined;
  const homebrew = path.resolve(bin, '../../../bin');
  const folders = [...env.searchPath, ...(HOMEBREW.includes(bin) ? [homebrew] : [])];
  const epmd = await epmdBeside(await firstExecutable('erl', folders));
  if (epmd === undefined) return undefined;
  return { server, epmd, searchFirst: HOMEBREW.includes(bin) ? [homebrew] : [], libraries: [], from: bin };
}

/** The wrapper in a package's `sbin` changes to the service's folder and user, dropping our settings. */
async function isServiceWrapper(script: string): Promise<boolean> {
  return (await readFile(script, 'latin1')).includes('/var/lib/rabbitmq');
}

async function epmdBeside(erl: string | undefined): Promise<string | undefined> {
  if (erl === undefined) return undefined;
  return firstExecutable('epmd', [path.dirname(erl), path.dirname(await realpath(erl))]);
}
