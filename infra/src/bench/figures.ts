/** The middle of some figures, of an even number the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN;
  return (lower + upper) / 2;
}

/**
 * The smallest figure that so many percent of all do not exceed (nearest rank); NaN of none.
 *
 * @param percent more than 0, at most 100
 */
export function percentile(values: readonly number[], percent: number): number {
  const rank = Math.ceil((percent / 100) * values.length);
  return ascending(values)[rank - 1] ?? NaN;
}

/** Ratios of two series round by round: what was measured side by side is compared side by side. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): number[] {
  return numerators.map((numerator, round) => numerator / (denominators[round] ?? NaN));
}

/** Three significant digits, thousands grouped: `0.412`, `18.3`, `36,100`. */
export function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((left, right) => left - right);
}
