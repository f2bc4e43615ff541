import { randomBytes } from 'node:crypto';
import { partnerVhost } from '@quarterhour/contracts';
import { createOrganisation, createPlant, enableTrading, insertApiKey, signingKeyPlace } from '@quarterhour/db';
import { rabbitApi } from '@quarterhour/messaging';
import { openKeyRing, sleep } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { keyRingFile } from '../../start-secrets.js';
import { startApp, type App } from '../app.js';
import type { Bench } from '../bench.js';
import { Child } from '../children/child.js';
import { percentile, ratios, short } from '../figures.js';
import type { Measurement } from '../judge.js';
import { openKeyVhost } from '../key-vhost.js';
import type { Store } from '../store.js';

const PARTNERS = 10;
const SAMPLES_PER_SECOND = 500;
/** A lane is stalled, and its worker warm, by then. */
const DROPPED_MS = 3_000;
const CONNECTED_WITHIN_MS = 30_000;
const ZONE = 'Europe/Berlin';

const measured = z.object({ expected: z.int(), told: z.array(z.object({ at: z.number(), millis: z.number() })) });
const readiness = z.object({
  checks: z.object({ partners: z.object({ detail: z.object({ keys: z.int(), keysConnected: z.int() }) }) }),
});

/** What nine partners notice of a tenth whose virtual host takes nothing: their telemetry, from plant to queue. */
export async function measureFanOut(bench: Bench): Promise<Measurement[]> {
  const store = await bench.small();
  const partners: Partner[] = [];
  for (let n = 0; n < PARTNERS; n += 1) partners.push(await aPartner(bench, store, n));
  const worker = await startApp(bench.stack, 'ingest-worker', (port) => ({
    QUARTERHOUR_INGEST_DATABASE_URL: store.ingestUrl,
    QUARTERHOUR_AMQP_URL: bench.stack.broker.amqpUrl,
    QUARTERHOUR_WORKER_HEALTH_PORT: String(port),
    QUARTERHOUR_KEY_RING: keyRingFile(bench.stack.folder),
  }));
  await worker.ready(bench.signal);
  await connected(worker, PARTNERS);
  const { rounds } = bench.sizes.latency;
  const [stalled] = partners;
  if (stalled === undefined) throw new Error('nobody to stall');
  await measureRounds(bench, partners, 1, 'warming up');
  const healthy = await measureRounds(bench, partners, rounds, 'all take part');
  await rabbitApi({ url: bench.stack.broker.apiUrl }).deleteVhost(stalled.vhost);
  const beside = await measureRounds(bench, partners, rounds, 'one takes nothing');
  await worker.end();
  const dropped = await droppedOf(store, stalled);
  bench.say(`  ${dropped.toLocaleString('en')} events of the one that takes nothing were counted as dropped`);
  if (dropped === 0) throw new Error('nothing was counted as dropped');
  return [{ goal: 'fan-out', values: ratios(beside, healthy) }];
}

/** @returns the 99th percentile of each round, in milliseconds, of the nine that are never stalled */
async function measureRounds(
  bench: Bench,
  partners: readonly Partner[],
  rounds: number,
  what: string,
): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const child = new Child('fan-out', {
      amqpUrl: bench.stack.broker.amqpUrl,
      partners: partners.map((partner, place) => ({ ...partner, reads: place > 0 })),
      perSecond: SAMPLES_PER_SECOND,
      seconds: bench.sizes.latency.seconds,
    });
    const { expected, told } = await child.next(measured);
    await child.end();
    if (told.length < expected) throw new Error(`${told.length} of ${expected} samples were told`);
    const millis = told.filter(({ at }) => at >= DROPPED_MS).map((one) => one.millis);
    const [p50, p99] = [50, 99].map((percent) => percentile(millis, percent));
    values.push(p99 ?? NaN);
    bench.say(`  ${what}: p50 ${short(p50 ?? NaN)}, p99 ${short(p99 ?? NaN)} ms from plant to partner`);
  }
  return values;
}

interface Partner {
  readonly orgId: string;
  readonly queuePrefix: string;
  readonly plantId: string;
  readonly vhost: string;
  readonly amqpUrl: string;
}

async function aPartner({ stack }: Bench, { admin }: Store, n: number): Promise<Partner> {
  const [orgId, plantId, id] = [uuidv7(), uuidv7(), uuidv7()];
  const queuePrefix = `fan-out-${n}`;
  const sealed = openKeyRing(keyRingFile(stack.folder)).seal(
    randomBytes(32).toString('hex'),
    signingKeyPlace(orgId, id),
  );
  await admin.transaction([orgId], async (trx) => {
    await createOrganisation(trx, { id: orgId, slug: queuePrefix, name: 'Partner', queuePrefix, marketZone: ZONE });
    await enableTrading(trx, orgId, uuidv7());
    const plant = { externalPlantId: null, name: 'Plant', timeZone: ZONE, marketZone: ZONE };
    await createPlant(trx, { id: plantId, orgId, ...plant });
    await insertApiKey(trx, {
      orgId,
      id,
      name: 'bench',
      keyPrefix: 'vcp_bench',
      keyDigest: randomBytes(32),
      sealedSigningKey: sealed,
      scopes: ['vcp:connect'],
      allowedIps: [],
      createdBy: 'bench',
      expiresAt: null,
    });
  });
  const amqpUrl = await openKeyVhost(stack, id, queuePrefix);
  return { orgId, queuePrefix, plantId, vhost: partnerVhost(id), amqpUrl };
}

async function connected({ port }: App, keys: number): Promise<void> {
  const answer = async () => readiness.parse(await (await fetch(`http://127.0.0.1:${port}/readyz`)).json());
  for (let waited = 0; waited < CONNECTED_WITHIN_MS; waited += 250) {
    const { detail } = (await answer()).checks.partners;
    if (detail.keys >= keys && detail.keysConnected === detail.keys) return;
    await sleep(250);
  }
  throw new Error('the worker does not get into every virtual host');
}

async function droppedOf({ admin }: Store, { orgId }: Partner): Promise<number> {
  const [row] = await admin.read([orgId], (trx) =>
    trx.query<{ n: number }>({
      text: 'select coalesce(sum(dropped), 0)::float8 as n from app.fan_out_drop where org_id = $1::uuid',
      values: [orgId],
    }),
  );
  return row?.n ?? 0;
}
