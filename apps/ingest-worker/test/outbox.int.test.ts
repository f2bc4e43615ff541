import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EXCHANGES, partnerVhost, VHOST } from '@quarterhour/contracts';
import { openDatabase, type Database } from '@quarterhour/db';
import { RegisterWatch } from '@quarterhour/ingestion';
import {
  ConfirmLostError,
  openBroker,
  PublishRefusedError,
  type AmqpDelivery,
  type Broker,
  type Publisher,
} from '@quarterhour/messaging';
import { createLogger, createMetrics, systemClock } from '@quarterhour/runtime';
import { anApiKey, anOrganisation, eventually, openTcpProxy, revokeApiKey, type TcpProxy } from '@quarterhour/testkit';
import { outboxMetrics } from '../src/outbox/metrics.js';
import { publishers } from '../src/outbox/publishers.js';
import { OutboxRelay } from '../src/outbox/relay.js';
import { OutboxWatch } from '../src/outbox/watch.js';
import { aKeyVhost } from './key-vhost.js';
import { aWorkerHouse, healthOf, type WorkerHouse } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };
const log = createLogger({ name: 'test', level: 'fatal' });
const EXCHANGE = 'outbox.test';

let house: WorkerHouse;
let broker: Broker;
let ingest: Database;
/** By queue. */
let received: Record<string, AmqpDelivery[]>;
const closings: (() => unknown)[] = [];

beforeAll(async () => {
  house = await aWorkerHouse();
  broker = await openBroker({ url: house.vhost.amqpUrl, applicationName: 'test', log });
  ingest = openDatabase({ url: house.database.ingestUrl, applicationName: 'test', maxConnections: 4 });
}, 60_000);

beforeEach(() => {
  received = {};
});

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
  await write('delete from app.outbox');
}, 30_000);

afterAll(async () => {
  await ingest.close();
  await broker.close();
  await house.close();
});

const write = (text: string, ...values: unknown[]) =>
  house.admin.transaction([], (trx) => trx.query<{ id: string }>({ text, values }));

interface Enqueued {
  readonly orgId?: string;
  readonly vhost?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly orderKey?: string;
  readonly messageId?: string;
}

const ENQUEUE = `
  insert into app.outbox (org_id, vhost, exchange, routing_key, order_key, message_id, body, created_at, next_try_at)
  values ($1::uuid, $2, $3, $4, $5, $6, $7::bytea, clock_timestamp(), clock_timestamp()) returning id::text as id`;

function enqueueStatement({
  orgId = house.organisation.id,
  vhost = VHOST,
  exchange = EXCHANGE,
  routingKey = 'one',
  orderKey = randomUUID(),
  messageId = randomUUID(),
}: Enqueued) {
  const body = Buffer.from(JSON.stringify({ messageId }));
  return { text: ENQUEUE, values: [orgId, vhost, exchange, routingKey, orderKey, messageId, body] };
}

/** @returns its message id */
async function enqueue(message: Enqueued = {}): Promise<string> {
  const messageId = message.messageId ?? randomUUID();
  const statement = enqueueStatement({ ...message, messageId });
  await house.admin.transaction([], (trx) => trx.query(statement));
  return messageId;
}

const waiting = () =>
  house.rows<{ message_id: string; attempts: number; trouble: string | null }>(
    'select message_id, attempts, trouble from app.outbox order by id',
  );

/** A queue of the test's own, and what has arrived there. */
async function aQueue(routingKey: string, at: Broker = broker): Promise<string> {
  const queue = `outbox.test.${routingKey}`;
  await at.declare({
    exchanges: [{ name: EXCHANGE, type: 'topic' }],
    queues: [{ name: queue }],
    bindings: [{ exchange: EXCHANGE, queue, routingKey }],
  });
  const arrived: AmqpDelivery[] = (received[queue] = []);
  const consumer = await at.consume({
    queue,
    prefetch: 1_000,
    onDelivery: (delivery, from) => {
      arrived.push(delivery);
      from.ack([delivery]);
    },
  });
  closings.push(() => consumer.close());
  return queue;
}

const idsIn = (queue: string) => (received[queue] ?? []).map(({ properties }) => properties.messageId);

interface Relaying {
  readonly relay: OutboxRelay;
  readonly watch: OutboxWatch;
  /** As if the process were gone: nothing more is published or written down. */
  stop(): Promise<void>;
}

/** A relay inside the test's process. */
async function aRelay(
  different: {
    publisherIn?: (vhost: string) => Publisher;
    db?: Database;
    lockUrl?: string;
  } = {},
): Promise<Relaying> {
  const stopping = new AbortController();
  const lockDb = openDatabase({
    url: different.lockUrl ?? house.database.ingestUrl,
    applicationName: 'relay',
    maxConnections: 1,
    answerTimeoutMs: 2_000,
  });
  const ctx = {
    lockDb,
    db: different.db ?? ingest,
    register: await RegisterWatch.open(ingest),
    publisherIn: different.publisherIn ?? publishers(broker, { publisherIn: () => null }),
    clock: systemClock,
    log,
    metrics: outboxMetrics(createMetrics()),
    stopping: stopping.signal,
  };
  const relay = new OutboxRelay(ctx);
  const watch = new OutboxWatch({ ...ctx, relay });
  const done = relay.run();
  const stop = async () => {
    stopping.abort();
    await done;
    await lockDb.close();
  };
  let isStopped: Promise<void> | null = null;
  const once = () => (isStopped ??= stop());
  closings.push(once);
  return { relay, watch, stop: once };
}

/** A publisher that does something before it asks the real one. */
function publishingWith(before: (messageId: string) => Promise<void> | void): (vhost: string) => Publisher {
  const real = broker.publisher({ sendWithinMs: 2_000 });
  closings.push(() => real.close());
  return () => ({
    ...real,
    publish: async (message) => {
      await before(message.messageId ?? '');
      await real.publish(message);
    },
    room: () => real.room(),
    close: () => real.close(),
  });
}

describe('what a transaction decided to have published', () => {
  test('is published once it is committed, under the id and with the bytes that it was given, and is gone', async () => {
    const queue = await aQueue('one');
    const { watch } = await aRelay();
    const id = await enqueue();
    await eventually(() => expect(idsIn(queue)).toEqual([id]));
    expect(received[queue]?.[0]).toMatchObject({
      exchange: EXCHANGE,
      routingKey: 'one',
      body: Buffer.from(JSON.stringify({ messageId: id })),
      properties: { contentType: 'application/json' },
    });
    await eventually(async () => expect(await waiting()).toEqual([]));
    await watch.look();
    expect(await watch.healthCheck.check()).toEqual({
      ok: true,
      detail: { relaysHere: true, depth: 0, lagSeconds: 0, troubles: {} },
    });
  });

  test('is not skipped when it commits after what has a higher id, and was published', async () => {
    const queue = await aQueue('one');
    await aRelay();
    const late = randomUUID();
    const early = await new Promise<string>((resolve, reject) => {
      house.admin
        .transaction([], async (trx) => {
          await trx.query(enqueueStatement({ messageId: late }));
          const id = await enqueue();
          await eventually(() => expect(idsIn(queue)).toEqual([id]));
          return id;
        })
        .then(resolve, reject);
    });
    await eventually(() => expect(idsIn(queue)).toEqual([early, late]));
    await eventually(async () => expect(await waiting()).toEqual([]));
  });

  test('comes in the order of its ids within one order, however much there is', async () => {
    const queue = await aQueue('one');
    const orders = ['a', 'b', 'c'];
    const ids: string[] = [];
    for (let n = 0; n < 250; n += 1) ids.push(await enqueue({ orderKey: orders[n % 3] ?? '' }));
    await aRelay();
    await eventually(() => expect(idsIn(queue)).toHaveLength(250), WITHIN);
    for (const place of [0, 1, 2]) {
      const ofOrder = ids.filter((_, n) => n % 3 === place);
      expect(idsIn(queue).filter((id) => ofOrder.includes(id ?? ''))).toEqual(ofOrder);
    }
    await eventually(async () => expect(await waiting()).toEqual([]));
  });
});

describe('a message that fails', () => {
  test('holds up its own order only, and is tried again', async () => {
    const queue = await aQueue('one');
    const refused = new Set<string>();
    const publisherIn = publishingWith((id) => {
      if (refused.has(id)) throw new PublishRefusedError('no room');
    });
    const [first, second, other] = [randomUUID(), randomUUID(), randomUUID()];
    refused.add(first);
    await enqueue({ orderKey: 'x', messageId: first });
    await enqueue({ orderKey: 'x', messageId: second });
    await enqueue({ orderKey: 'y', messageId: other });
    await aRelay({ publisherIn });
    await eventually(() => expect(idsIn(queue)).toEqual([other]));
    await eventually(async () =>
      expect(await waiting()).toEqual([
        { message_id: first, attempts: expect.any(Number), trouble: 'refused: no room' },
        { message_id: second, attempts: 0, trouble: null },
      ]),
    );
    await enqueue({ orderKey: 'x', messageId: randomUUID() });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(idsIn(queue)).toEqual([other]);
    refused.clear();
    await eventually(() => expect(idsIn(queue)).toHaveLength(4), WITHIN);
    expect(idsIn(queue).slice(0, 3)).toEqual([other, first, second]);
  }, 30_000);

  test('because no queue is bound for it stays, is alarmed about, and goes out once there is one', async () => {
    const { watch } = await aRelay();
    await broker.declare({ exchanges: [{ name: EXCHANGE, type: 'topic' }], queues: [], bindings: [] });
    const id = await enqueue({ routingKey: 'two' });
    await eventually(async () =>
      expect(await waiting()).toMatchObject([{ attempts: 1, trouble: expect.stringMatching(/^unroutable: /) }]),
    );
    await watch.look();
    expect(await watch.healthCheck.check()).toMatchObject({
      ok: false,
      detail: { depth: 1, troubles: { unroutable: 1 } },
    });
    const [{ wait } = { wait: 0 }] = await house.rows<{ wait: number }>(
      'select extract(epoch from next_try_at - now())::float8 as wait from app.outbox',
    );
    expect(wait).toBeGreaterThan(50);
    expect(wait).toBeLessThanOrEqual(60);

    const queue = await aQueue('two');
    await write('update app.outbox set next_try_at = now()');
    await eventually(() => expect(idsIn(queue)).toEqual([id]));
    await eventually(async () => expect(await waiting()).toEqual([]));
    await watch.look();
    expect((await watch.healthCheck.check()).ok).toBe(true);
  });

  test('because AMQP cannot express it stays, and stops nobody', async () => {
    const queue = await aQueue('one');
    await aRelay();
    await enqueue({ routingKey: 'ü'.repeat(200) });
    const fine = await enqueue();
    await eventually(() => expect(idsIn(queue)).toEqual([fine]));
    await enqueue({ vhost: 'somebody-elses' });
    await eventually(async () =>
      expect(await waiting()).toMatchObject([
        { trouble: expect.stringMatching(/^impossible: /) },
        { trouble: expect.stringMatching(/^impossible: /) },
      ]),
    );
  });

  test('because its confirm is lost goes out again, under the same id', async () => {
    const queue = await aQueue('one');
    let losses = 1;
    const real = broker.publisher();
    closings.push(() => real.close());
    const publisherIn = (): Publisher => ({
      room: () => real.room(),
      close: () => real.close(),
      publish: async (message) => {
        await real.publish(message);
        losses -= 1;
        if (losses >= 0) throw new ConfirmLostError('no confirm within 10 s');
      },
    });
    await aRelay({ publisherIn });
    const id = await enqueue();
    await eventually(() => expect(idsIn(queue)).toEqual([id, id]));
    await eventually(async () => expect(await waiting()).toEqual([]));
  });
});

describe('an organisation whose broker does not answer', () => {
  test('keeps nobody else waiting', async () => {
    const queue = await aQueue('one');
    const slow = await anOrganisation(house.admin);
    const stuck = randomUUID();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const publisherIn = publishingWith((id) => (id === stuck ? held : undefined));
    await aRelay({ publisherIn });
    await enqueue({ orgId: slow.id, messageId: stuck });
    const ids = [await enqueue(), await enqueue()];
    await eventually(() => expect(idsIn(queue)).toEqual(ids));
    release();
    await eventually(() => expect(idsIn(queue)).toEqual([...ids, stuck]));
  });
});

describe('a relay that dies', () => {
  test('between the confirm and the deletion has the message published again, under the same id', async () => {
    const queue = await aQueue('one');
    const neverCommits: Database['transaction'] = () => Promise.reject(new Error('gone'));
    const dying = await aRelay({ db: { ...ingest, transaction: neverCommits } });
    const id = await enqueue();
    await eventually(() => expect(idsIn(queue)).toEqual([id]));
    expect(await waiting()).toHaveLength(1);
    await dying.stop();
    await aRelay();
    await eventually(() => expect(idsIn(queue)).toEqual([id, id]));
    await eventually(async () => expect(await waiting()).toEqual([]));
  });

  test('as a process gives way within seconds, and leaves nothing behind', async () => {
    const queue = await aQueue('one');
    const first = await house.startWorker();
    await eventually(async () => expect(await relaysHere(first)).toBe(true), WITHIN);
    const second = await house.startWorker();
    const ids = [await enqueue()];
    await eventually(() => expect(idsIn(queue)).toEqual(ids));
    await eventually(async () => expect(await waiting()).toEqual([]));
    expect(await relaysHere(second)).toBe(false);
    await first.kill('SIGKILL');
    ids.push(await enqueue());
    await eventually(() => expect(idsIn(queue)).toEqual(ids), { withinMs: 5_000 });
    expect(await second.kill()).toEqual({ code: 0, signal: null });
    await eventually(async () => expect(await waiting()).toEqual([]));
  }, 60_000);

  async function relaysHere(worker: Parameters<typeof healthOf>[0]): Promise<unknown> {
    const answer = await fetch(new URL('/readyz', healthOf(worker)));
    const { checks }: { checks: { outbox?: { detail?: { relaysHere?: unknown } } } } = JSON.parse(await answer.text());
    return checks.outbox?.detail?.relaysHere;
  }
});

describe('two relays', () => {
  test('publish everything once between them', async () => {
    const queue = await aQueue('one');
    const relays = [await aRelay(), await aRelay()];
    const ids: string[] = [];
    for (let n = 0; n < 300; n += 1) ids.push(await enqueue({ orderKey: `${n % 7}` }));
    await eventually(async () => expect(await waiting()).toEqual([]), WITHIN);
    expect([...idsIn(queue)].sort()).toEqual([...ids].sort());
    expect(relays.filter(({ relay }) => relay.isLeading)).toHaveLength(1);
  }, 30_000);

  test('change places when the one that relays loses its database, and it publishes nothing by what it saw before', async () => {
    const queue = await aQueue('one');
    const proxy: TcpProxy = await openTcpProxy(house.database.ingestUrl);
    closings.push(() => proxy.close());
    const sent: string[] = [];
    const held = { release: (): void => undefined };
    const isHeld = new Promise<void>((resolve) => (held.release = resolve));
    const [first, second] = [randomUUID(), randomUUID()];
    const slowly = publishingWith(async (id) => {
      sent.push(id);
      if (id === first) await isHeld;
    });
    const losing = await aRelay({ publisherIn: slowly, lockUrl: proxy.url });
    await eventually(() => expect(losing.relay.isLeading).toBe(true));
    await enqueue({ orderKey: 'x', messageId: first });
    await enqueue({ orderKey: 'x', messageId: second });
    await eventually(() => expect(sent).toEqual([first]));
    await proxy.refuse();
    await eventually(() => expect(losing.relay.isLeading).toBe(false));
    const { relay } = await aRelay();
    await eventually(() => expect(relay.isLeading).toBe(true));
    await eventually(() => expect(idsIn(queue)).toEqual([first, second]));
    held.release();
    await eventually(() => expect(idsIn(queue)).toEqual([first, second, first]));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(sent).toEqual([first]);
  }, 30_000);
});

describe('a broker that is away', () => {
  test('is waited for, and what was not sent meanwhile is sent once', async () => {
    const queue = await aQueue('one');
    const proxy = await openTcpProxy(house.vhost.amqpUrl);
    closings.push(() => proxy.close());
    const far = await openBroker({ url: proxy.url, applicationName: 'relay', log });
    closings.push(() => far.close());
    const { watch } = await aRelay({ publisherIn: publishers(far, { publisherIn: () => null }) });
    const before = await enqueue();
    await eventually(() => expect(idsIn(queue)).toEqual([before]));
    await proxy.refuse();
    const ids = [await enqueue({ orderKey: 'x' }), await enqueue({ orderKey: 'x' })];
    await eventually(async () =>
      expect((await waiting())[0]).toMatchObject({ trouble: expect.stringMatching(/^(unreachable|unconfirmed): /) }),
    );
    await watch.look();
    expect((await watch.healthCheck.check()).ok).toBe(true);
    await proxy.restore();
    await eventually(() => expect(idsIn(queue)).toEqual([before, ...ids]), WITHIN);
  }, 40_000);
});

describe("a partner's virtual host", () => {
  test('is published into by the worker that consumes there, or waited for', async () => {
    const prefix = house.organisation.queuePrefix ?? '';
    const keyId = await anApiKey(house.admin, house.organisation);
    closings.push(() => revokeApiKey(house.admin, house.organisation, keyId));
    const worker = await house.startWorker();
    closings.push(() => worker.kill());
    const id = await enqueue({
      vhost: partnerVhost(keyId),
      exchange: EXCHANGES.vcp,
      routingKey: `${prefix}.event.execution`,
    });
    await eventually(async () =>
      expect(await waiting()).toMatchObject([{ trouble: expect.stringMatching(/^unreachable: /) }]),
    );
    const vhost = await aKeyVhost(house.vhost.api, keyId, prefix);
    closings.push(() => vhost.drop());
    const arrived: AmqpDelivery[] = [];
    await vhost.broker.consume({
      queue: `vcp.${prefix}.event.execution`,
      prefetch: 10,
      onDelivery: (delivery, from) => {
        arrived.push(delivery);
        from.ack([delivery]);
      },
    });
    await eventually(() => expect(arrived.map(({ properties }) => properties.messageId)).toEqual([id]), {
      withinMs: 30_000,
    });
    await eventually(async () => expect(await waiting()).toEqual([]));
  }, 60_000);

  test('that is nobody is not published into, and holds nobody up', async () => {
    const queue = await aQueue('one');
    await aRelay();
    await enqueue({ vhost: 'no-partner' });
    const id = await enqueue();
    await eventually(() => expect(idsIn(queue)).toEqual([id]));
    await eventually(async () =>
      expect(await waiting()).toMatchObject([{ trouble: expect.stringMatching(/^impossible: /) }]),
    );
  });

  test('that is gone with its key has nothing left for it, however late that was put in', async () => {
    const { admin, organisation } = house;
    const [live, ending, gone] = [
      await anApiKey(admin, organisation),
      await anApiKey(admin, organisation),
      await anApiKey(admin, organisation),
    ];
    await write('insert into app.partner_vhost (org_id, key_id) values ($1::uuid, $2::uuid)', organisation.id, ending);
    for (const keyId of [ending, gone]) await revokeApiKey(admin, organisation, keyId);
    closings.push(() => revokeApiKey(admin, organisation, live));
    await enqueue({ vhost: partnerVhost(gone), orderKey: 'x' });
    await enqueue({ vhost: partnerVhost(gone), orderKey: 'x' });
    await enqueue({ vhost: partnerVhost(gone), orderKey: 'y' });
    const kept = [await enqueue({ vhost: partnerVhost(live) }), await enqueue({ vhost: partnerVhost(ending) })];
    const { watch } = await aRelay();
    await eventually(async () =>
      expect((await waiting()).map(({ message_id: id, trouble }) => [id, trouble?.split(':')[0]])).toEqual(
        kept.map((id) => [id, 'unreachable']),
      ),
    );
    await watch.look();
    expect(await watch.healthCheck.check()).toMatchObject({ ok: true, detail: { depth: 2 } });
  });
});

describe('what is put in while an earlier message of its order has to wait', () => {
  test('is overtaken by nothing that comes later', async () => {
    const queue = await aQueue('waits');
    const order = { routingKey: 'waits', orderKey: 'waiting' };
    const first = await enqueue(order);
    await write(
      `update app.outbox set next_try_at = clock_timestamp() + interval '1 second' where message_id = $1`,
      first,
    );
    const second = await enqueue(order);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const third = await enqueue(order);
    await aRelay();
    await eventually(async () => {
      expect(idsIn(queue)).toHaveLength(3);
      expect(await waiting()).toEqual([]);
    }, WITHIN);
    expect(idsIn(queue)).toEqual([first, second, third]);
  });

  test('is sent at once when somebody says so', async () => {
    const queue = await aQueue('called');
    const { relay } = await aRelay();
    await eventually(() => {
      expect(relay.isLeading).toBe(true);
      return Promise.resolve();
    }, WITHIN);
    const took: number[] = [];
    for (let n = 1; n <= 20; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await enqueue({ routingKey: 'called' });
      const began = performance.now();
      relay.wake();
      await eventually(() => {
        expect(idsIn(queue)).toHaveLength(n);
        return Promise.resolve();
      }, WITHIN);
      took.push(performance.now() - began);
    }
    expect(took.sort((a, b) => a - b)[10]).toBeLessThan(150);
  });
});
