import { randomBytes } from 'node:crypto';
import { insertApiKey, signingKeyPlace } from '@quarterhour/db';
import { createLogger, openKeyRing, systemClock } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { PlantGateway, SimulatedPlant } from '../../demo/index.js';
import { keyRingFile } from '../../start-secrets.js';
import { startApp } from '../app.js';
import type { Bench } from '../bench.js';
import { Child } from '../children/child.js';
import { percentile, short } from '../figures.js';
import type { Measurement } from '../judge.js';
import { openKeyVhost } from '../key-vhost.js';
import type { Store } from '../store.js';

const COMMANDS_PER_SECOND = 200;
const SAMPLES_PER_SECOND = 2_000;
const DROPPED_MS = 2_000;

const answered = z.object({
  sent: z.int(),
  answers: z.array(z.object({ at: z.number(), millis: z.number(), isAck: z.boolean() })),
});

const DEVICE_ID = 'BAT-1';
const PLANT = { maxImportKw: 100, maxExportKw: 100, capacityKwh: 200, socMin: 0, socMax: 100, deviceId: DEVICE_ID };

/**
 * How long a partner waits for the answer to a signed command, while telemetry of the whole fleet comes in beside them, is told
 * to the partner, and the commands before are carried out; once the worker is warm.
 */
export async function measureCommands(bench: Bench): Promise<Measurement[]> {
  const store = await bench.small();
  const partner = await aPartner(bench, store);
  const worker = await startApp(bench.stack, 'ingest-worker', (port) => ({
    QUARTERHOUR_INGEST_DATABASE_URL: store.ingestUrl,
    QUARTERHOUR_AMQP_URL: bench.stack.broker.amqpUrl,
    QUARTERHOUR_WORKER_HEALTH_PORT: String(port),
    QUARTERHOUR_KEY_RING: keyRingFile(bench.stack.folder),
  }));
  await worker.ready(bench.signal);
  const plant = () => new SimulatedPlant(PLANT, () => 0, systemClock.nowMillis());
  const gateway = await PlantGateway.start({
    broker: bench.broker,
    plants: new Map(bench.fleet.plants.map((id) => [id, plant()])),
    clock: systemClock,
    log: createLogger({ name: 'gateway', level: 'error' }),
    measuresEveryMs: null,
  });
  await commandRound(bench, partner);
  const values: number[] = [];
  for (let round = 0; round < bench.sizes.latency.rounds; round += 1) {
    const millis = await commandRound(bench, partner);
    const [p50, p99, max] = [50, 99, 100].map((percent) => percentile(millis, percent));
    values.push(p99 ?? NaN);
    bench.say(
      `  ${millis.length.toLocaleString('en')} commands at ${COMMANDS_PER_SECOND}/s beside ` +
        `${SAMPLES_PER_SECOND.toLocaleString('en')} samples/s: p50 ${short(p50 ?? NaN)}, p99 ${short(p99 ?? NaN)}, ` +
        `max ${short(max ?? NaN)} ms until answered`,
    );
  }
  bench.say(`  decided ${await decided(store)} ms after they were made (p50, p99)`);
  await gateway.close();
  await worker.end();
  return [{ goal: 'commands', values }];
}

/** What of it the way into the database took. */
async function decided({ admin }: Store): Promise<string> {
  const [row] = await admin.read([], (trx) =>
    trx.query<{ ms: number[] }>({
      text: `select percentile_cont(array[0.5, 0.99]) within group (
               order by extract(epoch from received_at - published_at) * 1000) as ms from app.command_log`,
      values: [],
    }),
  );
  return (row?.ms ?? []).map(short).join(', ');
}

interface Partner {
  readonly amqpUrl: string;
  readonly signingKey: string;
}

/** A key of the fleet's owner, with its virtual host. */
async function aPartner({ stack, fleet }: Bench, { admin }: Store): Promise<Partner> {
  const { id: orgId, queuePrefix } = fleet.organisation;
  const id = uuidv7();
  const signingKey = randomBytes(32).toString('hex');
  const sealed = openKeyRing(keyRingFile(stack.folder)).seal(signingKey, signingKeyPlace(orgId, id));
  await admin.transaction([orgId], (trx) =>
    insertApiKey(trx, {
      orgId,
      id,
      name: 'bench',
      keyPrefix: 'vcp_bench',
      keyDigest: randomBytes(32),
      sealedSigningKey: sealed,
      scopes: ['vcp:connect', 'vcp:write:device-command'],
      allowedIps: [],
      createdBy: 'bench',
      expiresAt: null,
    }),
  );
  return { amqpUrl: await openKeyVhost(stack, id, queuePrefix), signingKey };
}

/** @returns milliseconds from publishing to the answer @throws Error when one was not answered, or not taken */
async function commandRound({ stack, fleet, sizes }: Bench, partner: Partner): Promise<number[]> {
  const { queuePrefix } = fleet.organisation;
  const { seconds } = sizes.latency;
  const samples = new Child('publisher', {
    amqpUrl: stack.broker.amqpUrl,
    queuePrefix,
    plants: fleet.plants,
    perSecond: SAMPLES_PER_SECOND,
    seconds,
  });
  const commands = new Child('commander', {
    ...partner,
    queuePrefix,
    plants: fleet.plants,
    deviceId: DEVICE_ID,
    perSecond: COMMANDS_PER_SECOND,
    seconds,
  });
  const { sent, answers } = await commands.next(answered);
  await samples.next(z.object({ sent: z.int() }));
  await Promise.all([samples.end(), commands.end()]);
  const taken = answers.filter(({ isAck }) => isAck).length;
  if (taken !== sent) throw new Error(`${taken} of ${sent} commands were taken, ${answers.length} answered`);
  return answers.filter(({ at }) => at >= DROPPED_MS).map(({ millis }) => millis);
}
