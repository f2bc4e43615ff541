import { rm } from 'node:fs/promises';
import { readStackEnvironment } from '../environment.js';
import { StackError } from '../stack/errors.js';
import { chooseFolder, ephemeralFolder } from '../stack/folder.js';
import { findRabbitmq } from '../stack/find-rabbitmq.js';
import { startKeeper } from '../stack/keeper.js';
import { findPostgres } from '../stack/postgres-binaries.js';
import { clearEphemeralLeftovers, takeFolder } from '../stack/run-file.js';
import { secretsIn } from '../stack/secrets.js';
import { serverUser } from '../stack/server-user.js';
import type { StartOptions } from '../stack/stack.js';
import { PostgresServer } from './postgres-server.js';
import { RabbitmqCluster, type ClusterRequest } from './rabbitmq-cluster.js';

/** Private servers as processes of ours, so that they can be stopped and killed. What the environment names is not used. */
export interface Servers {
  readonly folder: string;
  readonly postgres: PostgresServer;
  readonly rabbitmq: RabbitmqCluster;
  /** Has a process of ours end with the servers, however this process ends. */
  record(pid: number, marks: readonly string[]): Promise<void>;
  /** Ends and removes everything. May be called twice. */
  stop(): Promise<void>;
}

export interface ServersRequest extends ClusterRequest {
  /** Where downloaded programs are kept, usually `.quarterhour` in the checkout. */
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Starts Postgres, with every durable setting on, and RabbitMQ. */
export async function startServers({ directory, log, signal, ...cluster }: ServersRequest): Promise<Servers> {
  const env = readStackEnvironment();
  const user = serverUser();
  const kept = (await chooseFolder(directory, user)).path;
  await clearEphemeralLeftovers();
  const folder = await ephemeralFolder(user);
  const run = await takeFolder(folder, log);
  const keeper = startKeeper(folder);
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= (async () => {
      await run.end();
      keeper.release();
      await rm(folder, { recursive: true, force: true });
    })());
  try {
    const secrets = await secretsIn(folder);
    const options: StartOptions = { folder, purpose: 'demo', run, log, signal };
    const binaries = await findPostgres(env, kept, user);
    if (binaries === undefined) throw new StackError('No Postgres 15 or newer was found: run npm ci.');
    const scripts = await findRabbitmq(env, kept, { log, signal });
    if (scripts === undefined) throw new StackError('No RabbitMQ was found: install rabbitmq-server.');
    const postgres = await PostgresServer.start(binaries, user, secrets.postgres, options);
    const rabbitmq = await RabbitmqCluster.start({ scripts, secrets, options }, cluster);
    log(
      `Postgres ${binaries.version} (${binaries.from}), RabbitMQ ${await rabbitmq.version} on ${rabbitmq.size} node(s)`,
    );
    return {
      folder,
      postgres,
      rabbitmq,
      record: (pid, marks) => run.record({ pid, marks, ending: [{ signal: 'SIGKILL', graceMs: 5_000 }] }),
      stop: async () => {
        for (let index = 0; index < rabbitmq.size; index += 1) rabbitmq.signal(index, 'SIGCONT');
        await postgres.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
