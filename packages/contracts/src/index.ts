export * from './http/index.js';
export * from './messages/dispatch.js';
export * from './messages/vcp/envelope.js';
export * from './messages/vcp/telemetry.js';
export * from './scalars.js';
export * from './streams.js';
export * from './topology.js';
