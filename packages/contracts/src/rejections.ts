/**
 * Why a command or schedule is refused. The reason that a partner is told begins with the code, a colon and a space; what
 * follows is for people.
 *
 * `isAnswered`: whether there is a NACK. What nobody vouched for is not answered: whoever sent it learns nothing.
 */
export const REJECTIONS = {
  SCHEMA: { isAnswered: true },
  VERSION: { isAnswered: true },
  UNKNOWN_SITE: { isAnswered: true },
  UNSIGNED: { isAnswered: false },
  SIGNATURE: { isAnswered: false },
  STALE: { isAnswered: true },
  EXPIRED: { isAnswered: true },
  CONFLICT: { isAnswered: true },
  PAUSED: { isAnswered: true },
  DRAINING: { isAnswered: true },
  RATE_LIMITED: { isAnswered: true },
  NOT_ALLOWED: { isAnswered: true },
  IMPLAUSIBLE: { isAnswered: true },
  IDENTITY: { isAnswered: true },
  UNKNOWN_SCHEDULE: { isAnswered: true },
} as const;
export type Rejection = keyof typeof REJECTIONS;

/** Every rejection, in the order of {@link REJECTIONS}. */
export const REJECTION_NAMES: readonly [Rejection, ...Rejection[]] = [
  'SCHEMA',
  'VERSION',
  'UNKNOWN_SITE',
  'UNSIGNED',
  'SIGNATURE',
  'STALE',
  'EXPIRED',
  'CONFLICT',
  'PAUSED',
  'DRAINING',
  'RATE_LIMITED',
  'NOT_ALLOWED',
  'IMPLAUSIBLE',
  'IDENTITY',
  'UNKNOWN_SCHEDULE',
];

/** Why a command that was taken was not carried out. */
export const EXECUTION_REASONS = [
  'PLANT_OFFLINE',
  'TIMEOUT',
  'EXPIRED',
  'SUPERSEDED',
  'CANCELLED',
  'PLANT_REFUSED',
] as const;
export type ExecutionReason = (typeof EXECUTION_REASONS)[number];
