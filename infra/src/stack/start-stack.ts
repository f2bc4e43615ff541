import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { readStackEnvironment } from '../environment.js';
import type { StackEnvironment } from '../environment.js';
import { findEngine, runPostgresContainer, runRabbitmqContainer } from './containers.js';
import { reasonOf, StackError } from './errors.js';
import { chooseFolder, ephemeralFolder } from './folder.js';
import { givenPostgres, givenRabbitmq } from './given-servers.js';
import { startKeeper } from './keeper.js';
import { findPostgres } from './postgres-binaries.js';
import { startPostgres } from './postgres-cluster.js';
import { startRabbitmq } from './rabbitmq-node.js';
import { findRabbitmq } from './find-rabbitmq.js';
import { clearEphemeralLeftovers, takeFolder } from './run-file.js';
import { secretsIn } from './secrets.js';
import type { Secrets } from './secrets.js';
import { runTestPostgres, runTestRabbitmq } from './test-containers.js';
import { serverUser } from './server-user.js';
import type { ServerUser } from './server-user.js';
import type { BrokerServer, DatabaseServer, Purpose, Stack, StartOptions } from './stack.js';

export interface StackRequest {
  /** Where things made locally are kept, usually `.quarterhour` in the checkout. */
  readonly directory: string;
  readonly purpose: Purpose;
  /** Takes lines for the person at the terminal. */
  readonly log: (line: string) => void;
  /** Ends the start when it is aborted; what was started by then is stopped. */
  readonly signal?: AbortSignal;
  readonly environment?: StackEnvironment;
}

interface Places {
  /** Keeps downloads and, of the demo, everything. */
  readonly kept: string;
  readonly user: ServerUser | undefined;
  readonly env: StackEnvironment;
  readonly secrets: Secrets;
  /** Program of a container engine that answers. */
  readonly engine: string | undefined;
}

/**
 * Finds or starts Postgres and RabbitMQ, both at once. Each comes from where the environment says, else from a container
 * engine that answers, else from programs on this machine.
 *
 * @throws StackInUseError when another run in the same checkout is alive
 * @throws StackError when a server cannot be had; the message says what can be done
 */
export async function startStack(request: StackRequest): Promise<Stack> {
  const { directory, purpose, log, signal } = request;
  const env = request.environment ?? readStackEnvironment();
  const user = serverUser();
  const kept = await chooseFolder(directory, user);
  if (kept.because !== undefined) log(`${directory} is not used: ${kept.because}. Using ${kept.path}.`);
  if (purpose === 'test') await clearEphemeralLeftovers();
  const folder = purpose === 'test' ? await ephemeralFolder(user) : kept.path;
  const run = await takeFolder(folder, log);
  const keeper = startKeeper(folder);
  const stop = once(async () => {
    await run.end();
    keeper.release();
    if (purpose === 'test') await rm(folder, { recursive: true, force: true });
  });
  try {
    const secrets = await secretsIn(folder);
    const places = { kept: kept.path, user, env, secrets, engine: await findEngine(env, log) };
    const options = { folder, purpose, run, log, signal };
    const [database, broker] = await both(postgres(places, options), rabbitmq(places, options));
    return {
      database,
      broker,
      folder,
      stop,
      describe: () => describe(database, broker, folder),
      record: (process) => run.record(process),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function postgres(places: Places, options: StartOptions): Promise<DatabaseServer> {
  const { env, kept, user, secrets } = places;
  if (env.databaseUrl !== undefined) return givenPostgres(env.databaseUrl, options.purpose);
  const isLocal = env.postgresBin !== undefined || existsSync(path.join(options.folder, 'postgres'));
  const contained = await inContainer(isLocal, places, options, (engine) =>
    options.purpose === 'test'
      ? runTestPostgres(engine, secrets.postgres, options)
      : runPostgresContainer(engine, secrets.postgres, options),
  );
  if (contained !== undefined) return contained;
  const binaries = await findPostgres(env, kept, user);
  if (binaries === undefined) throw new StackError(WITHOUT_POSTGRES);
  return startPostgres(binaries, user, secrets.postgres, options);
}

async function rabbitmq(places: Places, options: StartOptions): Promise<BrokerServer> {
  const { env, kept, secrets } = places;
  if (env.amqpUrl !== undefined) return givenRabbitmq(env, env.amqpUrl);
  const isLocal = env.rabbitmqBin !== undefined || existsSync(path.join(options.folder, 'rabbitmq'));
  const contained = await inContainer(isLocal, places, options, (engine) =>
    options.purpose === 'test'
      ? runTestRabbitmq(engine, secrets.rabbitmq, options)
      : runRabbitmqContainer(engine, secrets.rabbitmq, options),
  );
  if (contained !== undefined) return contained;
  const scripts = await findRabbitmq(env, kept, options);
  if (scripts === undefined) throw new StackError(WITHOUT_RABBITMQ);
  return startRabbitmq(scripts, secrets, options);
}

/** Data that an earlier run keeps in local servers stays there, whether or not an engine answers today. */
async function inContainer<T>(
  isLocal: boolean,
  { engine }: Places,
  { log, signal }: StartOptions,
  start: (engine: string) => Promise<T>,
): Promise<T | undefined> {
  if (isLocal || engine === undefined) return undefined;
  try {
    return await start(engine);
  } catch (error) {
    signal?.throwIfAborted();
    log(`A container could not be used, looking for programs instead: ${reasonOf(error)}`);
    return undefined;
  }
}

/**
 * Waits for both even when one fails: nothing is still starting while everything is being stopped, and what keeps either
 * from starting is said at once.
 */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const settled = await Promise.allSettled([first, second]);
  const reasons = settled.flatMap((one): unknown[] => (one.status === 'rejected' ? [one.reason] : []));
  if (reasons.length > 1 && reasons.every((reason) => reason instanceof StackError)) {
    throw new StackError(reasons.map(({ message }) => message).join('\n\n'));
  }
  return Promise.all([first, second]);
}

function describe(database: DatabaseServer, broker: BrokerServer, folder: string): string[] {
  return [
    `Postgres ${database.version}: ${database.source}, ${placeOf(database.adminUrl)}`,
    `RabbitMQ ${broker.version}: ${broker.source}, ${placeOf(broker.amqpUrl)}`,
    `Folder: ${folder}`,
  ];
}

/** A URL without its credentials. */
function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
}

function once(action: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => (result ??= action());
}

const WITHOUT_POSTGRES = `No Postgres 15 or newer was found: not in QUARTERHOUR_DATABASE_URL, no container engine answers, \
and none runs on this machine. One of these helps:
  any system     npm ci                        (without --omit=optional: it brings Postgres)
  macOS          brew install postgresql@18    then QUARTERHOUR_PG_BIN="$(brew --prefix postgresql@18)/bin" npm start
  Debian/Ubuntu  sudo apt-get install postgresql
  containers     start Docker, then npm start again`;

const WITHOUT_RABBITMQ = `No RabbitMQ was found: not in QUARTERHOUR_AMQP_URL, no container engine answers, none is on this \
machine, and its packages could not be downloaded. One of these helps:
  macOS          brew install rabbitmq
  Debian/Ubuntu  sudo apt-get install --no-install-recommends rabbitmq-server
  containers     start Docker, then npm start again
  a server       QUARTERHOUR_AMQP_URL=amqp://user:password@host:5672/quarterhour npm start`;
