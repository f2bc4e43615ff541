import { DomainError } from '../errors.js';
import { compareInstants, type UtcInstant } from './instant.js';

/** A half-open stretch of time: `start` belongs to it, `end` does not. */
export interface Span {
  readonly start: UtcInstant;
  readonly end: UtcInstant;
}

/** A span ends before it starts, or at its start where it may not be empty. */
export class BackwardSpanError extends DomainError {
  override readonly name = 'BackwardSpanError';
  readonly code = 'backward_span';
}

/** @throws BackwardSpanError when the end is before the start */
export function assertForward(span: Span): void {
  if (compareInstants(span.start, span.end) > 0) {
    throw new BackwardSpanError(`The span ends at ${span.end}, before its start ${span.start}: swap or correct them.`);
  }
}

/** @throws BackwardSpanError when the end is not after the start */
export function assertNotEmpty(span: Span): void {
  if (compareInstants(span.start, span.end) >= 0) {
    throw new BackwardSpanError(`The span ends at ${span.end}, not after its start ${span.start}: give it a length.`);
  }
}
