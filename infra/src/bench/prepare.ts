import { partnerTopology, staticTopology } from '@quarterhour/contracts';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { createDatabase, password, type Stack } from '../stack/index.js';
import type { Bench, Ticks } from './bench.js';
import { openCpuMeter } from './cpu.js';
import { fillDispatches, fillSamples } from './fill.js';
import { newFleet } from './fleet.js';
import type { Sizes } from './sizes.js';
import { openStore, type DispatchStore, type Store } from './store.js';
import { timed } from './timed.js';

const DAY_MS = 86_400_000;
const FULL_DATABASE = 'quarterhour_full';

interface BenchRequest {
  readonly stack: Stack;
  readonly sizes: Sizes;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Opens a bench on running servers. What a section needs is filled when it first asks. */
export async function prepareBench(request: BenchRequest): Promise<Bench & { close(): Promise<void> }> {
  const { stack, sizes, say } = request;
  const fleet = newFleet();
  const log = createLogger({ name: 'bench', level: 'error' });
  const broker = await openBroker({ url: stack.broker.amqpUrl, applicationName: 'bench', log });
  await broker.declare(staticTopology());
  await broker.declare(partnerTopology(fleet.organisation.queuePrefix));
  const rolePasswords = { ingest: password(), read: password(), control: password(), usage: password() };
  const epoch = yesterdayNoon();
  const opened: Store[] = [];
  const filled = async (name: string, url: string, samples: number): Promise<Store> => {
    const store = await openStore(name, url, rolePasswords, fleet);
    opened.push(store);
    const { plants } = fleet;
    say(`  filling the ${name} database ...`);
    const { result, seconds } = await timed(() => fillSamples(store, fleet, { plants, total: samples, before: epoch }));
    say(`  filled ${result.toLocaleString('en')} samples of ${plants.length} plants in ${seconds.toFixed(0)} s`);
    return store;
  };
  const small = once(() => filled('small', stack.database.adminUrl, sizes.fewSamples));
  const full = once(async () => {
    await createDatabase(stack.database.adminUrl, FULL_DATABASE);
    const url = new URL(stack.database.adminUrl);
    url.pathname = `/${FULL_DATABASE}`;
    return filled('full', url.href, sizes.manySamples);
  });
  const dispatches = once(async (): Promise<DispatchStore> => {
    const store = await full();
    const filling = await timed(() => fillDispatches(store, fleet, { total: sizes.dispatches, before: epoch }));
    say(`  filled ${filling.result.rows.toLocaleString('en')} dispatches in ${filling.seconds.toFixed(0)} s`);
    return { store, to: epoch, ...filling.result };
  });
  const cpu = await openCpuMeter(stack);
  if (typeof cpu === 'string') say(`Processor time is not measured: ${cpu}.`);
  return {
    ...request,
    fleet,
    broker,
    epoch,
    cpu,
    small,
    full,
    dispatches,
    nextTick: ticks(),
    close: async () => {
      await Promise.all([broker.close(), ...opened.map((store) => store.close())]);
    },
  };
}

/** The middle of a day: what is published next goes where the last of what is stored is, at whatever time this runs. */
function yesterdayNoon(): number {
  const now = systemClock.nowMillis();
  return now - (now % DAY_MS) - DAY_MS / 2;
}

function ticks(): Ticks {
  let next = 0;
  return (count) => {
    next += count;
    return next - count;
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
