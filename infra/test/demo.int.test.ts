import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLogger, systemClock } from '@quarterhour/runtime';
import {
  eventually,
  startProcess,
  testDatabase,
  testVhost,
  type TestDatabase,
  type TestVhost,
} from '@quarterhour/testkit';
import {
  demoMessages,
  newDemoState,
  seedDemo,
  seedDemoPeriods,
  type DemoMessage,
  type DemoState,
  type PlantIds,
} from '../src/demo/index.js';
import { homeForecasts } from '../src/demo/home.js';
import { replay } from '../src/demo/replay.js';

const log = createLogger({ name: 'test', level: 'fatal' });
const closings: (() => Promise<unknown>)[] = [];

let database: TestDatabase;
let vhost: TestVhost;
let state: DemoState;
let plants: PlantIds;

beforeEach(async () => {
  database = await testDatabase();
  closings.push(() => database.drop());
  vhost = await testVhost();
  closings.push(() => vhost.drop());
  state = newDemoState(systemClock);
  plants = await seedDemo(database.admin, state.organisationId);
  await seedDemoPeriods(database.admin, state);
});

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});

describe('the register of the demo', () => {
  test('is made once, however often it is asked for', async () => {
    const before = await registered();
    expect(await seedDemo(database.admin, state.organisationId)).toEqual(plants);
    await seedDemoPeriods(database.admin, state);
    expect(await registered()).toEqual(before);
    expect(before).toEqual({
      organisations: 1,
      plants: 3,
      assets: 499,
      specs: 499,
      sites: 1,
      inverters: 1,
      siteLimits: 31,
      inverterLimits: 31,
      forecasts: homeForecasts().length,
      reservations: 48,
      limits: 48 + 16 + 4,
    });
  });
});

describe('what is agreed about the periods of the demo', () => {
  test('is stored once: forecasts of the house, positions and limits of the battery from three sources', async () => {
    await seedDemoPeriods(database.admin, state);
    await seedDemoPeriods(database.admin, state);
    const [counted] = await database.admin.read([state.organisationId], (trx) =>
      trx.query({
        text: `select (select count(*) from app.forecast)::int as forecasts,
          (select count(*) from app.reservation)::int as reservations,
          (select count(distinct source) from app.period_limit)::int as sources,
          (select count(*) from app.forecast_history)::int as displaced`,
        values: [],
      }),
    );
    expect(counted).toEqual({ forecasts: 643, reservations: 48, sources: 3, displaced: 0 });
  });
});

describe('the replay', () => {
  test('that was broken off and begun again stores every fact once, and sets every bad message aside once', async () => {
    const messages = aPart(demoMessages(plants, state.shifts));
    const worker = await startWorker();
    await publish(messages.slice(0, 700));
    await worker.kill('SIGKILL');

    await startWorker();
    const published = await publish(messages);
    expect(published).toEqual({ confirmed: messages.length, withoutConfirm: 0 });

    await eventually(async () => expect(await settled()).toBeGreaterThanOrEqual(700 + messages.length), {
      withinMs: 20_000,
    });
    expect(await stored()).toEqual({
      dispatches: messages.filter(({ stream, fault }) => stream === 'dispatch' && fault === null).length,
      samples: messages.filter(({ stream, fault }) => stream === 'plant-telemetry' && fault === null).length,
      quarantined: messages.filter(({ fault }) => fault !== null).length,
    });
  });
});

/** Some of each set, the bad ones included, in the order of the whole. */
function aPart(messages: readonly DemoMessage[]): DemoMessage[] {
  return messages.filter(({ fault }, position) => fault !== null || position % 10 === 0);
}

function publish(messages: readonly DemoMessage[]) {
  const { signal } = new AbortController();
  return replay({ amqpUrl: vhost.amqpUrl, messages, log, signal, onProgress: () => undefined });
}

async function startWorker() {
  const worker = await startProcess({
    entry: 'apps/ingest-worker/dist/main.js',
    env: {
      QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
      QUARTERHOUR_AMQP_URL: vhost.amqpUrl,
      QUARTERHOUR_WORKER_HEALTH_PORT: '0',
      QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes',
    },
  });
  closings.push(() => worker.kill('SIGKILL'));
  await worker.untilLine(/taking deliveries/, { withinMs: 20_000 });
  return worker;
}

async function registered() {
  return {
    organisations: await count('select count(*)::int as n from app.organisation'),
    plants: await count('select count(*)::int as n from app.plant'),
    assets: await count('select count(*)::int as n from app.asset'),
    specs: await count('select count(*)::int as n from app.asset_spec'),
    sites: await count('select count(*)::int as n from app.connection_point'),
    inverters: await count('select count(*)::int as n from app.inverter'),
    siteLimits: await count('select count(*)::int as n from app.connection_point_limit'),
    inverterLimits: await count('select count(*)::int as n from app.inverter_limit'),
    forecasts: await count('select count(*)::int as n from app.forecast'),
    reservations: await count('select count(*)::int as n from app.reservation'),
    limits: await count('select count(*)::int as n from app.period_limit'),
  };
}

async function stored() {
  return {
    dispatches: await count('select count(*)::int as n from app.dispatch'),
    samples: await count('select count(*)::int as n from app.telemetry_realtime'),
    quarantined: await count('select count(*)::int as n from app.quarantine'),
  };
}

function settled(): Promise<number> {
  return count('select coalesce(sum(n), 0)::int as n from app.ingest_minute');
}

function count(text: string): Promise<number> {
  return database.admin.read([], async (trx) => {
    const [row] = await trx.query<{ n: number }>({ text, values: [] });
    return row?.n ?? 0;
  });
}
