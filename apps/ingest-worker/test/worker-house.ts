import { openDatabase, type Database, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { openBroker, type Broker, type Publisher } from '@quarterhour/messaging';
import {
  anAsset,
  anOrganisation,
  aPlant,
  eventually,
  startProcess,
  testDatabase,
  testVhost,
  type StartedProcess,
  type TestDatabase,
  type TestVhost,
} from '@quarterhour/testkit';
import { EXCHANGES, dispatchKey, partnerTelemetryKey } from '@quarterhour/contracts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A database, a virtual host and a registered partner, with as many built workers on them as a test starts. */
export interface WorkerHouse {
  readonly database: TestDatabase;
  readonly vhost: TestVhost;
  /** The administrator's view: everything, whoever owns it. */
  readonly admin: Database;
  readonly publisher: Publisher;
  readonly organisation: OrganisationRow;
  readonly plant: PlantRow;
  /** Id of an asset of the organisation. */
  readonly asset: string;
  /** Starts a worker and waits until it takes deliveries. */
  startWorker(different?: Readonly<Record<string, string>>): Promise<StartedProcess>;
  publishDispatch(message: { asset_id: string } | string | Buffer): Promise<void>;
  publishTelemetry(kind: 'realtime' | 'meter', message: object | string | Buffer): Promise<void>;
  rows<R extends object>(text: string, ...values: unknown[]): Promise<R[]>;
  /** Deliveries counted so far, by stream and outcome. */
  counts(): Promise<Record<string, number>>;
  /** Waits until at least so many deliveries are counted, whatever became of them. */
  settled(deliveries: number, withinMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function aWorkerHouse(): Promise<WorkerHouse> {
  const closings: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const one of closings.reverse()) await one();
  };
  const database = await testDatabase();
  closings.push(() => database.drop());
  const vhost = await testVhost();
  closings.push(() => vhost.drop());
  const admin = openDatabase({ url: database.adminUrl, applicationName: 'test', maxConnections: 2 });
  closings.push(() => admin.close());
  const broker: Broker = await openBroker({ url: vhost.amqpUrl, applicationName: 'test', log: quiet });
  closings.push(() => broker.close());
  const organisation = await anOrganisation(admin);
  const plant = await aPlant(admin, organisation);
  const asset = await anAsset(admin, organisation, { plantId: plant.id });
  const prefix = organisation.queuePrefix ?? '';
  const publisher = broker.publisher();
  const rows = <R extends object>(text: string, ...values: unknown[]) =>
    admin.read([], (trx) => trx.query<R>({ text, values }));

  return {
    database,
    vhost,
    admin,
    publisher,
    organisation,
    plant,
    asset,
    rows,
    close,
    async startWorker(different = {}) {
      const worker = await startProcess({
        entry: 'apps/ingest-worker/dist/main.js',
        env: {
          QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
          QUARTERHOUR_AMQP_URL: vhost.amqpUrl,
          QUARTERHOUR_WORKER_HEALTH_PORT: '0',
          QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes',
          ...different,
        },
      });
      closings.push(() => worker.kill('SIGKILL'));
      await worker.untilLine(/taking deliveries/, { withinMs: 20_000 });
      return worker;
    },
    publishDispatch: (message) =>
      publisher.publish({
        exchange: EXCHANGES.dispatch,
        routingKey: dispatchKey(typeof message === 'object' && 'asset_id' in message ? message.asset_id : asset),
        body: bytes(message),
      }),
    publishTelemetry: (kind, message) =>
      publisher.publish({
        exchange: EXCHANGES.vcp,
        routingKey: partnerTelemetryKey(prefix, kind, plant.id),
        body: bytes(message),
      }),
    async counts() {
      const found = await rows<{ key: string; n: string }>(
        `select stream || ' ' || outcome as key, sum(n)::text as n from app.ingest_minute group by 1`,
      );
      return Object.fromEntries(found.map(({ key, n }) => [key, Number(n)]));
    },
    async settled(deliveries, withinMs = 20_000) {
      await eventually(
        async () => {
          const [counted] = await rows<{ n: string }>('select coalesce(sum(n), 0)::text as n from app.ingest_minute');
          if (Number(counted?.n) < deliveries) throw new Error(`${counted?.n} of ${deliveries} deliveries are settled`);
        },
        { withinMs },
      );
    },
  };
}

/** Where a worker that takes deliveries tells how it is. */
export function healthOf(worker: StartedProcess): string {
  const line = worker.stdout.find((one) => one.includes('taking deliveries')) ?? '{}';
  const { health }: { health?: string } = JSON.parse(line);
  return health ?? '';
}

function bytes(message: object | string | Buffer): Buffer {
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
}
