/** The part of a logger that is used here. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/**
 * What is worth counting.
 *
 * - `connected`, `connection-lost`, `connect-failed`: one of the two connections
 * - `blocked`: the broker asked the publishing connection to pause (memory or disk alarm)
 * - `channel-lost`: a channel of a consumer or publisher was closed other than by us, or could not be opened
 * - `ack-dropped`: an acknowledgement came after its channel was gone; the messages are delivered again
 * - `unroutable`, `publish-refused`, `confirm-lost`: a published message was not confirmed, and why
 */
export const BROKER_EVENTS = [
  'connected',
  'connection-lost',
  'connect-failed',
  'blocked',
  'channel-lost',
  'ack-dropped',
  'unroutable',
  'publish-refused',
  'confirm-lost',
] as const;

/** One of {@link BROKER_EVENTS}. */
export type BrokerEvent = (typeof BROKER_EVENTS)[number];

/** Where lines and counts go. */
export interface Reporting {
  readonly log: Log;
  readonly onEvent: (event: BrokerEvent) => void;
}
