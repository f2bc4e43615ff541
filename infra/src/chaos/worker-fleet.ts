import path from 'node:path';
import { AckTrap } from './amqp-wire.js';
import { CommitReplyTrap } from './postgres-wire.js';
import { SupervisedProcess, type ProgramOptions } from './supervised-process.js';
import { TcpProxy, rotated } from './tcp-proxy.js';

/** How workers are run. */
export interface FleetOptions extends Pick<
  ProgramOptions,
  'entry' | 'nodeArguments' | 'firstNodeArguments' | 'record'
> {
  readonly size: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** The worker's role in the arena's database, and the arena's virtual host; hosts and ports are replaced by proxies'. */
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly databasePort: () => number;
  /** For logs. */
  readonly folder: string;
  /** Ports of the broker's nodes. */
  readonly amqpPorts: () => readonly number[];
}

/** Worker processes, each reaching its servers through proxies of its own, started again when they end. */
export class WorkerFleet {
  readonly workers: readonly SupervisedWorker[];

  private constructor(workers: readonly SupervisedWorker[]) {
    this.workers = workers;
  }

  static async start(options: FleetOptions): Promise<WorkerFleet> {
    const numbers = Array.from({ length: options.size }, (_, index) => index);
    return new WorkerFleet(await Promise.all(numbers.map((index) => SupervisedWorker.start(options, index))));
  }

  at(index: number): SupervisedWorker {
    const worker = this.workers[index % this.workers.length];
    if (worker === undefined) throw new RangeError('the fleet is empty');
    return worker;
  }

  /** Waits until all of them take deliveries. */
  async ready(withinMs: number): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.ready(withinMs)));
  }

  /** Ends them in order. @returns the exit status of each; null for one that had to be killed */
  async stop(): Promise<(number | null)[]> {
    return Promise.all(this.workers.map((worker) => worker.stop()));
  }
}

/** One place in the fleet: the process that fills it changes. */
export class SupervisedWorker extends SupervisedProcess {
  readonly database: TcpProxy;
  readonly broker: TcpProxy;
  readonly commitReplies: CommitReplyTrap;
  readonly acks: AckTrap;

  private constructor(
    program: ProgramOptions,
    ways: Pick<SupervisedWorker, 'database' | 'broker' | 'commitReplies' | 'acks'>,
  ) {
    super(program);
    this.database = ways.database;
    this.broker = ways.broker;
    this.commitReplies = ways.commitReplies;
    this.acks = ways.acks;
  }

  static async start(options: FleetOptions, index: number): Promise<SupervisedWorker> {
    const commitReplies = new CommitReplyTrap();
    const acks = new AckTrap();
    const database = await TcpProxy.listen({
      targets: () => [options.databasePort()],
      tap: () => commitReplies.tap(),
    });
    let turn = index;
    const broker = await TcpProxy.listen({
      targets: () => rotated(options.amqpPorts(), (turn += 1)),
      tap: () => acks.tap(),
    });
    const environment = {
      QUARTERHOUR_INGEST_DATABASE_URL: atPort(options.databaseUrl, database.port),
      QUARTERHOUR_AMQP_URL: atPort(options.amqpUrl, broker.port),
      QUARTERHOUR_WORKER_HEALTH_PORT: '0',
      QUARTERHOUR_WORKER_NAME: `chaos-${index + 1}`,
      ...options.environment,
    };
    const logFile = path.join(options.folder, `worker-${index + 1}.log`);
    const program = { ...options, environment, announces: 'taking deliveries', logFile };
    return new SupervisedWorker(program, { database, broker, commitReplies, acks });
  }

  override async stop(): Promise<number | null> {
    const status = await super.stop();
    await Promise.all([this.database.close(), this.broker.close()]);
    return status;
  }
}

function atPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
