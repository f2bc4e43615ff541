import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dispatchKey, EXCHANGES, partnerTelemetryKey, type StreamName } from '@quarterhour/contracts';
import { CommitUnknownError, loadRegister, openDatabase, type Database, type PlantRow } from '@quarterhour/db';
import { dispatchStream, plantTelemetryStream, Register, type Delivery, type Stream } from '@quarterhour/ingestion';
import { createLogger, systemClock } from '@quarterhour/runtime';
import {
  aDispatch,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  testDatabase,
  type TestDatabase,
} from '@quarterhour/testkit';
import fc from 'fast-check';
import { Alarm } from '../src/alarm.js';
import { Partitions } from '../src/partitions.js';
import { storeBatch } from '../src/store-batch.js';

const log = createLogger({ name: 'test', level: 'fatal' });

let server: TestDatabase;
let ingest: Database;
let prefix: string;
let plant: PlantRow;
let asset: string;
let register: Register;
let runs = 0;
let batchNo = 0;

beforeAll(async () => {
  server = await testDatabase();
  ingest = openDatabase({ url: server.ingestUrl, applicationName: 'test', maxConnections: 2 });
  const owner = await anOrganisation(server.admin);
  prefix = owner.queuePrefix ?? '';
  plant = await aPlant(server.admin, owner);
  asset = await anAsset(server.admin, owner);
  register = new Register(await loadRegister(ingest));
  await server.admin.transaction([], async (trx) => {
    await trx.query({ text: `alter table app.telemetry_realtime add check (operating_mode <> 'REFUSED')`, values: [] });
    await trx.query({ text: `alter table app.dispatch add check (source <> 'REFUSED')`, values: [] });
  });
});

afterAll(async () => {
  await ingest.close();
  await server.drop();
});

/** What may come: few ids and contents, so that copies, corrections and conflicts are many. */
const someDelivery = fc.record({
  kind: fc.constantFrom('good', 'good', 'good', 'refused', 'bad', 'parked'),
  id: fc.nat(5),
  content: fc.nat(2),
  redelivered: fc.boolean(),
});
type Some = typeof someDelivery extends fc.Arbitrary<infer T> ? T : never;

const someFate = fc.constantFrom('committed', 'committed', 'committed unheard', 'not committed');
const someBatches = fc.array(
  fc.record({ deliveries: fc.array(someDelivery, { minLength: 1, maxLength: 9 }), fate: someFate }),
  {
    minLength: 1,
    maxLength: 5,
  },
);

function uuid(run: number, id: number): string {
  return `00000000-0000-7000-8000-${String(run).padStart(6, '0')}${String(id).padStart(6, '0')}`;
}

function aCommand({ kind, id, content, redelivered }: Some, run: number): Delivery {
  const to = kind === 'parked' ? `NOBODY_${run}` : asset;
  const message = {
    ...aDispatch({ asset_id: to, event_id: uuid(run, id) }),
    target_power: { amount: content, unit: 'MW' },
    source: kind === 'refused' ? 'REFUSED' : 'optimiser',
  };
  const body = Buffer.from(kind === 'bad' ? `{"run":${run},"content":${content}` : JSON.stringify(message));
  const properties = { headers: {} };
  return { body, exchange: EXCHANGES.dispatch, routingKey: dispatchKey(to), queue: 'q', redelivered, properties };
}

function aSample({ kind, id, content, redelivered }: Some, run: number): Delivery {
  const siteId = kind === 'parked' ? `nowhere-${run}` : plant.id;
  const message = aRealtimeEnvelope({
    siteId,
    messageId: `${run} ${id} ${content}`,
    timestamp: new Date(Date.parse('2020-01-01T00:00:00Z') + OFFSET_MS + run * 1_000 + id).toISOString(),
    payload: { gridPowerKw: content, currentOperatingMode: kind === 'refused' ? 'REFUSED' : null },
  });
  const body = Buffer.from(kind === 'bad' ? `{"run":${run},"content":${content}` : JSON.stringify(message));
  const properties = { headers: {} };
  const routingKey = partnerTelemetryKey(prefix, 'realtime', siteId);
  return { body, exchange: EXCHANGES.vcp, routingKey, queue: 'q', redelivered, properties };
}

/** From 2020 to a day ago: within what is kept. */
const OFFSET_MS = Date.now() - Date.parse('2020-01-01T00:00:00Z') - 86_400_000;

type Transaction = Database['transaction'];

/** A database that loses the answer to its first commit, having done it or not. */
function withFate(fate: string): Database {
  let isFirst = true;
  const transaction: Transaction = async (organisations, work) => {
    const happens = !isFirst || fate !== 'not committed';
    const isHeard = !isFirst || fate === 'committed';
    isFirst = false;
    const result = happens ? await ingest.transaction(organisations, work) : null;
    if (!isHeard || result === null) throw new CommitUnknownError(new Error('connection reset'));
    return result;
  };
  return { ...ingest, transaction };
}

const rows = <R extends object>(text: string, ...values: unknown[]) =>
  server.admin.read([], (trx) => trx.query<R>({ text, values }));

async function number(text: string, ...values: unknown[]): Promise<number> {
  const [row] = await rows<{ n: number }>(`select (${text})::int as n`, ...values);
  return row?.n ?? 0;
}

async function takeIn<Fact>(
  stream: Stream<Fact>,
  worker: string,
  batches: readonly { deliveries: readonly Delivery[]; fate: string }[],
): Promise<Record<string, number>> {
  const told: Record<string, number> = {};
  for (const { deliveries, fate } of batches) {
    const ctx = {
      db: withFate(fate),
      log,
      clock: systemClock,
      partitions: new Partitions(ingest, systemClock),
      worker,
      nextBatchNo: () => (batchNo += 1),
      stopping: new AbortController().signal,
      alarm: new Alarm(systemClock, log, stream.name),
    };
    const nowMillis = systemClock.nowMillis();
    const outcomes = await storeBatch(
      ctx,
      stream,
      deliveries.map((one) => stream.receive(one, { register, nowMillis })),
    );
    for (const outcome of outcomes) told[outcome] = (told[outcome] ?? 0) + 1;
  }
  return told;
}

const countsOf = async (worker: string, stream: StreamName): Promise<Record<string, number>> => {
  const found = await rows<{ outcome: string; n: number }>(
    'select outcome, sum(n)::int as n from app.ingest_minute where worker = $1 and stream = $2 group by 1',
    worker,
    stream,
  );
  return Object.fromEntries(found.map(({ outcome, n }) => [outcome, n]));
};

const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, n) => sum + n, 0);

test('whatever comes, in whatever batches, the counts are the deliveries, and the outcomes are the rows', async () => {
  await fc.assert(
    fc.asyncProperty(someBatches, async (batches) => {
      const run = (runs += 1);
      const worker = `worker-${run}`;
      const sent = batches.reduce((sum, { deliveries }) => sum + deliveries.length, 0);
      const commands = batches.map(({ deliveries, fate }) => ({
        fate,
        deliveries: deliveries.map((one) => aCommand(one, run)),
      }));
      const samples = batches.map(({ deliveries, fate }) => ({
        fate,
        deliveries: deliveries.map((one) => aSample(one, run)),
      }));

      const ofCommands = await takeIn(dispatchStream, worker, commands);
      expect(total(ofCommands)).toBe(sent);
      expect(await countsOf(worker, 'dispatch')).toEqual(ofCommands);
      expect(
        await number(`select count(*) from app.dispatch where event_id::text like $1`, `${uuid(run, 0).slice(0, 30)}%`),
      ).toBe(ofCommands['stored'] ?? 0);

      const ofSamples = await takeIn(plantTelemetryStream, worker, samples);
      expect(total(ofSamples)).toBe(sent);
      expect(await countsOf(worker, 'plant-telemetry')).toEqual(ofSamples);
      const current = await number(`select count(*) from app.telemetry_realtime where message_id like $1`, `${run} %`);
      const past = await number(
        `select count(*) from app.telemetry_realtime_history where message_id like $1`,
        `${run} %`,
      );
      expect([current, past]).toEqual([ofSamples['stored'] ?? 0, ofSamples['revised'] ?? 0]);

      const aside = async (stream: StreamName) =>
        number('select count(*) from app.quarantine where worker = $1 and stream = $2', worker, stream);
      expect(await aside('dispatch')).toBe(ofCommands['quarantined'] ?? 0);
      expect(await aside('plant-telemetry')).toBe(ofSamples['quarantined'] ?? 0);
      const copies = await number(
        `select (select coalesce(sum(copies), 0) from app.receipt
                  where outcome <> 'quarantined' and message_id like $2)
              + (select coalesce(sum(copies), 0) from app.quarantine where worker = $1 and stream = 'dispatch')`,
        worker,
        `${uuid(run, 0).slice(0, 30)}%`,
      );
      expect(copies).toBe(sent);
    }),
    { numRuns: 40 },
  );
}, 90_000);
