import { DomainError } from '../errors.js';
import { Duration } from './duration.js';
import { epochSeconds, instantFromEpochSeconds, type UtcInstant } from './instant.js';
import type { Span } from './span.js';

/** The instant is not the start of a delivery period. */
export class OffQuarterHourError extends DomainError {
  override readonly name = 'OffQuarterHourError';
  readonly code = 'off_quarter_hour';
}

/** Seconds of a delivery period. */
export const SECONDS_PER_DELIVERY_PERIOD = 900;

/**
 * The quarter hour [start, end) that energy is delivered, settled and known by; it begins at :00, :15, :30 or :45.
 *
 * The same in every market: offsets of market zones are whole quarter hours, so UTC and local quarters coincide.
 *
 * @see Regulation (EU) 2017/2195 art. 53, imbalance settlement period of 15 minutes
 */
export class DeliveryPeriod implements Span {
  static readonly LENGTH: Duration = Duration.ofSeconds(SECONDS_PER_DELIVERY_PERIOD);

  readonly start: UtcInstant;
  readonly end: UtcInstant;
  readonly #startSecond: number;

  private constructor(startSecond: number) {
    this.start = instantFromEpochSeconds(startSecond);
    this.end = instantFromEpochSeconds(startSecond + SECONDS_PER_DELIVERY_PERIOD);
    this.#startSecond = startSecond;
  }

  /**
   * The delivery period that an instant belongs to; a start belongs to the period it starts.
   *
   * @throws InvalidInstantError in the last quarter hour of the year 9999, whose end we cannot write
   */
  static containing(instant: UtcInstant): DeliveryPeriod {
    const second = epochSeconds(instant);
    return new DeliveryPeriod(second - (second % SECONDS_PER_DELIVERY_PERIOD));
  }

  /**
   * The delivery period with this start.
   *
   * @throws OffQuarterHourError when the instant is not exactly on :00, :15, :30 or :45
   */
  static startingAt(start: UtcInstant): DeliveryPeriod {
    assertOnQuarterHour(start);
    return new DeliveryPeriod(epochSeconds(start));
  }

  /** The period that starts where this one ends. */
  next(): DeliveryPeriod {
    return new DeliveryPeriod(this.#startSecond + SECONDS_PER_DELIVERY_PERIOD);
  }
}

/** Whether an instant is the start of a delivery period: exactly :00, :15, :30 or :45. */
export function isOnQuarterHour(instant: UtcInstant): boolean {
  return QUARTER_HOURS.has(instant.slice(MINUTES_AT));
}

/** @throws OffQuarterHourError when the instant is not exactly on :00, :15, :30 or :45 */
export function assertOnQuarterHour(instant: UtcInstant): void {
  if (isOnQuarterHour(instant)) return;
  throw new OffQuarterHourError(`${instant} is not on a quarter hour: use :00, :15, :30 or :45 with no seconds.`);
}

const QUARTER_HOURS: ReadonlySet<string> = new Set(['00:00Z', '15:00Z', '30:00Z', '45:00Z']);
const MINUTES_AT = 14;
