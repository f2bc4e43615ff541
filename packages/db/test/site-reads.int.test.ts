import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  ensurePartitions,
  findActiveSchedule,
  findModeOverride,
  findOperatingMode,
  findSiteByEan,
  findSiteConfig,
  listLastRegisters,
  listSiteCommands,
  type Database,
  type OrganisationRow,
  type PlantRow,
  type Trx,
} from '@quarterhour/db';
import { anOrganisation, aPlant, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { connect, dayFromNow, query } from './fixtures.js';
import { explained } from './plans.js';

let database: TestDatabase;
let read: Database;
let ours: OrganisationRow;
let plant: PlantRow;
beforeAll(async () => {
  database = await testDatabase();
  read = connect(database.readUrl);
  ours = await anOrganisation(database.admin);
  plant = await aPlant(database.admin, ours);
  const ingest = connect(database.ingestUrl);
  await ensurePartitions(ingest, 'plant-telemetry', [-3, -2, -1, 0].map(dayFromNow));
  await ingest.close();
  await database.admin.transaction([ours.id], async (trx) => {
    for (const text of FILLED) await trx.query(query(text, [ours.id, plant.id]));
    for (const text of FILLED_FOR_ALL) await trx.query(query(text, [ours.id]));
  });
  await database.admin.transaction([ours.id], (trx) =>
    trx.query(
      query(
        'analyze app.command_log, app.schedule, app.trading_config_event, app.external_id, app.telemetry_realtime, app.telemetry_meter',
      ),
    ),
  );
}, 120_000);
afterAll(async () => {
  await read.close();
  await database.drop();
});

/** A year of commands, most of them over, and what else a site has by then. */
const FILLED = [
  `insert into app.command_log (org_id, id, plant_id, site_id, command_type, routing_key, message_id, payload, status, created_at,
     received_at, executed_at, content_sha256, is_first)
   select $1, gen_random_uuid(), $2, 's', case when n % 5 = 0 then 'MODE_CHANGE' else 'SITE_SETPOINT' end, 'k', 'm-' || n,
     '{"mode": "AUTO"}', case when n % 1000 = 0 then 'PENDING' else 'EXECUTED' end, at, at, at, sha256(n::text::bytea), true
   from generate_series(1, 20000) n, lateral (select now() - n * interval '26 minutes' as at) clock`,
  `insert into app.schedule (org_id, id, plant_id, schedule_id, priority, valid_from, valid_until, slots, created_at)
   select $1, gen_random_uuid(), $2, 's-' || n, 'NORMAL', at, at + interval '1 day', '[]', at
   from generate_series(1, 3000) n, lateral (select now() - n * interval '3 hours' as at) clock`,
  `insert into app.trading_config_event (org_id, message_id, origin, kind, plant_id, source, occurred_at, payload, routing_key,
     content_sha256, received_at, place)
   select $1, 'c-' || n, 'partner', case when n % 2 = 0 then 'constraints' else 'fallback' end, $2, 's', at, '{}', 'k',
     sha256(n::text::bytea), at, 0
   from generate_series(1, 10000) n, lateral (select now() - n * interval '1 hour' as at) clock`,
  `insert into app.external_id (scheme, value, org_id, plant_id)
   select 'ean_cons', lpad(n::text, 18, '0'), $1, $2 from generate_series(1, 5000) n`,
  `insert into app.telemetry_realtime (org_id, plant_id, measured_at, published_at, received_at, data_quality, message_id, body_sha256)
   select $1, $2, at, at, at, 'GOOD', 't-' || n, sha256(n::text::bytea)
   from generate_series(1, 20000) n, lateral (select now() - n * interval '10 seconds' as at) clock`,
  `insert into app.telemetry_meter (org_id, plant_id, device_id, register, read_at, published_at, received_at, value_kwh, data_quality,
     message_id, body_sha256)
   select $1, $2, 'GRID', 'import', at, at, at, 1, 'GOOD', 'r-' || n, sha256(n::text::bytea)
   from generate_series(1, 4000) n, lateral (select now() - n * interval '1 minute' as at) clock`,
];
/** Commands and readings of the organisation's other sites. */
const FILLED_FOR_ALL = [
  `insert into app.command_log (org_id, id, plant_id, site_id, command_type, routing_key, message_id, payload, status, created_at,
     received_at, content_sha256, is_first)
   select $1, gen_random_uuid(), gen_random_uuid(), 's', 'SITE_SETPOINT', 'k', 'o-' || n, '{}', 'PENDING', now(), now(),
     sha256(n::text::bytea), true
   from generate_series(1, 5000) n`,
  `insert into app.telemetry_meter (org_id, plant_id, device_id, register, read_at, published_at, received_at, value_kwh, data_quality,
     message_id, body_sha256)
   select $1, gen_random_uuid(), 'GRID', 'import', at, at, at, 1, 'GOOD', 'o-' || n, sha256(n::text::bytea)
   from generate_series(1, 20000) n, lateral (select now() - n % 900 * interval '1 second' as at) clock`,
];

const READS: readonly (readonly [what: string, indexes: RegExp, find: (trx: Trx) => Promise<unknown>])[] = [
  [
    'commands of a site',
    /command_log_by_time[^]*command_log_pending/,
    (trx) =>
      listSiteCommands(trx, { site: plant, hours: 24, limit: 200 }, [{ name: 'm', column: 'message_id', as: 'text' }]),
  ],
  [
    'the mode that was set last',
    /Limit[^]*Index Scan Backward using command_log_modes/,
    (trx) => findModeOverride(trx, plant),
  ],
  ['the schedule of now', /schedule_by_end/, (trx) => findActiveSchedule(trx, plant)],
  ['what was said last', /trading_config_event_of_plant/, (trx) => findSiteConfig(trx, plant, 'constraints')],
  ['the mode of the newest sample', /Index Scan/, (trx) => findOperatingMode(trx, plant)],
  ['a site by its EAN', /external_id_pkey/, (trx) => findSiteByEan(trx, '000000000000004711')],
  ['the newest reading', /Index/, (trx) => listLastRegisters(trx, plant, 900)],
];

test.each(READS)('%s: found by an index, whatever else there is', async (_what, indexes, find) => {
  for (const mode of ['force_generic_plan', 'force_custom_plan']) {
    const plan = await read.transaction([ours.id], async (trx) => {
      await trx.query(query(`set local plan_cache_mode = ${mode}`));
      return explained(trx, find);
    });
    expect(plan).toMatch(indexes);
    expect(plan).not.toContain('Seq Scan');
  }
});
