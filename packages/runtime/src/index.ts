export { endsWithin, fixedClock, sleep, systemClock } from './clock.js';
export type { Clock, FixedClock } from './clock.js';
export { ConfigError, readEnvironment } from './environment.js';
export type { Environment } from './environment.js';
export { readiness } from './health.js';
export type { HealthCheck, HealthReport, Readiness } from './health.js';
export { startHealthServer } from './health-server.js';
export type { HealthServer, HealthServerOptions } from './health-server.js';
export { addKey, createKeyRing, KeyRingError, readRingKeys, removeKey } from './key-ring.js';
export type { RingKeys } from './key-ring.js';
export type { LogFields } from './log-fields.js';
export { createLogger, LOG_LEVELS } from './logger.js';
export type { LogDestination, Logger, LoggerOptions, LogLevel } from './logger.js';
export { createMetrics, MetricDeclarationError } from './metrics.js';
export type { Counter, Gauge, Histogram, LabelsOf, LabelValues, MetricDeclaration, Metrics } from './metrics.js';
export { runProcess } from './run-process.js';
export type { OnStop, ProcessOptions } from './run-process.js';
export { keyIdOf, openKeyRing, SealedValueError } from './sealing.js';
export type { KeyRing, SealedPlace } from './sealing.js';
export { Secret } from './secret.js';
export { GuardedClient } from './outbound/guarded-client.js';
export type {
  GuardedClientOptions,
  OutboundAnswer,
  OutboundLimits,
  OutboundRequest,
} from './outbound/guarded-client.js';
export { OutboundError } from './outbound/outbound-error.js';
export type { OutboundErrorCode } from './outbound/outbound-error.js';
export { judgePartnerUrl, MAX_PARTNER_URL_CHARACTERS } from './outbound/partner-url.js';
export type { PartnerUrlRules, PartnerUrlVerdict } from './outbound/partner-url.js';
export { isPublicAddress } from './outbound/public-address.js';
export { periodically } from './periodically.js';
export type { JobState } from './periodically.js';
