/**
 * The vocabulary of ingestion: which streams exist, what may become of a delivery, and why one is set aside.
 */

/**
 * Streams that the worker takes in. A stream names what arrives, not the queue it comes from; `dead-letter` is what the
 * broker gave up on and nobody can tell any more what it was.
 */
export const STREAMS = [
  'dispatch',
  'plant-telemetry',
  'trading-config',
  'asset-status',
  'partner-command',
  'command-answer',
  'dead-letter',
] as const;
export type StreamName = (typeof STREAMS)[number];

/**
 * Streams of which nothing is ever taken in later, whatever is registered or corrected meanwhile: what was asked for then is
 * not wanted now.
 */
export const NEVER_REPLAYED: readonly StreamName[] = ['partner-command'];

/**
 * What became of one delivery. Each delivery ends in exactly one of these, committed before it is acknowledged.
 *
 * - `stored`: a new fact
 * - `revised`: same natural key, other content; both versions are kept
 * - `duplicate`: known already; nothing changed but a count
 * - `rejected`: understood and refused, final
 * - `quarantined`: not understood, impossible, of an unknown owner or in conflict; kept whole with its reason
 */
export const OUTCOMES = ['stored', 'revised', 'duplicate', 'rejected', 'quarantined'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/**
 * Why a delivery is in quarantine.
 *
 * `replayable` says whether the same bytes can end differently later, once an asset is registered, a rule is
 * corrected or time has passed. What cannot be read at all stays as it is.
 */
export const REASONS = {
  unknown_asset: { replayable: true },
  unknown_plant: { replayable: true },
  unknown_organisation: { replayable: true },
  schema: { replayable: true },
  implausible: { replayable: true },
  delivery_limit: { replayable: true },
  syntax: { replayable: false },
  charset: { replayable: false },
  encoding: { replayable: false },
  size: { replayable: false },
  depth: { replayable: false },
  duplicate_key: { replayable: false },
  conflict: { replayable: false },
  too_old: { replayable: false },
} as const;
export type Reason = keyof typeof REASONS;

/** Every reason, in the order of {@link REASONS}. */
export const REASON_NAMES: readonly [Reason, ...Reason[]] = [
  'unknown_asset',
  'unknown_plant',
  'unknown_organisation',
  'schema',
  'implausible',
  'delivery_limit',
  'syntax',
  'charset',
  'encoding',
  'size',
  'depth',
  'duplicate_key',
  'conflict',
  'too_old',
];
