import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { partnerCommandKey, partnerScheduleKey, type VcpEnvelope } from '@quarterhour/contracts';
import {
  aCommandEnvelope,
  aDeviceCommand,
  aPlant,
  aSchedule,
  aSetpoint,
  eventually,
  revokeApiKey,
  setTradingState,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aCommandHouse, answer, answersTo, type CommandHouse, type Partner } from './command-house.js';
import { healthOf } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };

let house: CommandHouse;
let worker: StartedProcess;
let partner: Partner;

beforeAll(async () => {
  house = await aCommandHouse();
  partner = await house.aPartner();
  worker = await house.startWorker();
}, 60_000);
afterAll(async () => {
  await worker.kill();
  await partner.vhost.drop();
  await house.close();
});
beforeEach(() => setTradingState(house.admin, partner.organisation, 'ENABLED'));

const logged = (messageId: string) =>
  house.rows<Record<string, unknown>>(
    `select id, status, ack_status, rejection_reason, command_type, is_first, next_step_at is not null as is_due, plant_id,
       priority from app.command_log where message_id = $1 order by received_at, id`,
    messageId,
  );
const receipts = (messageId: string) =>
  house.rows<{ outcome: string; copies: number }>(
    'select outcome, copies from app.receipt where message_id = $1 order by outcome',
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

  test('that is sent a thousand times is kept once and answered alike each time', async () => {
    const { prefix, vhost } = partner;
    const envelope = setpoint();
    const copies = 1_000;
    await Promise.all(
      Array.from({ length: copies }, () => vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), envelope)),
    );
    await answer(partner, envelope.messageId, copies);
    const all = answersTo(partner, envelope.messageId);
    expect(new Set(all.map(({ body }) => body)).size).toBe(1);
    expect(new Set(all.map(({ messageId }) => messageId)).size).toBe(1);
    expect(await logged(envelope.messageId)).toHaveLength(1);
    expect(await receipts(envelope.messageId)).toEqual([{ outcome: 'stored', copies }]);
  }, 60_000);

  test('that says something else under the same id is refused, and the first stands', async () => {
    const { prefix, vhost } = partner;
    const first = setpoint();
    const other = { ...first, payload: { ...first.payload, targetValueKw: 6 } };
    await vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), first);
    await vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), other);
    expect((await answer(partner, first.messageId, 2)).payload).toMatchObject({
      status: 'NACK',
      rejectionReason: expect.stringMatching(/^CONFLICT: /),
    });
    expect(await logged(first.messageId)).toMatchObject([
      { status: 'PENDING', is_first: true },
      { status: 'REJECTED', is_first: false, is_due: false },
    ]);
    expect(await receipts(first.messageId)).toEqual([
      { outcome: 'rejected', copies: 1 },
      { outcome: 'stored', copies: 1 },
    ]);
  });

  test('of another partner may have the same id', async () => {
    const other = await house.aPartner();
    await eventually(async () => expect(await consumersOf(other)).toBeGreaterThan(0), WITHIN);
    const envelope = setpoint();
    await partner.vhost.publish(partnerCommandKey(partner.prefix, 'site-setpoint'), envelope);
    await other.vhost.publish(partnerCommandKey(other.prefix, 'site-setpoint'), {
      ...envelope,
      siteId: other.plant.id,
    });
    expect((await answer(partner, envelope.messageId)).payload.status).toBe('ACK');
    expect((await answer(other, envelope.messageId)).payload.status).toBe('ACK');
    await drop(other);
  }, 40_000);

  test('is judged by the clock, also when the organisation knows things from a clock that was ahead', async () => {
    const ahead = await house.aPartner();
    const { organisation, plant, prefix, vhost } = ahead;
    await house.admin.transaction([organisation.id], (trx) =>
      trx.query({
        text: `update app.org_head set known_at = clock_timestamp() + interval '1 hour' where org_id = $1`,
        values: [organisation.id],
      }),
    );
    const validUntil = new Date(Date.now() + 1_800_000).toISOString();
    const envelope = aCommandEnvelope(plant.id, aSetpoint({ validUntil }));
    await vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), envelope);
    expect((await answer(ahead, envelope.messageId)).payload).toMatchObject({ status: 'ACK' });
    const due = await house.rows(
      `select next_step_at <= clock_timestamp() or relayed_at is not null as is_due, received_at > clock_timestamp() as is_stamped_later
         from app.command_log where message_id = $1`,
      envelope.messageId,
    );
    expect(due).toEqual([{ is_due: true, is_stamped_later: true }]);
    await drop(ahead);
  }, 40_000);

  test('for a site that was registered a moment ago is taken', async () => {
    const fresh = await aPlant(house.admin, partner.organisation);
    const envelope = aCommandEnvelope(fresh.id, aSetpoint());
    await partner.vhost.publish(partnerCommandKey(partner.prefix, 'site-setpoint'), envelope);
    expect((await answer(partner, envelope.messageId)).payload.status).toBe('ACK');
  });
});

describe('what is signed', () => {
  test('is taken, what is not is dropped, shown in its receipt, and takes no message id', async () => {
    const { prefix, vhost, key } = partner;
    const routingKey = partnerCommandKey(prefix, 'device');
    const unsigned = device();
    await vhost.publish(routingKey, unsigned);
    await vhost.publish(routingKey, { ...key.sign(unsigned), signature: 'A'.repeat(43) });
    await eventually(async () => expect(await receipts(unsigned.messageId)).toHaveLength(2), WITHIN);
    expect(await receipts(unsigned.messageId)).toEqual([
      { outcome: 'rejected', copies: 1 },
      { outcome: 'rejected', copies: 1 },
    ]);
    await vhost.publish(routingKey, key.sign(unsigned));
    expect((await answer(partner, unsigned.messageId)).payload.status).toBe('ACK');
    expect(answersTo(partner, unsigned.messageId)).toHaveLength(1);
    const reasons = (await logged(unsigned.messageId)).map(
      ({ rejection_reason: reason }) => String(reason).split(':')[0],
    );
    expect(reasons).toEqual(['UNSIGNED', 'SIGNATURE', 'null']);
  });

  test('under a routing key whose last word cannot be kept as it is, is taken all the same', async () => {
    const { prefix, vhost, key } = partner;
    const signed = key.sign(device());
    await vhost.publish(`${partnerCommandKey(prefix, 'device')}.\0`, signed);
    expect((await answer(partner, signed.messageId)).payload.status).toBe('ACK');
    expect(await house.rows('select routing_key from app.command_log where message_id = $1', signed.messageId)).toEqual(
      [{ routing_key: `${partnerCommandKey(prefix, 'device')}.\uFFFD` }],
    );
  });

  test('an unsigned change of mode leaves the queue and has no effect', async () => {
    const { prefix, vhost, plant } = partner;
    const envelope = aCommandEnvelope(plant.id, { mode: 'ECO' });
    await vhost.publish(partnerCommandKey(prefix, 'mode'), envelope);
    await eventually(async () => expect(await receipts(envelope.messageId)).toHaveLength(1), WITHIN);
    expect(await logged(envelope.messageId)).toMatchObject([{ status: 'REJECTED', ack_status: null, is_due: false }]);
    const depth = await vhost.broker.depthOf(`vcp.${prefix}.command`);
    expect(depth).toMatchObject({ ready: 0 });
  });

  test('a schedule is kept, and ends when it is cancelled', async () => {
    const { prefix, vhost, key, plant, organisation } = partner;
    const payload = aSchedule();
    const create = key.sign(aCommandEnvelope(plant.id, payload));
    await vhost.publish(partnerScheduleKey(prefix, 'create'), create);
    expect((await answer(partner, create.messageId)).payload.status).toBe('ACK');
    const cancel = key.sign(aCommandEnvelope(plant.id, { scheduleId: payload.scheduleId }));
    await vhost.publish(partnerScheduleKey(prefix, 'cancel'), cancel);
    expect((await answer(partner, cancel.messageId)).payload.status).toBe('ACK');
    const kept = await house.rows(
      `select s.schedule_id, jsonb_array_length(s.slots) as slots, c.message_id as cancelled_by
         from app.schedule s join app.command_log c on c.id = s.cancelled_by where s.org_id = $1`,
      organisation.id,
    );
    expect(kept).toEqual([{ schedule_id: payload.scheduleId, slots: 2, cancelled_by: cancel.messageId }]);
  });
});

describe('what is refused', () => {
  test.each([
    ['VERSION', () => ({ ...setpoint(), version: '1.0' })],
    ['SCHEMA', () => setpoint({ payload: { type: 'POWER' } })],
    ['UNKNOWN_SITE', () => setpoint({ siteId: 'nobody' })],
    ['STALE', () => setpoint({ timestamp: new Date(Date.now() - 360_000).toISOString() })],
    ['EXPIRED', () => setpoint({}, aSetpoint({ validUntil: new Date(Date.now() - 500).toISOString() }))],
  ])('as %s is answered, kept and never due', async (code, make) => {
    const envelope = make();
    await partner.vhost.publish(partnerCommandKey(partner.prefix, 'site-setpoint'), envelope);
    const { payload } = await answer(partner, envelope.messageId);
    expect(payload).toMatchObject({ status: 'NACK', rejectionReason: expect.stringMatching(new RegExp(`^${code}: `)) });
    expect(await logged(envelope.messageId)).toMatchObject([{ status: 'REJECTED', ack_status: 'NACK', is_due: false }]);
    expect(await receipts(envelope.messageId)).toEqual([{ outcome: 'rejected', copies: 1 }]);
  });

  test('because it cannot be read is set aside, and not to be replayed', async () => {
    await partner.vhost.publish(partnerCommandKey(partner.prefix, 'site-setpoint'), '{"messageId": 7}');
    const found = () =>
      house.rows<{ replayable: boolean; reason: string }>(
        `select replayable, reason from app.quarantine where stream = 'partner-command' and org_id = $1`,
        partner.organisation.id,
      );
    await eventually(async () => expect(await found()).toEqual([{ replayable: false, reason: 'schema' }]), WITHIN);
  });

  test('led past its routing key by a header is what its routing key says, and a copy', async () => {
    const { prefix, vhost } = partner;
    const envelope = setpoint();
    const headers = { CC: [partnerScheduleKey(prefix, 'create')] };
    await vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), envelope, { headers });
    await answer(partner, envelope.messageId, 2);
    expect(await logged(envelope.messageId)).toMatchObject([{ command_type: 'SITE_SETPOINT', status: 'PENDING' }]);
    expect(await receipts(envelope.messageId)).toEqual([{ outcome: 'stored', copies: 2 }]);
  });
});

describe('trading that is', () => {
  test.each(['PAUSED', 'DRAINING'] as const)('%s refuses everything but emergencies, at once', async (state) => {
    const { prefix, vhost, organisation, plant } = partner;
    await setTradingState(house.admin, organisation, state);
    const refused = setpoint();
    await vhost.publish(partnerCommandKey(prefix, 'site-setpoint'), refused);
    const emergency = aCommandEnvelope(plant.id, { action: 'STOP' });
    await vhost.publish(partnerCommandKey(prefix, 'emergency'), emergency);
    expect((await answer(partner, refused.messageId)).payload).toMatchObject({
      status: 'NACK',
      rejectionReason: expect.stringMatching(new RegExp(`^${state}: `)),
    });
    expect((await answer(partner, emergency.messageId)).payload.status).toBe('ACK');
    expect(await logged(emergency.messageId)).toMatchObject([
      { priority: 'EMERGENCY', status: 'PENDING', is_due: true },
    ]);
  });
});

describe('a key', () => {
  test('without the scope commands nothing, whatever the broker let through', async () => {
    const poor = await house.aPartner(['vcp:connect']);
    const envelope = aCommandEnvelope(poor.plant.id, aSetpoint());
    await poor.vhost.publish(partnerCommandKey(poor.prefix, 'site-setpoint'), envelope);
    expect((await answer(poor, envelope.messageId)).payload.rejectionReason).toMatch(/^NOT_ALLOWED: /);
    await drop(poor);
  }, 40_000);

  test('that is revoked commands nothing more', async () => {
    const leaving = await house.aPartner();
    await house.admin.transaction([leaving.organisation.id], (trx) =>
      trx.query({
        text: 'insert into app.partner_vhost (org_id, key_id, made_at) values ($1, $2, now())',
        values: [leaving.organisation.id, leaving.key.id],
      }),
    );
    await eventually(async () => expect(await consumersOf(leaving)).toBeGreaterThan(0), WITHIN);
    await revokeApiKey(house.admin, leaving.organisation, leaving.key.id);
    await eventually(async () => {
      const envelope = aCommandEnvelope(leaving.plant.id, aSetpoint());
      await leaving.vhost.publish(partnerCommandKey(leaving.prefix, 'site-setpoint'), envelope);
      expect((await answer(leaving, envelope.messageId)).payload.rejectionReason).toMatch(/^NOT_ALLOWED: /);
    }, WITHIN);
    await drop(leaving);
  }, 40_000);

  test('whose signing key cannot be opened keeps its commands where they are, and is told of', async () => {
    const sealed = await house.aStranger();
    const { prefix, plant, key } = sealed;
    const envelope = key.sign(aCommandEnvelope(plant.id, aDeviceCommand()));
    await sealed.vhost.publish(partnerCommandKey(prefix, 'device'), envelope);
    const health = async (): Promise<string> => (await fetch(new URL('/readyz', healthOf(worker)))).text();
    await eventually(async () => expect(await health()).toContain(`"partner-${key.id}":"SealedValueError"`), WITHIN);
    expect(await sealed.vhost.broker.depthOf(`vcp.${prefix}.command`)).toMatchObject({ ready: 1, consumers: 0 });
    expect(await logged(envelope.messageId)).toEqual([]);
    await drop(sealed);
  }, 40_000);

  test('whose signing key cannot be opened any more commands nothing until it can', async () => {
    const damaged = await house.aPartner();
    const { organisation, prefix, plant, key, vhost } = damaged;
    const seal = (text: string) =>
      house.admin.transaction([organisation.id], (trx) =>
        trx.query({ text: 'update app.api_key set signing_key = $2 where id = $1', values: [key.id, text] }),
      );
    await eventually(async () => expect(await consumersOf(damaged)).toBeGreaterThan(0), WITHIN);
    const [sealed] = await house.rows<{ signing_key: string }>(
      'select signing_key from app.api_key where id = $1',
      key.id,
    );
    await seal('v1.damaged');
    await eventually(async () => expect(await consumersOf(damaged)).toBe(0), WITHIN);
    const envelope = key.sign(aCommandEnvelope(plant.id, aDeviceCommand()));
    await vhost.publish(partnerCommandKey(prefix, 'device'), envelope);
    await seal(sealed?.signing_key ?? '');
    expect((await answer(damaged, envelope.messageId)).payload.status).toBe('ACK');
    await drop(damaged);
  }, 60_000);
});

async function drop({ vhost, organisation }: Partner): Promise<void> {
  await setTradingState(house.admin, organisation, 'DISABLED');
  await vhost.drop();
}

const consumersOf = async ({ vhost, prefix }: Partner) =>
  (await vhost.broker.depthOf(`vcp.${prefix}.command`))?.consumers ?? 0;
