import { EmptyDurationError } from '../quantities/energy.js';
import type { Power } from '../quantities/power.js';
import type { Duration } from '../time/duration.js';
import { epochMicros, instantFromEpochMicros, type UtcInstant } from '../time/instant.js';
import type { Span } from '../time/span.js';
import { type PeriodEnergy, joinedByPeriod, sharesOfPeriods } from './period-energy.js';
import { assertAscending } from './series.js';

/** Power as measured at an instant. */
export interface PowerSample {
  readonly measuredAt: UtcInstant;
  readonly power: Power;
}

/**
 * The energy that a stream of power samples amounts to, per delivery period.
 *
 * Each sample stands for the time from its instant on, one step long, or until the next sample if that comes sooner. Time
 * without a sample is not made up: it is missing from `covered` and its energy from `energy`. What a sample holds across
 * a quarter hour goes to both periods by time. Exact: the periods hold the sum of every power times its time.
 *
 * @param samples in ascending order, one per instant
 * @param step the stream's own interval between samples, such as 4 s
 * @returns the periods that have a sample's time in them, in order
 * @throws SeriesOrderError when the samples are not strictly ascending
 * @throws EmptyDurationError when the step is zero
 */
export function energyOfSamplesPerDeliveryPeriod(samples: readonly PowerSample[], step: Duration): PeriodEnergy[] {
  if (step.toMicros() === 0)
    throw new EmptyDurationError('A step of zero holds no energy: give the time between samples.');
  assertAscending(samples.map((sample) => sample.measuredAt));
  return joinedByPeriod(samples.flatMap((sample, index) => energyHeld(sample, samples[index + 1], step)));
}

function energyHeld(sample: PowerSample, next: PowerSample | undefined, step: Duration): PeriodEnergy[] {
  return sharesOfPeriods(timeHeld(sample, next, step)).map(({ period, duration }) => ({
    period,
    energy: sample.power.over(duration),
    covered: duration,
  }));
}

function timeHeld(sample: PowerSample, next: PowerSample | undefined, step: Duration): Span {
  const stepEnd = epochMicros(sample.measuredAt) + step.toMicros();
  const end = next === undefined ? stepEnd : Math.min(stepEnd, epochMicros(next.measuredAt));
  return { start: sample.measuredAt, end: instantFromEpochMicros(end) };
}
