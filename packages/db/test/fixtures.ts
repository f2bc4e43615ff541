import { createHash, randomUUID } from 'node:crypto';
import type { UtcInstant } from '@quarterhour/domain';
import { instantFromEpochMillis, parseInstant } from '@quarterhour/domain';
import {
  insertMeterReadings,
  insertRealtimeSamples,
  openDatabase,
  prepareMeterReadings,
  prepareRealtimeSamples,
  raiseKnownAt,
} from '@quarterhour/db';
import type {
  Database,
  NewDispatch,
  NewMeterReading,
  NewQuarantined,
  NewRealtimeSample,
  Trx,
  VersionVerdict,
} from '@quarterhour/db';

export const at = (text: string): UtcInstant => parseInstant(text);

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** An instant of today's window of every stream. */
export const NOW: UtcInstant = instantFromEpochMillis(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);

/** A UTC calendar day, counted from today. */
export function dayFromNow(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
}

export function connect(url: string, maxConnections = 4): Database {
  return openDatabase({ url, applicationName: 'db-test', maxConnections });
}

type Owned<Row> = Partial<Row> & { readonly orgId: string };

/** A dispatch whose content follows from its event id and target power. */
export function newDispatch(different: Owned<NewDispatch>): NewDispatch {
  const eventId = different.eventId ?? randomUUID();
  const targetPowerMw = different.targetPowerMw ?? '1.5';
  return {
    eventId,
    assetId: 'DE_50HZ_WU_1',
    source: 'optimiser',
    publishedAt: at('2026-01-15T09:59:58.5Z'),
    dispatchTime: at('2026-01-15T10:00:00Z'),
    deliveryPeriodStart: at('2026-01-15T10:00:00Z'),
    deliveryDay: '2026-01-15',
    targetPowerMw,
    nominalPowerMw: '20',
    powerImbalanceMw: null,
    socImbalanceMwh: null,
    contentSha256: sha256(`${eventId} ${targetPowerMw}`),
    messageId: eventId,
    body: Buffer.from(`{"event_id":"${eventId}"}`),
    receivedAt: at('2026-01-15T10:00:00Z'),
    ...different,
  };
}

/** A sample of now, whose message id follows from its values. */
export function newSample(different: Owned<NewRealtimeSample> & { readonly plantId: string }): NewRealtimeSample {
  const gridKw = different.gridKw ?? 3.5;
  return {
    measuredAt: NOW,
    gridKw,
    pvKw: 5,
    batteryKw: -1.25,
    consumptionKw: 0.25,
    socPercent: 55,
    batteryEnergyKwh: null,
    batteryTemperatureCelsius: 21.5,
    operatingMode: 'AUTO',
    dataQuality: 'GOOD',
    devices: null,
    messageId: `sample ${randomUUID()}`,
    publishedAt: NOW,
    bodySha256: sha256('sample').toString('hex'),
    arrivedAt: null,
    ...different,
  };
}

export function newReading(different: Owned<NewMeterReading> & { readonly plantId: string }): NewMeterReading {
  return {
    deviceId: 'GRID',
    register: 'import',
    readAt: NOW,
    role: 'GRID_METER',
    valueKwh: 1234.5,
    dataQuality: 'GOOD',
    messageId: `reading ${randomUUID()}`,
    publishedAt: NOW,
    bodySha256: sha256('reading').toString('hex'),
    arrivedAt: null,
    ...different,
  };
}

/** Prepares and stores at once; for tests that do not care for the stamp, with one of now. */
export function keepSamples(
  trx: Trx,
  rows: readonly NewRealtimeSample[],
  receivedAt: UtcInstant = NOW,
): Promise<VersionVerdict[]> {
  return insertRealtimeSamples(trx, prepareRealtimeSamples(rows), receivedAt);
}

/** As {@link keepSamples}. */
export function keepReadings(
  trx: Trx,
  rows: readonly NewMeterReading[],
  receivedAt: UtcInstant = NOW,
): Promise<VersionVerdict[]> {
  return insertMeterReadings(trx, prepareMeterReadings(rows), receivedAt);
}

export function newQuarantined(different: Owned<NewQuarantined>): NewQuarantined {
  const body = different.body ?? Buffer.from('{"broken":');
  return {
    id: randomUUID(),
    stream: 'dispatch',
    queue: 'ingest.dispatch',
    exchange: 'dispatch',
    routingKey: 'dispatch.X',
    messageId: null,
    properties: { headers: { attempt: 1 } },
    body,
    bodySha256: createHash('sha256').update(body).digest(),
    reason: 'syntax',
    path: null,
    detail: 'the body ends too early',
    replayable: false,
    waitsFor: null,
    worker: 'worker-1',
    firstSeen: NOW,
    ...different,
  };
}

/** Runs work of one organisation with its clock raised, as the worker does. */
export async function stamped<T>(
  db: Database,
  orgId: string,
  work: (trx: Trx, receivedAt: UtcInstant) => Promise<T>,
): Promise<T> {
  return db.transaction([orgId], async (trx) => {
    const receivedAt = (await raiseKnownAt(trx, [orgId])).get(orgId);
    if (receivedAt === undefined) throw new Error('the organisation is not registered');
    return work(trx, receivedAt);
  });
}

export const query = (text: string, values: readonly unknown[] = []): { text: string; values: readonly unknown[] } => ({
  text,
  values,
});
