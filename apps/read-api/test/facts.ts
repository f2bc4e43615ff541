import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  insertDispatches,
  insertMeterReadings,
  insertQuarantine,
  insertRealtimeSamples,
  prepareMeterReadings,
  prepareRealtimeSamples,
  raiseKnownAt,
  recordBatch,
} from '@quarterhour/db';
import type { Database, MinuteCount, NewDispatch, NewQuarantined, NewRealtimeSample } from '@quarterhour/db';
import { deliveryDayOf, parseInstant, parseMarketZone } from '@quarterhour/domain';
import type { UtcInstant } from '@quarterhour/domain';
import { takeStamp } from '@quarterhour/testkit';

const BERLIN = parseMarketZone('Europe/Berlin');
const sha256 = (text: string | Buffer): Buffer => createHash('sha256').update(text).digest();

export interface DispatchFacts {
  eventId?: string;
  assetId: string;
  at: string;
  periodStart?: string;
  messageId?: string;
  mw?: string;
  source?: string;
}

/** Stores dispatches as the worker does: stamped in one transaction, each with its receipt. */
export async function storeDispatches(db: Database, orgId: string, facts: readonly DispatchFacts[]): Promise<string[]> {
  return db.transaction([orgId], async (trx) => {
    const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
    if (stamp === undefined) throw new Error('the organisation has no head');
    const rows = facts.map((fact) => newDispatch(orgId, stamp, fact));
    await insertDispatches(trx, rows);
    return rows.map(({ eventId }) => eventId);
  });
}

function newDispatch(orgId: string, receivedAt: UtcInstant, fact: DispatchFacts): NewDispatch {
  const { eventId = randomUUID(), assetId, at, periodStart = at, messageId = randomUUID(), mw = '10.5' } = fact;
  const start = parseInstant(periodStart);
  const body = Buffer.from(`${eventId} ${assetId} ${at} ${mw} ${fact.source ?? ''}`);
  return {
    orgId,
    eventId,
    assetId,
    source: fact.source ?? 'optimiser',
    publishedAt: parseInstant('2026-01-01T00:00:00.5Z'),
    dispatchTime: parseInstant(at),
    deliveryPeriodStart: start,
    deliveryDay: deliveryDayOf(start, BERLIN),
    targetPowerMw: mw,
    nominalPowerMw: '20',
    powerImbalanceMw: null,
    socImbalanceMwh: '-0.25',
    contentSha256: sha256(body),
    messageId,
    body,
    receivedAt,
  };
}

/**
 * Dispatches of one asset, one every so many milliseconds: more than a test would like to send.
 *
 * @param admin the server's administrator
 */
export async function fillDispatches(
  admin: Database,
  orgId: string,
  { assetId, from, count, everyMs }: { assetId: string; from: string; count: number; everyMs: number },
): Promise<void> {
  await admin.transaction([orgId], async (trx) => {
    const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
    await trx.query({
      text: `
        insert into app.dispatch (org_id, event_id, asset_id, source, published_at, dispatch_time, delivery_period_start,
          delivery_day, target_power_mw, content_sha256, received_at)
        select $1::uuid, gen_random_uuid(), $2::text, 'optimiser', t.at, t.at, date_bin('15 minutes', t.at, timestamptz 'epoch'),
          (t.at at time zone 'Europe/Berlin')::date, round(random()::numeric, 3), sha256(int4send(t.n)), $6::timestamptz
        from (select n, $3::timestamptz + n * make_interval(secs => $5::float8 / 1000) as at
          from generate_series(0, $4::int - 1) n) t`,
      values: [orgId, assetId, from, count, everyMs, stamp],
    });
  });
}

export async function storeSample(
  db: Database,
  orgId: string,
  plantId: string,
  different: Partial<NewRealtimeSample>,
): Promise<void> {
  const now = parseInstant(new Date().toISOString());
  const sample: NewRealtimeSample = {
    orgId,
    plantId,
    measuredAt: now,
    gridKw: 5,
    pvKw: 30,
    batteryKw: -20,
    consumptionKw: 5,
    socPercent: 50,
    batteryEnergyKwh: null,
    batteryTemperatureCelsius: null,
    operatingMode: null,
    dataQuality: 'GOOD',
    devices: null,
    messageId: randomUUID(),
    publishedAt: now,
    bodySha256: sha256(randomUUID()).toString('hex'),
    arrivedAt: null,
    ...different,
  };
  await db.transaction([orgId], (trx) => insertRealtimeSamples(trx, prepareRealtimeSamples([sample]), now));
}

export async function storeReading(
  db: Database,
  orgId: string,
  plantId: string,
  { deviceId = 'GRID', register = 'import', readAt, valueKwh }: Reading,
): Promise<void> {
  const readings = prepareMeterReadings([
    {
      orgId,
      plantId,
      deviceId,
      register,
      readAt,
      role: 'GRID',
      valueKwh,
      dataQuality: 'GOOD',
      messageId: randomUUID(),
      publishedAt: readAt,
      bodySha256: sha256(randomUUID()).toString('hex'),
      arrivedAt: null,
    },
  ]);
  await db.transaction([orgId], async (trx) => insertMeterReadings(trx, readings, await takeStamp(trx)));
}

interface Reading {
  readonly deviceId?: string;
  readonly register?: string;
  readonly readAt: UtcInstant;
  readonly valueKwh: number;
}

export async function quarantine(
  db: Database,
  orgId: string,
  different: Partial<NewQuarantined> = {},
): Promise<string> {
  const body = different.body ?? Buffer.from(`{"n":"${randomUUID()}"}`);
  const row: NewQuarantined = {
    id: randomUUID(),
    orgId,
    stream: 'dispatch',
    queue: 'ingest.dispatch',
    exchange: 'dispatch',
    routingKey: 'dispatch.DE_50HZ_WU_1',
    messageId: 'm-1',
    properties: { contentType: 'application/json', headers: { a: 1 } },
    body,
    bodySha256: sha256(body),
    reason: 'schema',
    path: 'target_power.amount',
    detail: 'a decimal was expected',
    replayable: true,
    waitsFor: null,
    worker: 'worker-1',
    firstSeen: parseInstant('2026-01-15T10:00:00Z'),
    ...different,
  };
  await db.transaction([orgId], (trx) => insertQuarantine(trx, [row]));
  return row.id;
}

export async function countMinutes(db: Database, counts: readonly MinuteCount[]): Promise<void> {
  const organisations = [...new Set(counts.map(({ orgId }) => orgId))];
  await db.transaction(organisations, (trx) => {
    recordBatch(trx, { worker: 'worker-1', stream: 'dispatch', batchNo: 1, counts });
    return Promise.resolve();
  });
}

/** What is different about a row of a log, by its column. */
type LogColumns = Readonly<Record<string, string | number | boolean | null>>;

/** One relayed command as its table keeps it. */
export function logCommand(db: Database, orgId: string, plantId: string, columns: LogColumns = {}): Promise<void> {
  return insertRow(db, 'app.command_log', {
    org_id: orgId,
    id: randomUUID(),
    plant_id: plantId,
    site_id: plantId,
    command_type: 'SITE_SETPOINT',
    routing_key: 'acme.command.site-setpoint',
    message_id: 'm-1',
    payload: '{"type":"POWER","targetValueKw":-2.5}',
    status: 'PENDING',
    created_at: '2026-01-15T10:00:00Z',
    received_at: '2026-01-15T10:00:00Z',
    content_sha256: `\\x${randomBytes(32).toString('hex')}`,
    is_first: false,
    ...columns,
  });
}

/** One configuration that was sent to an ESM, as its table keeps it. */
export function logConfig(db: Database, orgId: string, plantId: string, columns: LogColumns = {}): Promise<void> {
  return insertRow(db, 'app.config_log', {
    org_id: orgId,
    plant_id: plantId,
    validate_only: false,
    created_at: '2026-01-15T10:00:00Z',
    ...columns,
  });
}

async function insertRow(db: Database, table: string, row: LogColumns & { readonly org_id: string }): Promise<void> {
  const names = Object.keys(row);
  const places = names.map((_name, index) => `$${index + 1}`);
  const text = `insert into ${table} (${names.join(', ')}) values (${places.join(', ')})`;
  await db.transaction([row.org_id], (trx) => trx.query({ text, values: Object.values(row) }));
}
