import { EXCHANGES, vcpEnvelope } from '@quarterhour/contracts';
import { NO_ORGANISATION, insertMeterReadings, insertRealtimeSamples, type Trx } from '@quarterhour/db';
import { epochSeconds, type UtcInstant } from '@quarterhour/domain';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { meterFromVcp, realtimeFromVcp, type PlantTelemetryFact } from '../profiles/vcp.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import type { Register, RegisteredPlant } from '../register.js';
import { shaped } from '../shape.js';
import { HIGH_RATE, PartlyStoredError, type Stream, type Verdict } from '../stream.js';
import { textOf, understanding } from '../understanding.js';

const SECONDS_PER_DAY = 86_400;

/** How long telemetry is kept, about 13 months, as `ops.stream` has it. Older samples are refused: their day is gone. */
export const TELEMETRY_RETENTION_DAYS = 396;

/** How far a source's clock may run ahead of ours, as `ops.stream` has it. */
export const FUTURE_TOLERANCE_SECONDS = 5 * 60;

/** Realtime samples and meter registers of plants, from partners and from our own gateways. */
export const plantTelemetryStream: Stream<PlantTelemetryFact> = {
  name: 'plant-telemetry',
  limits: HIGH_RATE,
  receive,
  partitionDays,
  store,
};

function receive(delivery: Delivery, ctx: ReceiveContext): Received<PlantTelemetryFact> {
  return understanding(delivery, (claims) => {
    const sender = senderOf(delivery, ctx.register);
    claims.orgId = sender.orgId ?? NO_ORGANISATION;
    const { value } = decode(delivery, HIGH_RATE.bodyBytes);
    claims.messageId = textOf(value['messageId']);
    const envelope = shaped(vcpEnvelope, value);
    const plant = plantOf(sender, envelope.siteId, ctx.register);
    const fact =
      sender.kind === 'realtime'
        ? realtimeFromVcp(envelope, plant, delivery.body)
        : meterFromVcp(envelope, plant, delivery.body);
    refuseOutsideWindow(fact, ctx.nowMillis);
    return fact;
  });
}

/** Who sends, what kind, and which site the key names: all of it from the transport, none from the body. */
interface Sender {
  readonly kind: 'realtime' | 'meter';
  readonly orgId: string | null;
  readonly site: string | null;
}

/** `{prefix}.telemetry.{kind}[.{site}]` of a partner on `vcp`; `telemetry.{kind}.{plantId}` of our gateways on `fleet`. */
function senderOf(delivery: Delivery, register: Register): Sender {
  const words = delivery.routingKey.split('.');
  const prefix = delivery.exchange === EXCHANGES.fleet ? null : (words.shift() ?? '');
  const [family, kind, ...site] = words;
  if (family !== 'telemetry' || (kind !== 'realtime' && kind !== 'meter')) {
    throw new FaultError('schema', null, 'the routing key names neither realtime nor meter telemetry');
  }
  const namedSite = site.length === 0 ? null : site.join('.');
  if (prefix === null) return { kind, orgId: register.plant(namedSite ?? '')?.orgId ?? null, site: namedSite };
  return { kind, orgId: register.organisationByPrefix(prefix)?.id ?? null, site: namedSite };
}

function plantOf(sender: Sender, siteId: string, register: Register): RegisteredPlant {
  if (sender.orgId === null)
    throw new FaultError('unknown_plant', null, 'the routing key names nobody who is registered');
  const plant = register.plantOf(sender.orgId, siteId);
  if (plant === undefined) throw new FaultError('unknown_plant', 'siteId', 'no plant of this organisation has that id');
  if (sender.site !== null && register.plantOf(sender.orgId, sender.site) !== plant) {
    throw new FaultError('schema', 'siteId', 'the site is not the one that the routing key names');
  }
  return plant;
}

function refuseOutsideWindow(fact: PlantTelemetryFact, nowMillis: number): void {
  const path = fact.kind === 'realtime' ? 'timestamp' : 'payload.readingAt';
  const ageSeconds = nowMillis / 1_000 - epochSeconds(fact.measuredAt);
  if (ageSeconds > TELEMETRY_RETENTION_DAYS * SECONDS_PER_DAY) {
    throw new FaultError(
      'too_old',
      path,
      `older than the ${TELEMETRY_RETENTION_DAYS} days for which telemetry is kept`,
    );
  }
  if (ageSeconds < -FUTURE_TOLERANCE_SECONDS) {
    throw new FaultError('implausible', path, 'more than 5 minutes ahead of our clock');
  }
}

function partitionDays(batch: readonly Understood<PlantTelemetryFact>[]): readonly string[] {
  return [...new Set(batch.map(({ fact }) => fact.measuredAt.slice(0, 10)))].sort();
}

async function store(
  trx: Trx,
  batch: readonly Understood<PlantTelemetryFact>[],
  receivedAt: UtcInstant,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = batch.map(() => 'duplicate');
  await storeSamples(trx, batch, receivedAt, verdicts);
  await storeReadings(trx, batch, receivedAt, verdicts);
  return verdicts;
}

async function storeSamples(
  trx: Trx,
  batch: readonly Understood<PlantTelemetryFact>[],
  receivedAt: UtcInstant,
  verdicts: Verdict[],
): Promise<void> {
  const samples = batch.flatMap(({ fact }, position) =>
    fact.kind === 'realtime' ? [{ position, row: { ...fact.sample, receivedAt } }] : [],
  );
  if (samples.length === 0) return;
  const outcomes = await insertRealtimeSamples(
    trx,
    samples.map(({ row }) => row),
  );
  samples.forEach(({ position }, index) => {
    verdicts[position] = outcomes[index] ?? 'conflict';
  });
}

async function storeReadings(
  trx: Trx,
  batch: readonly Understood<PlantTelemetryFact>[],
  receivedAt: UtcInstant,
  verdicts: Verdict[],
): Promise<void> {
  const rows = batch.flatMap(({ fact }, position) =>
    fact.kind === 'meter' ? fact.readings.map((row) => ({ position, row: { ...row, receivedAt } })) : [],
  );
  if (rows.length === 0) return;
  const outcomes = await insertMeterReadings(
    trx,
    rows.map(({ row }) => row),
  );
  const perMessage = new Map<number, Set<Verdict>>();
  rows.forEach(({ position }, index) => {
    const seen = perMessage.get(position) ?? new Set<Verdict>();
    perMessage.set(position, seen.add(outcomes[index] ?? 'conflict'));
  });
  const partly = [...perMessage].filter(([, seen]) => seen.has('conflict') && seen.has('stored'));
  if (partly.length > 0) throw new PartlyStoredError(partly.map(([position]) => position));
  for (const [position, seen] of perMessage) {
    verdicts[position] = seen.has('conflict') ? 'conflict' : seen.has('stored') ? 'stored' : 'duplicate';
  }
}
