import {
  EXCHANGES,
  INBOUND_FAMILIES,
  inboundQueue,
  keyIdOfVhost,
  OUTBOUND_FAMILIES,
  outboundQueue,
  PARTNER_POLICIES,
  PARTNER_VHOST_LIMITS,
  partnerTopology,
  partnerVhostTopology,
  QUEUES,
  QUORUM,
  refusalTopology,
  refusingQueue,
  type InboundFamily,
  type Topology,
} from '@quarterhour/contracts';
import { resumeIntake, stopIntake, type QueueStatus, type RabbitApi } from '@quarterhour/messaging';
import { CENTRAL_FAMILIES, STORED_FAMILIES } from './aims.js';

/*
 * What is done to the places of one partner on the broker: its queues in the central virtual host, and each key's virtual
 * host. Everything may be repeated, and begun anew after it was broken off anywhere.
 */

/** All permissions: our own processes declare, publish and consume. */
const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };

/** Makes sure that a partner's central queues are there, and which families are refused. */
export async function makeCentral(
  api: RabbitApi,
  vhost: string,
  prefix: string,
  refused: readonly InboundFamily[],
): Promise<void> {
  await api.declare(vhost, { ...partnerTopology(prefix), bindings: [] });
  await setIntake(api, { vhost, prefix, families: CENTRAL_FAMILIES, refused });
}

/** Makes sure that a key's virtual host is there with all that it holds, that `user` may use it, and what is refused. */
export async function makeVhost(
  api: RabbitApi,
  { vhost, prefix, user, refused }: { vhost: string; prefix: string; user: string; refused: readonly InboundFamily[] },
): Promise<void> {
  await api.putVhost(vhost);
  await Promise.all([
    api.putVhostLimits(vhost, PARTNER_VHOST_LIMITS),
    api.putPermissions(vhost, user, EVERYTHING),
    api.declare(vhost, withoutIntake(partnerVhostTopology(prefix), prefix), PARTNER_POLICIES),
  ]);
  await setIntake(api, { vhost, prefix, families: INBOUND_FAMILIES, refused });
}

/** Bound last of all: nothing is taken that could not be kept. */
function withoutIntake(topology: Topology, prefix: string): Topology {
  const inbound = new Set(INBOUND_FAMILIES.map((family) => inboundQueue(prefix, family).name));
  return { ...topology, bindings: topology.bindings.filter(({ queue }) => !inbound.has(queue)) };
}

interface Intake {
  readonly vhost: string;
  readonly prefix: string;
  /** Those whose queues are there. */
  readonly families: readonly InboundFamily[];
  readonly refused: readonly InboundFamily[];
}

async function setIntake(api: RabbitApi, { vhost, prefix, families, refused }: Intake): Promise<void> {
  const stopped = families.filter((family) => refused.includes(family));
  if (stopped.length === 0) return resumeIntake(api, vhost, prefix, families);
  await stopIntake(api, vhost, prefix, stopped);
  const open = families.filter((family) => !refused.includes(family));
  await api.declare(vhost, { exchanges: [], queues: [], bindings: open.map((family) => intakeOf(prefix, family)) });
  for (const binding of refusalTopology(prefix, open).bindings) await api.deleteBinding(vhost, binding);
}

function intakeOf(prefix: string, family: InboundFamily) {
  const { name: queue, routingKey } = inboundQueue(prefix, family);
  return { exchange: EXCHANGES.vcp, queue, routingKey };
}

/** Queues of a partner in the central virtual host that are there. */
export async function centralQueues(api: RabbitApi, vhost: string, prefix: string): Promise<QueueStatus[]> {
  const found = await Promise.all(
    CENTRAL_FAMILIES.map((family) => api.getQueue(vhost, inboundQueue(prefix, family).name)),
  );
  return found.filter((queue) => queue !== null);
}

/** Takes a partner's queues out of the central virtual host, with whatever is in them. */
export async function removeCentral(api: RabbitApi, vhost: string, prefix: string): Promise<void> {
  for (const family of CENTRAL_FAMILIES) await api.deleteQueue(vhost, inboundQueue(prefix, family).name);
  await api.deleteQueue(vhost, refusingQueue(prefix));
}

/** Ends the connections of everybody but `user`. */
export async function closeConnections(api: RabbitApi, vhost: string, user: string): Promise<void> {
  const connections = await api.listConnections(vhost);
  for (const { name } of connections.filter((connection) => connection.user !== user)) {
    await api.closeConnection(name, 'the API key has ended');
  }
}

/** What is in the queues of one place. */
export interface Holding {
  /** Messages that are still to be stored, unsettled ones included. */
  readonly toStore: number;
  /** Commands and schedules that nobody answered. */
  readonly unanswered: number;
  /** Messages to the partner that it has not taken. */
  readonly undelivered: number;
}

/** Adds up what queues hold, as the broker last sampled them. */
export function holdingOf(queues: readonly QueueStatus[], prefix: string): Holding {
  const held = (names: readonly string[]): number =>
    queues.filter(({ name }) => names.includes(name)).reduce((sum, { messages }) => sum + messages, 0);
  const inbound = (families: readonly InboundFamily[]) => families.map((family) => inboundQueue(prefix, family).name);
  return {
    toStore: held([...inbound(STORED_FAMILIES), QUEUES.dead]),
    unanswered: held(inbound(INBOUND_FAMILIES.filter((family) => !STORED_FAMILIES.includes(family)))),
    undelivered: held(OUTBOUND_FAMILIES.map((family) => outboundQueue(prefix, family).name)),
  };
}

/**
 * The same, where nothing seems left to be stored, after asking the queues themselves: no sample is young enough for what
 * cannot be undone.
 */
export async function confirmed(api: RabbitApi, vhost: string, prefix: string, holding: Holding): Promise<Holding> {
  if (holding.toStore > 0) return holding;
  const stored = STORED_FAMILIES.map((family) => inboundQueue(prefix, family).name);
  // In the central virtual host dead letters are everybody's.
  for (const queue of keyIdOfVhost(vhost) === null ? stored : [...stored, QUEUES.dead]) {
    if (await api.hasReady(vhost, queue)) return { ...holding, toStore: 1 };
  }
  return holding;
}

/** Sums. */
export function addedUp(holdings: readonly Holding[]): Holding {
  return holdings.reduce(
    (sum, one) => ({
      toStore: sum.toStore + one.toStore,
      unanswered: sum.unanswered + one.unanswered,
      undelivered: sum.undelivered + one.undelivered,
    }),
    { toStore: 0, unanswered: 0, undelivered: 0 },
  );
}

/** Names of the queues that are there with other arguments than declared: they cannot be changed, only made anew. */
export function mismatched(queues: readonly QueueStatus[], topology: Topology): string[] {
  return topology.queues
    .filter(({ name, arguments: wanted = QUORUM }) => {
      const found = queues.find((queue) => queue.name === name);
      return found !== undefined && !isSame(found.arguments, wanted);
    })
    .map(({ name }) => name);
}

function isSame(found: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): boolean {
  const names = new Set([...Object.keys(found), ...Object.keys(wanted)]);
  return [...names].every((name) => found[name] === wanted[name]);
}
