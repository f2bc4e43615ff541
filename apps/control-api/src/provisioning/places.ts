import {
  EXCHANGES,
  fanOutBinding,
  fanOutQueue,
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
  type Policy,
  type Topology,
} from '@quarterhour/contracts';
import { resumeIntake, stopIntake, type QueueStatus, type RabbitApi } from '@quarterhour/messaging';
import { CENTRAL_FAMILIES, STORED_FAMILIES } from './aims.js';

/*
 * What is done to the places of one partner on the broker: its queues in the central virtual host, and each key's virtual
 * host. Everything may be repeated, and begun anew after it was broken off anywhere.
 */

/** Limits of a virtual host that nobody gets into. */
const SHUT = { 'max-connections': 0 };
/** All permissions: our own processes declare, publish and consume. */
const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };

/**
 * How far a place got: it takes everything in; it took something in once; or it never did, so that nothing can be in it that
 * is to be stored.
 */
export type Made = 'open' | 'once' | 'never';

/** The place that is looked at, and what it is to be when it is open. */
export interface PlaceToBe {
  readonly vhost: string;
  readonly prefix: string;
  readonly topology: Topology;
  readonly policies: readonly Policy[];
}

/** A partner's central queues, when they are open. */
export function centralPlace(vhost: string, prefix: string): PlaceToBe {
  return { vhost, prefix, topology: partnerTopology(prefix), policies: [] };
}

/** A key's virtual host, when it is open. */
export function keyPlace(vhost: string, prefix: string): PlaceToBe {
  return { vhost, prefix, topology: partnerVhostTopology(prefix), policies: PARTNER_POLICIES };
}

/**
 * Looks how far a place got that may be there. The intake is bound last of all, after limits and permissions were given, which
 * are not looked at.
 */
export async function howMade(api: RabbitApi, { vhost, prefix, topology, policies }: PlaceToBe): Promise<Made> {
  const found = await api.exportDefinitions(vhost);
  const isBound = (wanted: Topology['bindings'][number]) => found.bindings.some((one) => isSame({ ...one }, wanted));
  const inbound = INBOUND_FAMILIES.map((family) => intakeOf(prefix, family));
  const isRefusing = refusalTopology(prefix).bindings.some(isBound);
  if (!isRefusing && !inbound.some(isBound)) return 'never';
  const hasPolicies = policies.every(({ name, definition }) =>
    found.policies.some((one) => one.name === name && isSame(one.definition, definition)),
  );
  return !isRefusing && hasPolicies && topology.bindings.every(isBound) ? 'open' : 'once';
}

/**
 * Of a place that never took anything in: takes away the queues that the broker was killed over, which hold nothing.
 *
 * @returns how many there were
 */
export async function dropStillborn(api: RabbitApi, { vhost, topology }: PlaceToBe): Promise<number> {
  const dropped = await Promise.all(
    topology.queues.map(async ({ name }) => {
      if (await api.isAnswering(vhost, name)) return false;
      await api.deleteQueue(vhost, name);
      return true;
    }),
  );
  return dropped.filter(Boolean).length;
}

/** What a place is made to be from what it is. */
interface Making {
  readonly made: Made;
  readonly refused: readonly InboundFamily[];
}

/** Makes sure that a partner's central queues are there, and which families are refused. */
export async function makeCentral(api: RabbitApi, place: PlaceToBe, { made, refused }: Making): Promise<void> {
  if (made === 'open' && refused.length === 0) return;
  const { vhost, prefix } = place;
  await declareAlive(api, place, made);
  await setIntake(api, { vhost, prefix, families: CENTRAL_FAMILIES, refused });
}

/** Makes sure that a key's virtual host is there with all that it holds, that `user` may use it, and what is refused. */
export async function makeVhost(
  api: RabbitApi,
  place: PlaceToBe,
  { made, refused, user }: Making & { readonly user: string },
): Promise<void> {
  if (made === 'open' && refused.length === 0) return;
  const { vhost, prefix } = place;
  await api.putVhost(vhost);
  await Promise.all([
    api.putVhostLimits(vhost, PARTNER_VHOST_LIMITS),
    api.putPermissions(vhost, user, EVERYTHING).then(() => declareAlive(api, place, made)),
  ]);
  await setIntake(api, { vhost, prefix, families: INBOUND_FAMILIES, refused });
}

/** Declares all but the intake; what does not answer is made anew. */
async function declareAlive(api: RabbitApi, place: PlaceToBe, made: Made): Promise<void> {
  const declare = () => api.declare(place.vhost, withoutIntake(place), place.policies);
  await declare();
  if (made === 'never' && (await dropStillborn(api, place)) > 0) await declare();
}

/** Bound last of all: nothing is taken that could not be kept. */
function withoutIntake({ topology, prefix }: PlaceToBe): Topology {
  const inbound = new Set([
    ...INBOUND_FAMILIES.map((family) => inboundQueue(prefix, family).name),
    fanOutQueue(prefix),
  ]);
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

/**
 * Takes a partner's queues out of the central virtual host, with whatever is in them. Unbound first: the broker confirms what
 * is on its way into a queue that is deleted.
 */
export async function removeCentral(api: RabbitApi, vhost: string, prefix: string): Promise<void> {
  await api.deleteBinding(vhost, fanOutBinding(prefix, QUEUES.fanOut));
  for (const binding of refusalTopology(prefix, CENTRAL_FAMILIES).bindings) await api.deleteBinding(vhost, binding);
  for (const family of CENTRAL_FAMILIES) await api.deleteQueue(vhost, inboundQueue(prefix, family).name);
  await api.deleteQueue(vhost, refusingQueue(prefix));
}

/** Lets nobody into a virtual host any more, ourselves included. Who is in it stays. */
export async function shutVhost(api: RabbitApi, vhost: string): Promise<void> {
  await api.putVhostLimits(vhost, SHUT);
}

/** Whether {@link shutVhost} was done, and not undone by {@link makeVhost}. */
export async function isShut(api: RabbitApi, vhost: string): Promise<boolean> {
  return (await api.getVhostLimits(vhost))['max-connections'] === SHUT['max-connections'];
}

/**
 * Removes a virtual host with all that is in it. A broker that was killed over this has it still, perhaps with queues that do not
 * answer, and has forgotten what `user` may do there: without that they cannot be deleted.
 */
export async function removeVhost(api: RabbitApi, vhost: string, user: string): Promise<void> {
  await api.putPermissions(vhost, user, EVERYTHING);
  await api.deleteVhost(vhost);
}

/** Ends the connections of everybody but `user` that the broker has counted. @returns how many there were */
export async function closeConnections(api: RabbitApi, vhost: string, user: string): Promise<number> {
  const others = (await api.listConnections(vhost)).filter((connection) => connection.user !== user);
  for (const { name } of others) await api.closeConnection(name, 'this virtual host is closed to you');
  return others.length;
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
