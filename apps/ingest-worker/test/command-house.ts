import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { outboundQueue, vcpAckEvent, type VcpAckEvent } from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import { createKeyRing, openKeyRing, type KeyRing } from '@quarterhour/runtime';
import {
  ALL_WRITE_SCOPES,
  anOrganisation,
  aPlant,
  aSigningKey,
  eventually,
  type SigningApiKey,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aKeyVhost, type KeyVhost } from './key-vhost.js';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };

/** An answer as its partner got it. */
export interface Ack {
  readonly event: VcpAckEvent;
  readonly body: string;
  readonly messageId: string | undefined;
}

/** A partner with a key, its virtual host and what it was answered there. */
export interface Partner {
  readonly organisation: OrganisationRow;
  readonly prefix: string;
  readonly plant: PlantRow;
  readonly key: SigningApiKey;
  readonly vhost: KeyVhost;
  readonly acks: Ack[];
}

/** A house whose workers can open signing keys, and partners that command. */
export interface CommandHouse extends WorkerHouse {
  readonly folder: string;
  /** The key ring of the workers. */
  readonly ringFile: string;
  aPartner(scopes?: readonly string[]): Promise<Partner>;
  /** A partner whose key is sealed under another ring than the workers have. */
  aStranger(): Promise<Partner>;
}

export async function aCommandHouse(): Promise<CommandHouse> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-commands-'));
  const ringFile = path.join(folder, 'key-ring.json');
  createKeyRing(ringFile);
  const keyRing = openKeyRing(ringFile);
  const house = await aWorkerHouse();
  const aPartner = async (ring: KeyRing, scopes: readonly string[]): Promise<Partner> => {
    const organisation = await anOrganisation(house.admin);
    const plant = await aPlant(house.admin, organisation);
    const key = await aSigningKey(house.admin, organisation, ring, { scopes });
    return inVhost(house, { organisation, prefix: organisation.queuePrefix ?? '', plant, key });
  };
  return {
    ...house,
    folder,
    ringFile,
    startWorker: (different = {}): Promise<StartedProcess> =>
      house.startWorker({ QUARTERHOUR_KEY_RING: ringFile, ...different }),
    aPartner: (scopes = ALL_WRITE_SCOPES) => aPartner(keyRing, scopes),
    aStranger() {
      const otherRing = path.join(folder, 'other-ring.json');
      createKeyRing(otherRing);
      return aPartner(openKeyRing(otherRing), ALL_WRITE_SCOPES);
    },
    async close() {
      await house.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function inVhost(house: WorkerHouse, one: Omit<Partner, 'vhost' | 'acks'>): Promise<Partner> {
  const vhost = await aKeyVhost(house.vhost.api, one.key.id, one.prefix);
  const acks: Ack[] = [];
  await vhost.broker.consume({
    queue: outboundQueue(one.prefix, 'status').name,
    prefetch: 100,
    onDelivery: (amqp, from) => {
      const body = amqp.body.toString();
      acks.push({ event: vcpAckEvent.parse(JSON.parse(body)), body, messageId: amqp.properties.messageId });
      from.ackUpTo(amqp);
    },
    onLost: () => undefined,
  });
  return { ...one, vhost, acks };
}

/** What a message was answered so far. */
export const answersTo = ({ acks }: Partner, messageId: string) =>
  acks.filter(({ event }) => event.payload.commandMessageId === messageId);

/** What the first answer to a message says, or the nth. */
export async function answer(to: Partner, messageId: string, nth = 1): Promise<VcpAckEvent> {
  await eventually(() => {
    const { length } = answersTo(to, messageId);
    if (length < nth) throw new Error(`${length} answers`);
    return Promise.resolve();
  }, WITHIN);
  const found = answersTo(to, messageId)[nth - 1];
  if (found === undefined) throw new Error('no answer');
  return found.event;
}
