import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  endCancelledSchedules,
  ensurePartitions,
  executionState,
  listDueMessages,
  listScheduleStandings,
  settleMessages,
  takeAnswered,
  takeDueCommands,
  takeDueSlots,
  takeStanding,
  takeStoppedCommands,
  withdrawOutgoing,
  writeCommandAnswers,
  writeCommandStandings,
  writeSlotAnswers,
  writeSlotStandings,
  type Database,
  type Trx,
} from '@quarterhour/db';
import { anOrganisation, aPlant, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { connect, NOW, query } from './fixtures.js';
import { explained } from './plans.js';

const ORGANISATIONS = 8;
const LARGE = { commands: 8_000, schedules: 500, slots: 8_000, waiting: 8_000 };

const orgs: string[] = [];
let orgId = '';
let plantId = '';
let database: TestDatabase;
let ingest: Database;

beforeAll(async () => {
  database = await testDatabase();
  ingest = connect(database.ingestUrl);
  for (let n = 0; n < ORGANISATIONS; n += 1) {
    const organisation = await anOrganisation(database.admin);
    const plant = await aPlant(database.admin, organisation);
    orgs.push(organisation.id);
    [orgId, plantId] = [organisation.id, plant.id];
    await fill(database, organisation.id, plant.id, LARGE);
  }
  await database.admin.transaction(orgs, (trx) =>
    trx.query(query('analyze app.command_log, app.schedule, app.schedule_slot, app.outbox')),
  );
}, 120_000);
afterAll(async () => {
  await ingest.close();
  await database.drop();
});

/** Years of commands and slots that are over, some that are due or to come, and a virtual host that has long been away. */
async function fill({ admin }: TestDatabase, owner: string, plant: string, size: typeof LARGE): Promise<void> {
  await admin.transaction([owner], async (trx) => {
    await trx.query(
      query(
        `insert into app.command_log (org_id, id, plant_id, site_id, command_type, routing_key, message_id, payload, status,
           created_at, received_at, content_sha256, is_first, priority, next_step_at, relayed_at, answered_at)
         select $1, gen_random_uuid(), $2, 's', case when n % 10 = 0 then 'EMERGENCY' else 'SITE_SETPOINT' end, 'k', 'm-' || n,
           '{"action": "STOP", "type": "POWER"}', case when n % 100 = 1 then 'PENDING' else 'EXECUTED' end, at, at,
           sha256(n::text::bytea), true, case when n % 10 = 0 then 'EMERGENCY' when n % 10 = 5 then 'HIGH' else 'NORMAL' end,
           case when n % 100 = 1 then now() + (n - $3::int / 2) * interval '1 minute' end, case when n % 100 <> 1 then at end,
           case when n % 100 <> 1 then at + interval '1 second' end
         from generate_series(1, $3::int) n, lateral (select now() - ($3::int - n) * interval '1 hour' as at) clock`,
        [owner, plant, size.commands],
      ),
    );
    await trx.query(
      query(
        `insert into app.schedule (org_id, id, plant_id, schedule_id, priority, valid_from, valid_until, slots, created_at)
         select c.org_id, c.id, c.plant_id, c.message_id, 'NORMAL', now() - interval '1 year', now() + interval '1 month', '[]',
           c.created_at
         from app.command_log c where c.org_id = $1 order by c.created_at desc limit $2::int`,
        [owner, size.schedules],
      ),
    );
    await trx.query(
      query(
        `insert into app.schedule_slot (org_id, schedule_id, plant_id, starts_at, ends_at, slot, command_id, status,
           next_step_at, relayed_at)
         select h.org_id, h.id, h.plant_id, at, at + interval '15 minutes', '{}', gen_random_uuid(),
           case when n < $2::int - 100 then 'EXECUTED' else 'PENDING' end, case when n >= $2::int - 100 then at end,
           case when n < $2::int - 100 then at end
         from (select *, row_number() over (order by created_at) - 1 as k from app.schedule where org_id = $1) h,
           generate_series(1, $2::int) n,
           lateral (select now() - ($2::int - 50 - n) * interval '15 minutes' as at) clock
         where n / ($2::int / $3::int) = h.k`,
        [owner, size.slots, size.schedules],
      ),
    );
    await trx.query(
      query(
        `insert into app.outbox (org_id, vhost, exchange, routing_key, order_key, message_id, body, created_at, next_try_at)
         select $1, 'partner-x', 'vcp', 'k', 'site ' || n % 10, gen_random_uuid(), $2, now(),
           case when n > $3::int - 20 then now() else now() + interval '1 hour' end
         from generate_series(1, $3::int) n`,
        [owner, randomBytes(300), size.waiting],
      ),
    );
  });
}

const nobody = () => ({ orgId, plantId, commandId: randomUUID() });
const due = () => ({ organisations: orgs, most: 500, silentAfterMs: 60_000 });
const rest = { reason: null, executedAt: null, relayedAt: null, nextStepAt: null };
const standing = () => ({ orgId, id: randomUUID(), status: 'PENDING', ...rest }) as const;
const slotStanding = () => ({ orgId, commandId: randomUUID(), status: 'PENDING', ...rest }) as const;
const answer = () => ({ orgId, commandId: randomUUID(), status: 'FAILED', ...rest }) as const;
/** As many as come together when much is about. */
const many = <T>(one: () => T): T[] => Array.from({ length: 100 }, one);
const stop = () => ({ orgId, plantId, deviceId: null, receivedAt: NOW, id: randomUUID() });
const failed = { id: '5', orderKey: 'site 5', trouble: 'unreachable: it is away', retryMs: 5_000, awayKeyId: null };

/** By which index each table is looked into, whatever else is. */
test.each<readonly [string, readonly (string | RegExp)[], (trx: Trx) => unknown]>([
  ['commands that are due', ['command_log_due'], (trx) => takeDueCommands(trx, due())],
  [
    'slots that are due, and what goes before them',
    ['schedule_slot_due on schedule_slot t', 'schedule_slot_by_end on schedule_slot o', 'command_log_in_force'],
    (trx) => takeDueSlots(trx, due()),
  ],
  // What waits is in both indexes, and little else.
  ['commands that are stopped', [/command_log_(due|pending)/], (trx) => takeStoppedCommands(trx, [stop()])],
  [
    'what is answered',
    ['command_log_pkey', 'schedule_slot_org_id_command_id_key'],
    (trx) => takeAnswered(trx, [nobody()]),
  ],
  ['how schedules stand', ['schedule_pkey'], (trx) => listScheduleStandings(trx, [{ orgId, id: randomUUID() }])],
  ['how the execution keeps up', ['command_log_due', 'schedule_slot_due'], (trx) => executionState(trx)],
  ['what is written down of commands', ['command_log_pkey'], (trx) => writeCommandStandings(trx, many(standing))],
  ['what commands are answered', ['command_log_pkey'], (trx) => writeCommandAnswers(trx, many(answer))],
  [
    'what is written down of slots',
    ['schedule_slot_org_id_command_id_key'],
    (trx) => writeSlotStandings(trx, many(slotStanding)),
  ],
  ['what slots are answered', ['schedule_slot_org_id_command_id_key'], (trx) => writeSlotAnswers(trx, many(answer))],
  [
    'what is cancelled',
    ['schedule_org_id_plant_id_schedule_id_key', 'schedule_slot_pkey'],
    (trx) => endCancelledSchedules(trx, [{ orgId, id: randomUUID(), plantId, name: 'm-1' }]),
  ],
  [
    'what decides about a command',
    ['command_log_org_id_message_id_content_sha256_key'],
    (trx) =>
      takeStanding(trx, {
        organisations: [orgId],
        messageIds: ['m-1'],
        plants: [plantId],
        schedules: [{ plantId, scheduleId: 'plan' }],
      }),
  ],
  ['messages that are due', ['outbox_due', 'outbox_by_order'], (trx) => listDueMessages(trx, orgs, 100, ['1', '2'])],
  [
    'a message that is taken back',
    ['outbox_by_order'],
    (trx) => withdrawOutgoing(trx, [{ orderKey: 'plant x', messageId: randomUUID() }]),
  ],
  [
    'a message that failed',
    ['outbox_by_order'],
    (trx) => settleMessages(trx, orgId, { published: ['1'], failed: [failed] }),
  ],
])('%s: found by key, however much is over or waits', async (_what, indexes, run) => {
  const plan = await ingest.transaction(orgs, (trx) => explained(trx, run));
  for (const index of indexes) expect(plan).toMatch(index);
  expect(plan).not.toMatch(/Seq Scan on (command_log|schedule|schedule_slot|outbox)\b/);
  expect(plan).not.toMatch(/schedule_by_end|Hash Anti Join/);
});

/**
 * Plans are kept as long as the connection, and those of a new installation are made while there is nothing yet, or a few pages,
 * which are read sooner than looked into.
 */
describe.each(['empty', 'small'])('planned while the tables are %s', (size) => {
  let empty: TestDatabase;
  let worker: Database;
  let ids = { orgId: '', plantId: '' };
  const commandId = randomUUID();

  beforeAll(async () => {
    empty = await testDatabase();
    worker = connect(empty.ingestUrl);
    const organisation = await anOrganisation(empty.admin);
    ids = { orgId: organisation.id, plantId: (await aPlant(empty.admin, organisation)).id };
    if (size === 'small')
      await fill(empty, ids.orgId, ids.plantId, { commands: 300, schedules: 20, slots: 300, waiting: 300 });
  }, 60_000);
  afterAll(async () => {
    await worker.close();
    await empty.drop();
  });

  test.each<readonly [string, string, (trx: Trx) => unknown]>([
    [
      'command that came before',
      'command_log_org_id_message_id_content_sha256_key',
      (trx) =>
        takeStanding(trx, {
          organisations: [ids.orgId],
          messageIds: ['m-1', 'm-2'],
          plants: [ids.plantId],
          schedules: [{ plantId: ids.plantId, scheduleId: 'plan' }],
        }),
    ],
    ['command', 'command_log_pkey', (trx) => takeAnswered(trx, [{ ...ids, commandId }])],
    ['slot', 'schedule_slot_org_id_command_id_key', (trx) => takeAnswered(trx, [{ ...ids, commandId }])],
    [
      'slot of a schedule',
      'schedule_slot_pkey',
      (trx) => listScheduleStandings(trx, [{ orgId: ids.orgId, id: commandId }]),
    ],
    ['slot that is due', 'schedule_slot_due', (trx) => takeDueSlots(trx, { ...due(), organisations: [ids.orgId] })],
  ])('a %s is found by its key', async (_what, index, run) => {
    const plan = await worker.transaction([ids.orgId], async (trx) => {
      await trx.query(query(`set local plan_cache_mode = 'force_generic_plan'`));
      return explained(trx, run);
    });
    expect(plan).toContain(`using ${index}`);
    expect(plan).not.toContain('using schedule_by_end');
    expect(plan).not.toMatch(/(Seq|Bitmap Heap) Scan on (command_log|schedule_slot|outbox)\b/);
  });

  test.each<readonly [string, RegExp, (trx: Trx) => unknown]>([
    ['commands are written down', /^\s*update app.command_log/, (trx) => writeCommandStandings(trx, [standing()])],
    ['commands are answered', /^\s*update app.command_log/, (trx) => writeCommandAnswers(trx, [answer()])],
    ['slots are written down', /^\s*update app.schedule_slot/, (trx) => writeSlotStandings(trx, [slotStanding()])],
    ['slots are answered', /^\s*update app.schedule_slot/, (trx) => writeSlotAnswers(trx, [answer()])],
    [
      'messages are taken back',
      /^\s*delete from app.outbox/,
      (trx) => withdrawOutgoing(trx, [{ orderKey: 'x', messageId: 'y' }]),
    ],
    [
      'messages are published',
      /^\s*delete from app.outbox/,
      (trx) => settleMessages(trx, ids.orgId, { published: ['1'], failed: [] }),
    ],
    [
      'messages fail',
      /^\s*update app.outbox/,
      (trx) => settleMessages(trx, ids.orgId, { published: [], failed: [failed] }),
    ],
  ])('how %s is planned anew each time', async (_what, text, run) => {
    const connection = connect(empty.ingestUrl, 1);
    const twice = connection.transaction([ids.orgId], async (trx) => {
      await trx.query(query(`set plan_cache_mode = 'force_generic_plan'`));
      await run(trx);
      await run(trx);
      return trx.query<{ statement: string; kept: number; anew: number }>(
        query('select statement, generic_plans::int as kept, custom_plans::int as anew from pg_prepared_statements'),
      );
    });
    const plans = (await twice).filter(({ statement }) => text.test(statement));
    await connection.close();
    expect(plans).toEqual([expect.objectContaining({ kept: 0, anew: 2 })]);
  });
});

describe('whether a plant is silent, while every day of a month has its partition', () => {
  const dayBefore = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  const partitionsIn = (plan: string) => new Set(plan.match(/telemetry_realtime_p\d+/g));

  beforeAll(async () => {
    await ensurePartitions(
      ingest,
      'plant-telemetry',
      Array.from({ length: 30 }, (_, day) => dayBefore(day)),
    );
  });

  test('is not asked where nothing was handed over', async () => {
    const plan = await ingest.transaction(orgs, (trx) =>
      explained(trx, async (recorder) => {
        await takeDueCommands(recorder, due());
        await takeDueSlots(recorder, due());
      }),
    );
    expect([...partitionsIn(plan)]).toEqual([]);
  });

  test('is looked up in the partitions of now, and in no table as a whole', async () => {
    const plan = await ingest.transaction(orgs, async (trx) => {
      await trx.query(
        query(
          `update app.command_log set relayed_at = now(), next_step_at = '2020-01-01T00:00:00Z'
           where org_id = $1 and status = 'PENDING' and next_step_at < now()`,
          [orgId],
        ),
      );
      return explained(trx, (recorder) => takeDueCommands(recorder, due()));
    });
    expect(partitionsIn(plan).size).toBeGreaterThan(0);
    expect(partitionsIn(plan).size).toBeLessThan(5);
    expect(plan).not.toMatch(/Hash Anti Join|Seq Scan on (command_log|schedule_slot)\b/);
  });
});
