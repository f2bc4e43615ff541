import { randomBytes } from 'node:crypto';
import { partnerTopology } from '@quarterhour/contracts';
import { LOGIN_ROLES, migrate, openDatabase, type Database, type LoginRole, type RolePasswords } from '@quarterhour/db';
import { openBroker, type Broker, type RabbitApi } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { brokerDefinitions, createDatabase, dropDatabase } from '../stack/index.js';
import { Ledger } from './ledger.js';
import { registerOrganisations, type ChaosOrganisations } from './organisations.js';
import { Publishing } from './publishing.js';
import type { Servers } from './servers.js';
import { TcpProxy, rotated } from './tcp-proxy.js';
import { WorkerFleet } from './worker-fleet.js';

/** A database, a virtual host and partners of one run, with the ledger of what the partners sent. */
export interface Arena {
  readonly servers: Servers;
  /** The administrator's view: everything, whoever owns it. */
  readonly admin: Database;
  readonly adminUrl: string;
  readonly vhost: string;
  readonly api: RabbitApi;
  /** The partners' connection. */
  readonly broker: Broker;
  /** What it leads through. */
  readonly door: TcpProxy;
  readonly organisations: ChaosOrganisations;
  readonly ledger: Ledger;
  readonly publishing: Publishing;
  readonly seconds: () => number;
  startWorkers(workers: WorkersRequest): Promise<WorkerFleet>;
  /** Of the database, as one of our processes logs in. */
  databaseUrl(role: LoginRole): string;
  /** Has something ended before the arena is. */
  endsFirst(end: () => Promise<unknown>): void;
  /** Ends workers and connections, and drops the database and the virtual host. */
  close(): Promise<void>;
}

export interface WorkersRequest {
  readonly size: number;
  readonly entry: string;
  readonly nodeArguments?: readonly string[];
  readonly firstNodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ArenaRequest {
  /** Keeps the ledger for looking at it afterwards. */
  readonly ledgerFile?: string | null;
  /** Who publishes. Default: organisations whose trading is open, and whose queues are there. */
  readonly register?: (admin: Database) => Promise<ChaosOrganisations>;
}

const READY_WITHIN_MS = 60_000;

export async function openArena(
  servers: Servers,
  rolePasswords: RolePasswords,
  { ledgerFile = null, register }: ArenaRequest = {},
): Promise<Arena> {
  const name = `chaos_${randomBytes(6).toString('hex')}`;
  const closings: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const one of closings.splice(0).reverse()) await one();
  };
  try {
    const { postgres, rabbitmq } = servers;
    const adminUrl = await createDatabase(postgres.adminUrl, name);
    closings.push(() => dropDatabase(postgres.adminUrl, name));
    await migrate(adminUrl, { rolePasswords });
    const admin = openDatabase({
      url: adminUrl,
      applicationName: 'chaos',
      maxConnections: 4,
      statementTimeoutMs: 120_000,
    });
    closings.push(() => admin.close());
    const organisations = await (register ?? registerOrganisations)(admin);

    const api = rabbitmq.api(0);
    await api.putVhost(name);
    closings.push(() => api.deleteVhost(name));
    await api.putPermissions(name, rabbitmq.user, { configure: '.*', write: '.*', read: '.*' });
    await api.importDefinitions(name, brokerDefinitions(name));

    let turn = 0;
    const door = await TcpProxy.listen({ targets: () => rotated(rabbitmq.amqpPorts, (turn += 1)) });
    closings.push(() => door.close());
    const amqpUrl = `amqp://${rabbitmq.account}@127.0.0.1:${door.port}/${name}`;
    const log = createLogger({ name: 'chaos', level: 'fatal' });
    const broker = await openBroker({ url: amqpUrl, applicationName: 'chaos', log });
    closings.push(() => broker.close());
    if (register === undefined) {
      for (const { queuePrefix } of organisations) await broker.declare(partnerTopology(queuePrefix));
    }

    const ledger = new Ledger(ledgerFile);
    closings.push(() => ledger.close());
    const began = systemClock.monotonicMillis();
    const databaseUrl = (role: LoginRole): string => {
      const url = new URL(adminUrl);
      url.username = LOGIN_ROLES[role];
      url.password = rolePasswords[role];
      return url.href;
    };
    return {
      servers,
      admin,
      adminUrl,
      vhost: name,
      api,
      broker,
      door,
      organisations,
      ledger,
      publishing: new Publishing(broker, ledger),
      seconds: () => (systemClock.monotonicMillis() - began) / 1_000,
      async startWorkers(workers) {
        const fleet = await WorkerFleet.start({
          ...workers,
          databaseUrl: databaseUrl('ingest'),
          amqpUrl,
          databasePort: () => postgres.port,
          amqpPorts: () => rabbitmq.amqpPorts,
          folder: servers.folder,
          record: (pid, marks) => servers.record(pid, marks),
        });
        closings.push(() => fleet.stop());
        await fleet.ready(READY_WITHIN_MS);
        return fleet;
      },
      databaseUrl,
      endsFirst: (end) => closings.push(end),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
