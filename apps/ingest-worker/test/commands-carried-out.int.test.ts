import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  outboundQueue,
  partnerCommandKey,
  partnerScheduleKey,
  vcpAlarmEvent,
  vcpExecutionEvent,
  type CommandSubject,
  type PlantCommand,
  type VcpAlarmEvent,
  type VcpExecutionEvent,
} from '@quarterhour/contracts';
import { openBroker, type Broker } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';
import {
  aCommandEnvelope,
  aDeviceCommand,
  aPlantGateway,
  aSchedule,
  aSetpoint,
  eventually,
  type PlantGateway,
} from '@quarterhour/testkit';
import { aCommandHouse, answer, type CommandHouse, type Partner } from './command-house.js';

const WITHIN = { withinMs: 20_000 };

let house: CommandHouse;
let partner: Partner;
let broker: Broker;
let gateway: PlantGateway;
/** What the plant was told, and what its partner heard, in order. */
const told: PlantCommand[] = [];
const executions: VcpExecutionEvent[] = [];
const alarms: VcpAlarmEvent[] = [];

beforeAll(async () => {
  house = await aCommandHouse();
  partner = await house.aPartner();
  const listen = (family: 'execution' | 'alarm', take: (event: unknown) => void) =>
    partner.vhost.broker.consume({
      queue: outboundQueue(partner.prefix, family).name,
      prefetch: 100,
      onDelivery: (delivery, consumer) => {
        take(JSON.parse(delivery.body.toString()));
        consumer.ack([delivery]);
      },
    });
  await listen('execution', (event) => executions.push(vcpExecutionEvent.parse(event)));
  await listen('alarm', (event) => alarms.push(vcpAlarmEvent.parse(event)));
  const log = createLogger({ name: 'test', level: 'fatal' });
  broker = await openBroker({ url: house.vhost.amqpUrl, applicationName: 'a gateway', log });
  await house.startWorker();
  gateway = await aPlantGateway(broker, [partner.plant.id], (command) => told.push(command));
}, 60_000);

afterAll(async () => {
  await gateway.close();
  await broker.close();
  await partner.vhost.drop();
  await house.close();
});

const at = (ms: number) => new Date(systemClock.nowMillis() + ms).toISOString();
const slot = (fromMs: number, toMs: number) => ({
  from: at(fromMs),
  to: at(toMs),
  targetPowerKw: 5,
  direction: 'EXPORT' as const,
  includeConsumption: true,
});

/** @returns its message id */
async function publish(routingKey: string, payload: object): Promise<string> {
  const envelope = partner.key.sign(aCommandEnvelope(partner.plant.id, payload));
  await partner.vhost.publish(routingKey, envelope);
  expect((await answer(partner, envelope.messageId)).payload).toMatchObject({ status: 'ACK' });
  return envelope.messageId;
}

const command = (subject: CommandSubject, payload: object) =>
  publish(partnerCommandKey(partner.prefix, subject), payload);

/** The one event that tells how a command ended. */
function end(messageId: string): Promise<VcpExecutionEvent['payload']> {
  return eventually(() => {
    const found = executions.filter(({ payload }) => payload.commandMessageId === messageId);
    expect(found).toHaveLength(1);
    const [event] = found;
    if (event === undefined) throw new Error('it has not ended');
    return event.payload;
  }, WITHIN);
}

const tellsOf = (kind: string) => eventually(() => expect(told.at(-1)?.kind).toBe(kind), WITHIN);

describe("a partner's commands, from its virtual host to its plant and back", () => {
  test.each<[CommandSubject, object, string]>([
    ['site-setpoint', aSetpoint(), 'setpoint'],
    ['device', aDeviceCommand(), 'device'],
    ['mode', { mode: 'PEAK_SHAVING' }, 'mode'],
    ['emergency', { action: 'RELEASE' }, 'emergency'],
  ])('%s is carried out, and the command log is complete', async (subject, payload, kind) => {
    const messageId = await command(subject, payload);
    expect(await end(messageId)).toMatchObject({ status: 'EXECUTED', executedAt: expect.stringMatching(/Z$/) });
    await tellsOf(kind);
    expect(
      await house.rows(
        `select status, ack_status, execution_reason, executed_at is not null as is_executed, relayed_at > received_at as is_told,
           answered_at > relayed_at as is_answered from app.command_log where message_id = $1`,
        messageId,
      ),
    ).toEqual([
      {
        status: 'EXECUTED',
        ack_status: 'ACK',
        execution_reason: null,
        is_executed: true,
        is_told: true,
        is_answered: true,
      },
    ]);
  });

  test('a message that comes again is answered again and carried out once', async () => {
    const envelope = partner.key.sign(aCommandEnvelope(partner.plant.id, aDeviceCommand({ powerKw: 77 })));
    const routingKey = partnerCommandKey(partner.prefix, 'device');
    for (let copy = 1; copy <= 3; copy += 1) {
      await partner.vhost.publish(routingKey, envelope);
      await answer(partner, envelope.messageId, copy);
    }
    expect(await end(envelope.messageId)).toMatchObject({ status: 'EXECUTED' });
    expect(told.filter(({ payload }) => payload['powerKw'] === 77)).toHaveLength(1);
  });

  test('a stop does away with what is to come, and the plant refuses until it is released', async () => {
    const toCome = await command('site-setpoint', aSetpoint({ validFrom: at(60_000) }));
    const stop = await command('emergency', { action: 'STOP' });
    expect(await end(toCome)).toMatchObject({ status: 'FAILED', reason: 'CANCELLED' });
    expect(await end(stop)).toMatchObject({ status: 'EXECUTED' });
    const refused = await command('site-setpoint', aSetpoint());
    expect(await end(refused)).toMatchObject({ status: 'FAILED', reason: expect.stringMatching(/^PLANT_REFUSED: /) });
    expect(await end(await command('emergency', { action: 'RELEASE' }))).toMatchObject({ status: 'EXECUTED' });
  });

  test('a schedule is followed slot by slot, and ends with its last', async () => {
    const payload = aSchedule({ slots: [slot(-1_000, 1_000), slot(1_000, 2_000)] });
    const messageId = await publish(partnerScheduleKey(partner.prefix, 'create'), payload);
    await eventually(
      () => expect(told.filter((one) => one.payload['scheduleId'] === payload.scheduleId)).toHaveLength(2),
      WITHIN,
    );
    expect(executions.filter((one) => one.payload.commandMessageId === messageId)).toEqual([]);
    expect(
      await house.rows(
        `select s.status from app.schedule_slot s join app.command_log c on c.id = s.schedule_id where c.message_id = $1`,
        messageId,
      ),
    ).toHaveLength(2);
    await house.admin.transaction([partner.organisation.id], (trx) =>
      trx.query({
        text: `update app.command_log set next_step_at = clock_timestamp() + interval '1 second' where message_id = $1`,
        values: [messageId],
      }),
    );
    expect(await end(messageId)).toMatchObject({ status: 'EXECUTED' });
  });

  test('a schedule that is cancelled while the plant follows it ends there first', async () => {
    const scheduleId = `plan-${randomUUID().slice(0, 8)}`;
    const created = await publish(
      partnerScheduleKey(partner.prefix, 'create'),
      aSchedule({ scheduleId, slots: [slot(-1_000, 600_000)] }),
    );
    const toldOfIt = () => told.filter(({ payload }) => payload['scheduleId'] === scheduleId);
    await eventually(() => expect(toldOfIt()).toHaveLength(1), WITHIN);
    const cancelled = await publish(partnerScheduleKey(partner.prefix, 'cancel'), { scheduleId });
    expect(await end(cancelled)).toMatchObject({ status: 'EXECUTED' });
    expect(await end(created)).toMatchObject({ status: 'FAILED', reason: 'CANCELLED' });
    expect(toldOfIt().at(-1)?.payload).toEqual({ scheduleId, cancelled: true });
  });

  test('a slot whose plant is away raises an alarm', async () => {
    gateway.isOnline = false;
    const payload = aSchedule({ slots: [slot(-1_000, 1_000)] });
    await publish(partnerScheduleKey(partner.prefix, 'create'), payload);
    await eventually(() => expect(alarms).toHaveLength(1), WITHIN);
    gateway.isOnline = true;
    expect(alarms[0]).toMatchObject({
      siteId: partner.plant.id,
      payload: { code: 'SCHEDULE_SLOT_MISSED', severity: 'WARNING', metadata: { scheduleId: payload.scheduleId } },
    });
  });
});
