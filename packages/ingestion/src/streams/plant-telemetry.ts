import { vcpEnvelope } from '@quarterhour/contracts';
import {
  announceStamp,
  NO_ORGANISATION,
  insertMeterReadings,
  insertRealtimeSamples,
  prepareMeterReadings,
  prepareRealtimeSamples,
  type NewMeterReading,
  type NewRealtimeSample,
} from '@quarterhour/db';
import { epochSeconds } from '@quarterhour/domain';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { meterFromVcp, realtimeFromVcp, type PlantTelemetryFact } from '../profiles/vcp.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import type { Register } from '../register.js';
import { ownerOf, plantOf, senderOf, type Sender } from '../sender.js';
import { shaped } from '../shape.js';
import { HIGH_RATE, type PreparedFacts, type Stream, type Verdict } from '../stream.js';
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
  ownerOf: (delivery, register) => ownerOf(delivery, 'telemetry', register),
  receive,
  partitionDays,
  prepare,
};

function receive(delivery: Delivery, ctx: ReceiveContext): Received<PlantTelemetryFact> {
  return understanding(delivery, (claims) => {
    const sender = telemetrySender(delivery, ctx.register);
    claims.orgId = sender.orgId ?? NO_ORGANISATION;
    const { value } = decode(delivery, HIGH_RATE.bodyBytes);
    claims.messageId = textOf(value['messageId']);
    const envelope = shaped(vcpEnvelope, value);
    const plant = plantOf(sender, envelope.siteId, ctx.register);
    const fact =
      sender.kind === 'realtime' ? realtimeFromVcp(envelope, plant, delivery) : meterFromVcp(envelope, plant, delivery);
    refuseOutsideWindow(fact, ctx.nowMillis);
    return fact;
  });
}

interface TelemetrySender extends Sender {
  readonly kind: 'realtime' | 'meter';
}

function isOfTelemetry(sender: Sender): sender is TelemetrySender {
  return sender.kind === 'realtime' || sender.kind === 'meter';
}

/** @throws FaultError when the routing key is not one of telemetry */
function telemetrySender(delivery: Delivery, register: Register): TelemetrySender {
  const sender = senderOf(delivery, 'telemetry', register);
  if (sender !== null && isOfTelemetry(sender)) return sender;
  throw new FaultError('schema', null, 'the routing key names neither realtime nor meter telemetry');
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

function prepare(batch: readonly Understood<PlantTelemetryFact>[]): PreparedFacts {
  const samples: NewRealtimeSample[] = [];
  const readings: NewMeterReading[] = [];
  /** Which delivery brought it. */
  const ofSample: number[] = [];
  const ofReading: number[] = [];
  for (const [position, { fact }] of batch.entries()) {
    if (fact.kind === 'realtime') {
      samples.push(fact.sample);
      ofSample.push(position);
    } else {
      for (const reading of fact.readings) {
        readings.push(reading);
        ofReading.push(position);
      }
    }
  }
  const preparedSamples = prepareRealtimeSamples(samples);
  const preparedReadings = prepareMeterReadings(readings);
  return {
    async store(trx) {
      announceStamp(trx);
      const verdicts: Verdict[] = batch.map(() => 'duplicate');
      const place = (positions: readonly number[], ofRows: readonly Verdict[]): void => {
        for (const [index, position] of positions.entries())
          verdicts[position] = ofBoth(verdicts[position], ofRows[index]);
      };
      place(ofSample, await insertRealtimeSamples(trx, preparedSamples, null));
      place(ofReading, await insertMeterReadings(trx, preparedReadings, null));
      return verdicts;
    },
  };
}

/** A message of several rows revised something if one of them did, and is a duplicate only if all of them are. */
function ofBoth(message: Verdict | undefined, row: Verdict | undefined): Verdict {
  if (message === 'revised' || row === 'revised') return 'revised';
  return message === 'stored' || row === 'stored' ? 'stored' : 'duplicate';
}
