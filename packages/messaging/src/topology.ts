import { QUORUM, type Topology } from '@quarterhour/contracts';
import type { Channel } from 'amqplib';
import type { Connection } from './connection.js';
import { BrokerUnreachableError, TopologyMismatchError } from './errors.js';
import { endsWithin, sleep } from './timing.js';

/** What waits in a queue. */
export interface QueueDepth {
  /** Messages that nobody has in hand. */
  readonly ready: number;
  readonly consumers: number;
}

interface Declaration {
  object: string;
  make: (channel: Channel) => Promise<unknown>;
}

const PRECONDITION_FAILED = 406;
const NOT_FOUND = 404;
const CLOSE_TIMEOUT_MS = 2_000;
const DEPTH_TIMEOUT_MS = 5_000;

/**
 * Declares exchanges, queues and bindings, in that order. What exists as declared is left alone; so is what exists
 * otherwise, and the rest is declared all the same.
 *
 * @throws TopologyMismatchError naming every object that exists otherwise
 * @throws the broker's error when it refuses for another reason
 */
export async function declareTopology(connection: Connection, topology: Topology): Promise<void> {
  const mismatches: { object: string; error: unknown }[] = [];
  let channel: Channel | null = null;
  try {
    for (const { object, make } of declarationsOf(topology)) {
      channel ??= await openQuietly(connection);
      try {
        await make(channel);
      } catch (error) {
        if (!hasCode(error, PRECONDITION_FAILED)) throw error;
        mismatches.push({ object, error });
        channel = null; // the broker closes a channel on which a declaration failed
      }
    }
  } finally {
    if (channel !== null) await endsWithin(CLOSE_TIMEOUT_MS, closed(channel));
  }
  const [first] = mismatches;
  if (first !== undefined) {
    throw new TopologyMismatchError(
      mismatches.map(({ object }) => object),
      { cause: first.error },
    );
  }
}

/** Takes bindings away; those that are not there already stay away. */
export async function removeBindings(connection: Connection, bindings: Topology['bindings']): Promise<void> {
  const channel = await openQuietly(connection);
  try {
    for (const { exchange, queue, routingKey } of bindings) await channel.unbindQueue(queue, exchange, routingKey);
  } finally {
    await endsWithin(CLOSE_TIMEOUT_MS, closed(channel));
  }
}

/**
 * Asks how much a queue holds. A queue that is missing costs the channel, which therefore is used for nothing else.
 *
 * @throws BrokerUnreachableError when no answer came in time
 */
export async function askDepth(connection: Connection, queue: string): Promise<QueueDepth | null> {
  const over = new AbortController();
  const overdue = sleep(DEPTH_TIMEOUT_MS, over.signal).then(() => {
    throw new BrokerUnreachableError(`no answer within ${DEPTH_TIMEOUT_MS / 1_000} s about queue "${queue}"`);
  });
  overdue.catch(() => undefined);
  try {
    return await Promise.race([depthOn(connection, queue), overdue]);
  } finally {
    over.abort();
  }
}

async function depthOn(connection: Connection, queue: string): Promise<QueueDepth | null> {
  const channel = await openQuietly(connection);
  try {
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    await endsWithin(CLOSE_TIMEOUT_MS, closed(channel));
    return { ready: messageCount, consumers: consumerCount };
  } catch (error) {
    if (hasCode(error, NOT_FOUND)) return null;
    throw error;
  }
}

function declarationsOf({ exchanges, queues, bindings }: Topology): Declaration[] {
  return [
    ...exchanges.map(({ name, type }) => ({
      object: `exchange "${name}"`,
      make: (channel: Channel) => channel.assertExchange(name, type, { durable: true }),
    })),
    ...queues.map(({ name, arguments: own = QUORUM }) => ({
      object: `queue "${name}"`,
      make: (channel: Channel) => channel.assertQueue(name, { durable: true, arguments: own }),
    })),
    ...bindings.map(({ exchange, queue, routingKey }) => ({
      object: `binding of queue "${queue}" to exchange "${exchange}" by "${routingKey}"`,
      make: (channel: Channel) => channel.bindQueue(queue, exchange, routingKey),
    })),
  ];
}

/** The failing call rejects by itself; the channel's own error event says the same once more. */
async function openQuietly(connection: Connection): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  return channel;
}

async function closed(channel: Channel): Promise<void> {
  await channel.close();
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
