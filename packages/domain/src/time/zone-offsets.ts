import { SECONDS_PER_DAY } from './calendar.js';
import { IANAZone } from './luxon.js';
import type { MarketZone } from './market-zone.js';

/** A stretch of time, [from, until) in seconds since 1970, in which a zone keeps one offset. */
export interface OffsetStretch {
  readonly from: number;
  readonly until: number;
  /** Seconds by which local time is ahead of UTC. */
  readonly offset: number;
}

/** Offsets are looked up in blocks of this length, so that one instant costs one block, not the zone's whole history. */
const BLOCK = 400 * SECONDS_PER_DAY;

/** Below the shortest time between two changes of a clock since 1970: just under seven days, Recife in October 2000. */
const STEP = 5 * SECONDS_PER_DAY;

const zones = new Map<MarketZone, Map<number, readonly OffsetStretch[]>>();

/**
 * The stretch around a second in which the zone's offset stands still.
 *
 * The first call for a zone and block of 400 days asks luxon a hundred times; every later one is a lookup. A stretch may
 * be cut where a block ends, so two neighbours can have the same offset.
 */
export function offsetStretchAt(zone: MarketZone, second: number): OffsetStretch {
  for (const stretch of stretchesOfBlock(zone, Math.floor(second / BLOCK))) {
    if (second < stretch.until) return stretch;
  }
  throw new RangeError(`no offset of ${zone} at ${second}`);
}

function stretchesOfBlock(zone: MarketZone, block: number): readonly OffsetStretch[] {
  const blocks = blocksOf(zone);
  const known = blocks.get(block);
  if (known !== undefined) return known;
  const stretches = findStretches(offsetsOf(zone), block * BLOCK, (block + 1) * BLOCK);
  blocks.set(block, stretches);
  return stretches;
}

function blocksOf(zone: MarketZone): Map<number, readonly OffsetStretch[]> {
  const known = zones.get(zone);
  if (known !== undefined) return known;
  const blocks = new Map<number, readonly OffsetStretch[]>();
  zones.set(zone, blocks);
  return blocks;
}

type OffsetAt = (second: number) => number;

function offsetsOf(zone: MarketZone): OffsetAt {
  const luxonZone = IANAZone.create(zone);
  return (second) => Math.round(luxonZone.offset(second * 1_000) * 60);
}

function findStretches(offsetAt: OffsetAt, start: number, end: number): OffsetStretch[] {
  const stretches: OffsetStretch[] = [];
  let from = start;
  for (let second = start; second < end; second += STEP) {
    const next = Math.min(second + STEP, end - 1);
    if (offsetAt(next) === offsetAt(second)) continue;
    const change = firstSecondWithOtherOffset(offsetAt, second, next);
    stretches.push({ from, until: change, offset: offsetAt(second) });
    from = change;
  }
  return [...stretches, { from, until: end, offset: offsetAt(end - 1) }];
}

function firstSecondWithOtherOffset(offsetAt: OffsetAt, before: number, after: number): number {
  const offset = offsetAt(before);
  let [low, high] = [before, after];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}
