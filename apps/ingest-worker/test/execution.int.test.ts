import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { VHOST, partnerVhost } from '@quarterhour/contracts';
import { RegisterWatch } from '@quarterhour/ingestion';
import { createMetrics } from '@quarterhour/runtime';
import { eventually, revokeApiKey, setTradingState } from '@quarterhour/testkit';
import { ExecutionWatch } from '../src/execution/watch.js';
import { anExecutionHouse, type ExecutionHouse } from './execution-house.js';

let house: ExecutionHouse;

beforeEach(async () => {
  house = await anExecutionHouse();
});

afterEach(() => house.close());

const ids = async () => (await house.toPlants()).map(({ message_id }) => message_id);
const events = async () => (await house.toPartners()).map(({ body }) => body.payload);
const isRelayed = (id: string) =>
  eventually(async () => expect(await house.command(id)).toMatchObject({ is_relayed: true }));
const endsAs = (id: string, status: string, reason: string | null) =>
  eventually(async () => expect(await house.command(id)).toMatchObject({ status, reason, is_done: true }));

describe('a command that was taken', () => {
  test('goes to the gateway of its plant at once, under an id of ours and in the order of its plant', async () => {
    await house.start();
    const id = await house.take({ priority: 'HIGH', validUntilMs: 60_000 });
    await isRelayed(id);
    const [told] = await house.toPlants();
    expect(told).toMatchObject({
      vhost: VHOST,
      routing_key: `command.${house.plant.id}`,
      order_key: `plant ${house.plant.id}`,
      message_id: id,
      body: { version: 1, commandId: id, plantId: house.plant.id, kind: 'setpoint', priority: 'HIGH' },
    });
    expect(told?.body.payload).toEqual({ type: 'POWER', targetValueKw: 10, direction: 'EXPORT' });
    expect(told?.body.validUntil).toMatch(/Z$/);
    expect(await house.toPartners()).toEqual([]);
  });

  test('whose validUntil is past by the clock of the database is EXPIRED, and no plant hears of it', async () => {
    await house.start();
    const id = await house.take({ validUntilMs: -1, receivedMs: -1_000, correlationId: 'mine' });
    await endsAs(id, 'EXPIRED', 'EXPIRED');
    expect(await house.toPlants()).toEqual([]);
    expect(await house.toPartners()).toMatchObject([
      {
        vhost: partnerVhost(house.keyId),
        routing_key: `${house.organisation.queuePrefix}.event.execution`,
        order_key: `key ${house.keyId} site ${house.plant.id}`,
        body: {
          correlationId: 'mine',
          siteId: house.plant.id,
          payload: { commandMessageId: `message-${id}`, status: 'EXPIRED', reason: 'EXPIRED' },
        },
      },
    ]);
  });

  test('whose validFrom is to come waits for it', async () => {
    await house.start();
    const id = await house.take({ validFromMs: 700 });
    await eventually(async () =>
      expect(await house.rows('select next_step_at = valid_from as waits from app.command_log')).toEqual([
        { waits: true },
      ]),
    );
    expect(await house.command(id)).toMatchObject({ status: 'PENDING', is_relayed: false });
    await isRelayed(id);
  });

  test('is FAILED with TIMEOUT when its plant speaks, but not of it; what was still on its way is taken back', async () => {
    const speaking = await house.take({ commandType: 'MODE_CHANGE', payload: { mode: 'AUTO' } });
    await house.hear();
    await house.start({ answerWithinMs: 300 });
    await endsAs(speaking, 'FAILED', 'TIMEOUT');
    expect(await house.toPlants()).toEqual([]);
    expect(await events()).toEqual([{ commandMessageId: `message-${speaking}`, status: 'FAILED', reason: 'TIMEOUT' }]);
  });

  test('is FAILED with PLANT_OFFLINE when nothing was heard of its plant', async () => {
    await house.start({ answerWithinMs: 100, silentAfterMs: 1_000 });
    const id = await house.take();
    await endsAs(id, 'FAILED', 'PLANT_OFFLINE');
  });

  test('is not carried out any more when trading is disabled, and nobody is told: there is no virtual host', async () => {
    await setTradingState(house.database.admin, house.organisation, 'DISABLED');
    await house.start();
    await endsAs(await house.take(), 'FAILED', 'CANCELLED');
    expect(await house.toPlants()).toEqual([]);
    expect(await house.toPartners()).toEqual([]);
  });

  test('before trading was disabled is not carried out when it is enabled again', async () => {
    const command = await house.take({ validFromMs: 300 });
    const schedule = await house.takeSchedule({ slots: [[300, 900]] });
    await setTradingState(house.database.admin, house.organisation, 'DISABLED');
    await setTradingState(house.database.admin, house.organisation, 'ENABLED');
    const after = await house.take();
    await house.start({ answerWithinMs: 200 });
    await isRelayed(after);
    await endsAs(command, 'FAILED', 'CANCELLED');
    await endsAs(schedule, 'FAILED', 'CANCELLED');
    expect(await ids()).not.toContain(command);
    expect((await house.slots(schedule)).filter(({ is_relayed: isTold }) => isTold)).toEqual([]);
  });

  test('whose slots had begun when trading was disabled ends with them when it is enabled again', async () => {
    const stop = await house.start({ answerWithinMs: 200 });
    const schedule = await house.takeSchedule({
      slots: [
        [0, 400],
        [800, 1_200],
      ],
    });
    const first = await eventually(async () => {
      const [slot] = await house.slots(schedule);
      if (slot?.is_relayed !== true) throw new Error('not told yet');
      return slot.command_id;
    });
    await house.answer(first);
    await stop();
    await setTradingState(house.database.admin, house.organisation, 'DISABLED');
    await setTradingState(house.database.admin, house.organisation, 'ENABLED');
    await house.start({ answerWithinMs: 200 });
    await endsAs(schedule, 'FAILED', 'CANCELLED');
    expect((await house.slots(schedule)).map(({ status, reason }) => reason ?? status)).toEqual([
      'EXECUTED',
      'CANCELLED',
    ]);
  });

  test('of a key that is gone is carried out, and nobody is told', async () => {
    await revokeApiKey(house.database.admin, house.organisation, house.keyId);
    await house.start();
    const id = await house.take();
    await isRelayed(id);
    expect(await house.answer(id)).toBe('stored');
    await endsAs(id, 'EXECUTED', null);
    expect(await house.toPartners()).toEqual([]);
  });
});

describe('commands that are due in the same moment', () => {
  test('go by emergency, priority and arrival, and the order in which they went is on record', async () => {
    const devices = ['A', 'B', 'C', 'D', 'E'];
    const device = (deviceId: string | undefined) => ({ deviceId, action: 'CHARGE', powerKw: 1 });
    const as = (n: number, priority: 'NORMAL' | 'HIGH', receivedMs: number) =>
      house.take({ commandType: 'DEVICE_COMMAND', payload: device(devices[n]), priority, receivedMs });
    const second = await as(0, 'NORMAL', -20_000);
    const first = await as(1, 'NORMAL', -30_000);
    const high = await as(2, 'HIGH', -10_000);
    const release = await house.take({ commandType: 'EMERGENCY', payload: { action: 'RELEASE' } });
    await house.start();
    await isRelayed(first);
    expect(await ids()).toEqual([release, high, first, second]);
    const relayed = await house.rows<{ id: string }>('select id from app.command_log order by relayed_at');
    expect(relayed.map(({ id }) => id)).toEqual([release, high, first, second]);
    expect((await house.toPlants())[0]).toMatchObject({
      order_key: `plant ${house.plant.id} emergency`,
      body: { kind: 'emergency', priority: 'EMERGENCY' },
    });
  });

  test.each([
    ['of equal priority', 'NORMAL', 'NORMAL', true],
    ['of a higher priority', 'NORMAL', 'HIGH', true],
    ['of a lower priority', 'HIGH', 'NORMAL', false],
  ] as const)(
    'are superseded by a later one, but not by one of a lower priority: a later set-point %s',
    async (_case, before, after, isSuperseded) => {
      const earlier = await house.take({ priority: before, receivedMs: -20_000 });
      const later = await house.take({ priority: after, receivedMs: -10_000 });
      await house.start();
      await isRelayed(later);
      if (isSuperseded) await endsAs(earlier, 'FAILED', 'SUPERSEDED');
      else await isRelayed(earlier);
    },
  );

  test('supersede nothing of another device, another aspect, another kind, or of a time to come', async () => {
    const device = (deviceId: string, action: string) => ({ deviceId, action, powerKw: 1, socMin: 10, socMax: 90 });
    const taken = [
      await house.take({ receivedMs: -60_000 }),
      await house.take({ commandType: 'MODE_CHANGE', payload: { mode: 'AUTO' }, receivedMs: -50_000 }),
      await house.take({ commandType: 'DEVICE_COMMAND', payload: device('A', 'SET_SOC_LIMITS'), receivedMs: -40_000 }),
      await house.take({ commandType: 'DEVICE_COMMAND', payload: device('B', 'CHARGE'), receivedMs: -30_000 }),
      await house.take({ commandType: 'DEVICE_COMMAND', payload: device('A', 'CHARGE'), receivedMs: -20_000 }),
    ];
    const toCome = await house.take({ receivedMs: -70_000, validFromMs: 60_000 });
    const superseded = await house.take({
      commandType: 'DEVICE_COMMAND',
      payload: device('A', 'HOLD'),
      receivedMs: -25_000,
    });
    await house.start();
    await endsAs(superseded, 'FAILED', 'SUPERSEDED');
    for (const id of taken) expect(await house.command(id)).toMatchObject({ status: 'PENDING', is_relayed: true });
    expect(await house.command(toCome)).toMatchObject({ status: 'PENDING', is_relayed: false, is_done: false });
  });
});

describe('an emergency stop', () => {
  test('does away with what its site has not been told yet, whenever that is due, and with nothing that comes after', async () => {
    const toCome = await house.take({ validFromMs: 60_000, receivedMs: -30 });
    const due = await house.take({ receivedMs: -20 });
    const stop = await house.take({
      commandType: 'EMERGENCY',
      payload: { action: 'STOP' },
      receivedMs: -10,
    });
    const after = await house.take();
    await house.start();
    await endsAs(due, 'FAILED', 'CANCELLED');
    await endsAs(toCome, 'FAILED', 'CANCELLED');
    await isRelayed(after);
    expect(await ids()).toEqual([stop, after]);
    expect(await events()).toHaveLength(2);
  });

  test('does away with what came before it in the same batch, and with nothing that came after it', async () => {
    const [first = '', second = '', third = ''] = [1, 2, 3].map((n) => `0190a000-0000-7000-8000-00000000000${n}`);
    await house.take({ id: first, dueMs: 60_000 });
    await house.take({ id: second, commandType: 'EMERGENCY', payload: { action: 'STOP' }, dueMs: 60_000 });
    await house.take({ id: third, dueMs: 60_000 });
    await house.write(
      `update app.command_log set received_at = '2026-01-15T10:00:00Z', next_step_at = clock_timestamp()`,
    );
    await house.start();
    await endsAs(first, 'FAILED', 'CANCELLED');
    await isRelayed(third);
    expect(await ids()).toEqual([second, third]);
  });

  test('of a device leaves the others alone', async () => {
    const device = (deviceId: string) => ({ deviceId, action: 'CHARGE', powerKw: 1 });
    const stopped = await house.take({ commandType: 'DEVICE_COMMAND', payload: device('A'), receivedMs: -30 });
    const other = await house.take({ commandType: 'DEVICE_COMMAND', payload: device('B'), receivedMs: -20 });
    await house.take({ commandType: 'EMERGENCY', payload: { action: 'STOP', deviceId: 'A' } });
    await house.start();
    await endsAs(stopped, 'FAILED', 'CANCELLED');
    await isRelayed(other);
  });
});

describe('an answer of a plant', () => {
  const handedOver = async () => {
    const id = await house.take();
    await isRelayed(id);
    return id;
  };

  test('ends its command, and its partner is told once, however often the answer comes', async () => {
    await house.start();
    const id = await handedOver();
    const executedAt = new Date().toISOString();
    expect(await house.answer(id, { executedAt })).toBe('stored');
    expect(await house.answer(id, { executedAt })).toBe('duplicate');
    expect(await house.answer(id)).toBe('duplicate');
    await endsAs(id, 'EXECUTED', null);
    expect(await events()).toEqual([{ commandMessageId: `message-${id}`, status: 'EXECUTED', executedAt }]);
    expect(await house.rows(`select outcome, copies from app.receipt order by copies desc`)).toMatchObject([
      { outcome: 'stored', copies: 2 },
      { outcome: 'duplicate', copies: 1 },
    ]);
  });

  test('that refuses says why', async () => {
    await house.start();
    const id = await handedOver();
    expect(await house.answer(id, { outcome: 'FAILED', reason: 'beyond its limits' })).toBe('stored');
    await endsAs(id, 'FAILED', 'PLANT_REFUSED: beyond its limits');
    expect(await events()).toMatchObject([{ status: 'FAILED', reason: 'PLANT_REFUSED: beyond its limits' }]);
  });

  test('that contradicts the last word is set aside', async () => {
    await house.start();
    const id = await handedOver();
    await house.answer(id, { outcome: 'FAILED' });
    expect(await house.answer(id)).toBe('quarantined');
    await endsAs(id, 'FAILED', 'PLANT_REFUSED');
    expect(await house.rows('select stream, reason from app.quarantine')).toEqual([
      { stream: 'command-answer', reason: 'conflict' },
    ]);
    expect(await events()).toHaveLength(1);
  });

  test('that comes after the time was up counts, and keeps the reason for which it was given up', async () => {
    await house.start({ answerWithinMs: 100 });
    const id = await handedOver();
    await endsAs(id, 'FAILED', 'PLANT_OFFLINE');
    expect(await house.answer(id)).toBe('revised');
    await endsAs(id, 'EXECUTED', 'PLANT_OFFLINE');
    expect(await events()).toMatchObject([{ status: 'FAILED' }, { status: 'EXECUTED', reason: 'PLANT_OFFLINE' }]);
    expect(await house.answer(id, { outcome: 'FAILED' })).toBe('quarantined');
  });

  test('about a command of another plant, of nobody, or that no plant was told of, is set aside', async () => {
    const notTold = await house.take();
    expect(await house.answer(notTold)).toBe('quarantined');
    expect(await house.answer('00000000-0000-4000-8000-000000000000')).toBe('quarantined');
    await house.start();
    await isRelayed(notTold);
    expect(await house.answer(notTold, { plantId: '00000000-0000-4000-8000-000000000000' })).toBe('quarantined');
    expect(await house.command(notTold)).toMatchObject({ status: 'PENDING' });
  });

  test('from a clock that is far ahead is implausible', async () => {
    await house.start();
    const id = await handedOver();
    expect(await house.answer(id, { executedAt: new Date(Date.now() + 3_600_000).toISOString() })).toBe('quarantined');
  });
});

describe('a schedule', () => {
  const slotStates = async (id: string) => (await house.slots(id)).map(({ status, reason }) => reason ?? status);
  const firstTold = (id: string) =>
    eventually(async () => {
      const [slot] = await house.slots(id);
      if (slot?.is_relayed !== true) throw new Error('not told yet');
      return slot.command_id;
    });

  test('tells the plant of each slot when it begins, and is EXECUTED when the plant carried out all of them', async () => {
    await house.start({ answerWithinMs: 200 });
    const id = await house.takeSchedule({
      name: 'tomorrow',
      priority: 'HIGH',
      slots: [
        [-100, 600],
        [600, 1_000],
      ],
    });
    const first = await firstTold(id);
    expect((await house.slots(id))[1]).toMatchObject({ is_relayed: false });
    expect((await house.toPlants())[0]).toMatchObject({
      message_id: first,
      body: {
        kind: 'schedule-slot',
        priority: 'HIGH',
        payload: { scheduleId: 'tomorrow', targetPowerKw: 5, direction: 'EXPORT' },
      },
    });
    expect(await house.answer(first)).toBe('stored');
    const second = await eventually(async () => {
      const slot = (await house.slots(id))[1];
      if (slot?.is_relayed !== true) throw new Error('not told yet');
      return slot.command_id;
    });
    expect(await house.answer(second)).toBe('stored');
    await endsAs(id, 'EXECUTED', null);
    expect(await events()).toMatchObject([{ commandMessageId: `message-${id}`, status: 'EXECUTED' }]);
  });

  test('tells a plant that does not answer again, and raises an alarm when the slot is over', async () => {
    await house.start({ answerWithinMs: 150, silentAfterMs: 5_000 });
    const id = await house.takeSchedule({ name: 'lost', slots: [[0, 700]] });
    const commandId = await firstTold(id);
    const [before] = await house.rows<{ sent: string }>('select created_at::text as sent from app.outbox');
    await eventually(async () =>
      expect(
        await house.rows('select 1 from app.outbox where created_at > $1::timestamptz', before?.sent),
      ).toHaveLength(1),
    );
    expect(await ids()).toEqual([commandId]);
    await endsAs(id, 'FAILED', 'PLANT_OFFLINE');
    expect(await house.toPlants()).toEqual([]);
    expect(await house.toPartners()).toMatchObject([
      {
        vhost: partnerVhost(house.keyId),
        routing_key: `${house.organisation.queuePrefix}.event.alarm`,
        body: {
          payload: {
            alarmId: commandId,
            code: 'SCHEDULE_SLOT_MISSED',
            metadata: { scheduleId: 'lost', reason: 'PLANT_OFFLINE' },
          },
        },
      },
      { body: { payload: { status: 'FAILED', reason: 'PLANT_OFFLINE' } } },
    ]);
  });

  test('is followed from now on, also when it is stamped by a clock that was ahead', async () => {
    const id = await house.takeSchedule({ slots: [[0, 60_000]] });
    await house.write(`update app.command_log set received_at = clock_timestamp() + interval '1 hour'`);
    await house.start();
    await firstTold(id);
  });

  test('raises an alarm for a slot that nobody was there to start', async () => {
    const id = await house.takeSchedule({ slots: [[0, 150]] });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await house.start({ answerWithinMs: 100 });
    await endsAs(id, 'FAILED', 'EXPIRED');
    expect((await events())[0]).toMatchObject({ code: 'SCHEDULE_SLOT_MISSED' });
  });

  test.each([
    ['a higher priority wins', 'HIGH', 'NORMAL', 0],
    ['of equal priority, the one that was made later wins', 'NORMAL', 'NORMAL', 1],
  ] as const)('gives way where two overlap: %s', async (_case, first, second, winner) => {
    const one = await house.takeSchedule({ priority: first, slots: [[0, 900]] });
    const other = await house.takeSchedule({ priority: second, slots: [[0, 900]] });
    const [winning, losing] = winner === 0 ? [one, other] : [other, one];
    await house.start({ answerWithinMs: 100 });
    await house.answer(await firstTold(winning));
    await endsAs(winning, 'EXECUTED', null);
    await endsAs(losing, 'FAILED', 'SUPERSEDED');
    expect((await house.toPlants()).map(({ message_id }) => message_id)).toHaveLength(1);
    expect(await events()).not.toContainEqual(expect.objectContaining({ code: 'SCHEDULE_SLOT_MISSED' }));
  });

  test('goes on where what went before it ends', async () => {
    const long = await house.takeSchedule({ priority: 'NORMAL', slots: [[0, 60_000]] });
    const short = await house.takeSchedule({ priority: 'HIGH', slots: [[0, 500]] });
    await house.start();
    await house.answer(await firstTold(short));
    expect((await house.slots(long))[0]).toMatchObject({ is_relayed: false, reason: 'SUPERSEDED' });
    await firstTold(long);
    expect((await house.slots(long))[0]).toMatchObject({ reason: null });
  });

  test.each([
    ['a HIGH set-point', 'NORMAL', { commandType: 'SITE_SETPOINT', priority: 'HIGH' }, true],
    ['an EMERGENCY set-point', 'EMERGENCY', { commandType: 'SITE_SETPOINT', priority: 'EMERGENCY' }, true],
    ['an emergency stop', 'EMERGENCY', { commandType: 'EMERGENCY', payload: { action: 'STOP' } }, true],
    ['a HIGH set-point, of a HIGH schedule', 'HIGH', { commandType: 'SITE_SETPOINT', priority: 'HIGH' }, false],
    ['a NORMAL set-point', 'NORMAL', { commandType: 'SITE_SETPOINT', priority: 'NORMAL' }, false],
    [
      'a HIGH set-point that is over',
      'NORMAL',
      { commandType: 'SITE_SETPOINT', priority: 'HIGH', validUntilMs: 400 },
      false,
    ],
    [
      'an emergency of a device',
      'NORMAL',
      { commandType: 'EMERGENCY', payload: { action: 'STOP', deviceId: 'A' } },
      false,
    ],
  ] as const)(
    'is held back by what goes before it, and by nothing else: %s',
    async (_case, priority, command, isHeldBack) => {
      await house.start();
      await isRelayed(await house.take(command));
      const id = await house.takeSchedule({ priority, slots: [[500, 60_000]] });
      await eventually(async () => expect(await slotStates(id)).toEqual([isHeldBack ? 'SUPERSEDED' : 'PENDING']));
      if (isHeldBack) {
        await eventually(async () => expect(await slotStates(id)).toEqual(['SUPERSEDED']));
        expect((await house.slots(id))[0]).toMatchObject({ is_relayed: false });
      } else await firstTold(id);
    },
  );

  test.each(['is lost', 'is refused'])(
    'is held back by an emergency stop that %s, until it is released',
    async (how) => {
      await house.start({ answerWithinMs: 200 });
      const stop = await house.take({ commandType: 'EMERGENCY', payload: { action: 'STOP' } });
      await isRelayed(stop);
      if (how === 'is refused') await house.answer(stop, { outcome: 'FAILED', reason: 'it is in maintenance' });
      await eventually(async () => expect(await house.command(stop)).toMatchObject({ status: 'FAILED' }));
      const id = await house.takeSchedule({ slots: [[0, 60_000]] });
      await eventually(async () => expect(await slotStates(id)).toEqual(['SUPERSEDED']));
      const release = await house.take({ commandType: 'EMERGENCY', payload: { action: 'RELEASE' } });
      await isRelayed(release);
      await house.answer(release);
      await firstTold(id);
    },
  );

  test('is begun after a release', async () => {
    await house.start();
    await isRelayed(await house.take({ commandType: 'EMERGENCY', payload: { action: 'STOP' } }));
    const id = await house.takeSchedule({ slots: [[0, 60_000]] });
    await eventually(async () => expect(await slotStates(id)).toEqual(['SUPERSEDED']));
    await house.take({ commandType: 'EMERGENCY', payload: { action: 'RELEASE' } });
    await firstTold(id);
  });

  test('that is cancelled before it begins ends at once, and no plant hears of it', async () => {
    await house.start();
    const id = await house.takeSchedule({ slots: [[60_000, 120_000]] });
    await eventually(async () => expect(await house.slots(id)).toHaveLength(1));
    const cancel = await house.cancelSchedule(id);
    await endsAs(cancel, 'EXECUTED', null);
    await endsAs(id, 'FAILED', 'CANCELLED');
    expect(await slotStates(id)).toEqual(['CANCELLED']);
    expect(await house.toPlants()).toEqual([]);
    expect(await events()).toMatchObject([{ status: 'EXECUTED' }, { status: 'FAILED', reason: 'CANCELLED' }]);
  });

  test('that is cancelled while the plant follows it is ended there first', async () => {
    await house.start();
    const id = await house.takeSchedule({
      name: 'running',
      slots: [
        [0, 60_000],
        [60_000, 120_000],
      ],
    });
    await house.answer(await firstTold(id));
    const cancel = await house.cancelSchedule(id);
    await isRelayed(cancel);
    expect((await house.toPlants()).at(-1)).toMatchObject({
      message_id: cancel,
      body: { kind: 'schedule-slot', payload: { scheduleId: 'running', cancelled: true } },
    });
    expect(await house.answer(cancel)).toBe('stored');
    await endsAs(cancel, 'EXECUTED', null);
    await endsAs(id, 'FAILED', 'CANCELLED');
    expect(await slotStates(id)).toEqual(['EXECUTED', 'CANCELLED']);
  });

  test('of which a slot was refused while it was being cancelled leaves nothing behind', async () => {
    const stop = await house.start();
    const id = await house.takeSchedule({ slots: [[0, 60_000]] });
    const told = await firstTold(id);
    await stop();
    await house.cancelSchedule(id);
    await house.answer(told, { outcome: 'FAILED', reason: 'maintenance' });
    await house.start();
    await endsAs(id, 'FAILED', 'CANCELLED');
    expect(await slotStates(id)).toEqual(['PLANT_REFUSED: maintenance']);
    expect(await house.rows('select 1 from app.schedule_slot where next_step_at is not null')).toEqual([]);
  });

  test('of which a slot is refused goes on, raises an alarm, and is FAILED in the end', async () => {
    await house.start({ answerWithinMs: 100 });
    const id = await house.takeSchedule({ slots: [[0, 400]] });
    await house.answer(await firstTold(id), { outcome: 'FAILED', reason: 'maintenance' });
    await endsAs(id, 'FAILED', 'PLANT_REFUSED: maintenance');
    expect(await events()).toMatchObject([{ code: 'SCHEDULE_SLOT_MISSED' }, { status: 'FAILED' }]);
  });
});

describe('the executor', () => {
  test('is one at a time, and another goes on where the first one ended', async () => {
    const stop = await house.start({ answerWithinMs: 500 });
    await isRelayed(await house.take({ commandType: 'MODE_CHANGE', payload: { mode: 'AUTO' } }));
    await house.start({ answerWithinMs: 500 });
    const before = await house.take();
    const plan = await house.takeSchedule({ slots: [[0, 60_000]] });
    await isRelayed(before);
    await eventually(async () => expect(await house.slots(plan)).toMatchObject([{ is_relayed: true }]));
    await stop();
    await endsAs(before, 'FAILED', 'PLANT_OFFLINE');
    const after = await house.take();
    await isRelayed(after);
    expect((await house.slots(plan))[0]).toMatchObject({ status: 'PENDING', is_relayed: true });
  });

  test('goes on after the database was away', async () => {
    await house.start();
    await isRelayed(await house.take());
    await house.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'executor' and datname = $1`,
      house.database.name,
    );
    await isRelayed(await house.take());
  });

  test('is red in health while something that is due is left lying', async () => {
    const executor = { isLeading: false, trouble: null };
    const register = await RegisterWatch.open(house.ingest);
    const watch = new ExecutionWatch({ db: house.ingest, register, executor }, createMetrics());
    await house.take({ dueMs: -5_000 });
    await watch.look();
    expect(await watch.healthCheck.check()).toMatchObject({ ok: true, detail: { due: 1, overdueSeconds: 5 } });
    await house.take({ dueMs: -11_000 });
    await watch.look();
    expect(await watch.healthCheck.check()).toMatchObject({ ok: false, detail: { due: 2, overdueSeconds: 11 } });
  });
});
