import { DomainError } from '../errors.js';
import { compareInstants, type UtcInstant } from '../time/instant.js';

/** A series goes back in time, names one instant twice, or has intervals that overlap: its energy would count twice. */
export class SeriesOrderError extends DomainError {
  override readonly name = 'SeriesOrderError';
  readonly code = 'series_out_of_order';
}

/** @throws SeriesOrderError unless each instant is later than the one before it */
export function assertAscending(instants: readonly UtcInstant[]): void {
  instants.forEach((instant, index) => {
    const previous = instants[index - 1];
    if (previous !== undefined && compareInstants(previous, instant) >= 0) {
      throw new SeriesOrderError(`${instant} follows ${previous}: sort the series and leave one value per instant.`);
    }
  });
}
