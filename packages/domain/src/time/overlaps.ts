import { compareInstants } from './instant.js';
import type { Span } from './span.js';

/** That two spans overlap, by their places in what was given. */
export interface Overlap {
  /** Of the two the one that begins later; of two that begin together the one that was given later. */
  readonly index: number;
  /** The other one; of several one that begins at the same instant, if there is one. */
  readonly with: number;
  /** Whether both begin at the same instant. */
  readonly sharesStart: boolean;
}

/**
 * Spans that reach into one of those that begin before them, each once, in the order in which they were given. Spans that
 * touch do not overlap.
 *
 * @param spans none of them empty, in any order
 */
export function overlapsAmong(spans: readonly Span[]): Overlap[] {
  const ordered = spans
    .map((span, index) => ({ span, index }))
    .toSorted((left, right) => compareInstants(left.span.start, right.span.start) || left.index - right.index);
  const overlaps: Overlap[] = [];
  let [reaching] = ordered;
  for (const [place, one] of ordered.entries()) {
    const previous = ordered[place - 1];
    if (reaching === undefined || previous === undefined) continue;
    const sharesStart = previous.span.start === one.span.start;
    if (compareInstants(one.span.start, reaching.span.end) < 0) {
      overlaps.push({ index: one.index, with: (sharesStart ? previous : reaching).index, sharesStart });
    }
    if (compareInstants(one.span.end, reaching.span.end) > 0) reaching = one;
  }
  return overlaps.toSorted((left, right) => left.index - right.index);
}
