import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  outboundQueue,
  partnerCommandKey,
  partnerScheduleKey,
  vcpAckEvent,
  type VcpAckEvent,
  type VcpEnvelope,
} from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import { createKeyRing, openKeyRing, type KeyRing } from '@quarterhour/runtime';
import {
  aCommandEnvelope,
  aDeviceCommand,
  ALL_WRITE_SCOPES,
  anOrganisation,
  aPlant,
  aSchedule,
  aSetpoint,
  aSigningKey,
  eventually,
  revokeApiKey,
  setTradingState,
  type SigningApiKey,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aKeyVhost, type KeyVhost } from './key-vhost.js';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };

let house: WorkerHouse;
let folder: string;
let keyRing: KeyRing;
let worker: StartedProcess;
let partner: Partner;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-commands-'));
  createKeyRing(path.join(folder, 'key-ring.json'));
  keyRing = openKeyRing(path.join(folder, 'key-ring.json'));
  house = await aWorkerHouse();
  partner = await aPartner();
  worker = await startWorker();
}, 60_000);
afterAll(async () => {
  await worker.kill();
  await partner.vhost.drop();
  await house.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => setTradingState(house.admin, partner.organisation, 'ENABLED'));
afterEach(() => partner.vhost.broker.depthOf(outboundQueue(partner.prefix, 'status').name));

const startWorker = (different: Readonly<Record<string, string>> = {}) =>
  house.startWorker({ QUARTERHOUR_KEY_RING: path.join(folder, 'key-ring.json'), ...different });

/** A partner with a key, its virtual host and what it was answered there. */
interface Partner {
  readonly organisation: OrganisationRow;
  readonly prefix: string;
  readonly plant: PlantRow;
  readonly key: SigningApiKey;
  readonly vhost: KeyVhost;
  readonly acks: { readonly event: VcpAckEvent; readonly body: string; readonly messageId: string | undefined }[];
}

async function aPartner(scopes: readonly string[] = ALL_WRITE_SCOPES): Promise<Partner> {
  const organisation = await anOrganisation(house.admin);
  const prefix = organisation.queuePrefix ?? '';
  const plant = await aPlant(house.admin, organisation);
  const key = await aSigningKey(house.admin, organisation, keyRing, { scopes });
  return inVhost({ organisation, prefix, plant, key });
}

async function inVhost(one: Omit<Partner, 'vhost' | 'acks'>): Promise<Partner> {
  const vhost = await aKeyVhost(house.vhost.api, one.key.id, one.prefix);
  const acks: Partner['acks'] = [];
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

const answersTo = ({ acks }: Partner, messageId: string) =>
  acks.filter(({ event }) => event.payload.commandMessageId === messageId);

/** What the first answer to a message says. */
async function answer(to: Partner, messageId: string, nth = 1): Promise<VcpAckEvent> {
  await eventually(() => {
    const { length } = answersTo(to, messageId);
    if (length < nth) throw new Error(`${length} answers`);
    return Promise.resolve();
  }, WITHIN);
  const found = answersTo(to, messageId)[nth - 1];
  if (found === undefined) throw new Error('no answer');
  return found.event;
}

const logged = (messageId: string) =>
  house.rows<Record<string, unknown>>(
    `select id, status, ack_status, rejection_reason, command_type, is_first, next_step_at is not null as is_due, plant_id,
       priority from app.command_log where message_id = $1 order by received_at, id`,
    messageId,
  );
const receipts = (messageId: string) =>
  house.rows<{ outcome: string; copies: number }>(
    'select outcome, copies from app.receipt where message_id = $1 order by first_received_at, outcome',
    messageId,
  );

const setpoint = (different: Partial<VcpEnvelope> = {}, payload = aSetpoint()) =>
  aCommandEnvelope(partner.plant.id, payload, different);
const device = (different: Partial<VcpEnvelope> = {}) =>
  aCommandEnvelope(partner.plant.id, aDeviceCommand(), different);

describe('a set-point', () => {
  test('is answered within the moment, kept with its receipt, and due', async () => {
    const { prefix, vhost, plant } = partner;
    const envelope = setpoint();
    await vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), envelope);
    const event = await answer(partner, envelope.messageId);
    expect(event).toMatchObject({
      version: '1.1',
      source: 'quarterhour',
      correlationId: envelope.correlationId,
      siteId: plant.id,
      payload: { commandMessageId: envelope.messageId, status: 'ACK' },
    });
    expect(event.payload.rejectionReason).toBeUndefined();
    expect(await logged(envelope.messageId)).toMatchObject([
      { status: 'PENDING', ack_status: 'ACK', command_type: 'SITE_SETPOINT', is_due: true, priority: 'NORMAL' },
    ]);
    expect(await receipts(envelope.messageId)).toEqual([{ outcome: 'stored', copies: 1 }]);
  });
});
