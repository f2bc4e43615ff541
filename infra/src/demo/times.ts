import { epochMicros, instantFromEpochMicros, parseInstant, type UtcInstant } from '@quarterhour/domain';

const QUARTER_HOUR_MICROS = 15 * 60 * 1_000_000;
const AEMO_TIME = /^(\d{4})\/(\d{2})\/(\d{2}) (\d{2}:\d{2}:\d{2})$/;

/** How far a data set is moved, in whole quarter hours: positive is later. */
export type Shift = number;

/** The largest shift that brings no instant beyond `now`. */
export function shiftToEndAt(now: UtcInstant, instants: readonly UtcInstant[]): Shift {
  if (instants.length === 0) throw new RangeError('a data set without instants has no end');
  const last = instants.map(epochMicros).reduce((a, b) => Math.max(a, b));
  return Math.floor((epochMicros(now) - last) / QUARTER_HOUR_MICROS);
}

export function shifted(instant: UtcInstant, shift: Shift): UtcInstant {
  return instantFromEpochMicros(epochMicros(instant) + shift * QUARTER_HOUR_MICROS);
}

/** Start of the quarter hour in which an instant is. */
export function quarterHourOf(instant: UtcInstant): UtcInstant {
  const micros = epochMicros(instant);
  return instantFromEpochMicros(micros - (micros % QUARTER_HOUR_MICROS));
}

/** AEMO writes the time of UTC+10 without saying so, all year, for example `2018/05/01 00:05:00`. */
export function aemoInstant(text: string): UtcInstant {
  return parseInstant(text.replace(AEMO_TIME, '$1-$2-$3T$4+10:00'));
}

/** When the dispatch of five minutes is due, which AEMO names by their end. */
export function startOfFiveMinutes(settlementDate: string): UtcInstant {
  return instantFromEpochMicros(epochMicros(aemoInstant(settlementDate)) - 5 * 60 * 1_000_000);
}
