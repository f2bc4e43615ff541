export { aCertificate } from './certificate.js';
export type { TestCertificate } from './certificate.js';
export {
  aCommandEnvelope,
  aDeviceCommand,
  ALL_WRITE_SCOPES,
  aSchedule,
  aSetpoint,
  aSigningKey,
  signed,
} from './commands.js';
export type { SigningApiKey } from './commands.js';
export { testDatabase } from './database.js';
export type { TestDatabase } from './database.js';
export { sentAssetStatus, sentConfig, sentDispatch, sentTelemetry, sentTradingEvent, takeIn } from './deliveries.js';
export type { SentMessage } from './deliveries.js';
export { documentOfSurface, UndocumentedError } from './documented.js';
export type { Exchange } from './documented.js';
export { testServers } from './environment.js';
export type { TestServers } from './environment.js';
export { eventually } from './eventually.js';
export { openEsmSandbox } from '@quarterhour/infra/demo';
export type { EsmSandbox, EsmSandboxOptions, PlannedFault, SandboxPlant } from '@quarterhour/infra/demo';
export { AUDIENCE, ISSUER, openTestIssuer } from './issuer.js';
export type { TestIssuer, TokenClaims } from './issuer.js';
export {
  aConfigEnvelope,
  aDispatch,
  anAssetStatus,
  aMeterEnvelope,
  aRealtimeEnvelope,
  aTradingChange,
  recentQuarterHour,
} from './messages.js';
export type { ConfigEnvelope, MeterEnvelope, RealtimeEnvelope } from './messages.js';
export { aPlantGateway, type PlantGateway } from './plants.js';
export { startProcess } from './process.js';
export type { Exit, StartedProcess } from './process.js';
export { takeStamp } from './stamp.js';
export { anApiKey, anAsset, anOrganisation, aPlant, revokeApiKey, setTradingState } from './register.js';
export { openTcpProxy } from './tcp-proxy.js';
export type { TcpProxy } from './tcp-proxy.js';
export { testVhost } from './vhost.js';
export type { TestVhost } from './vhost.js';
export { answerBroker, partnerConnection } from './partner-access.js';
export type { PartnerConnection } from './partner-access.js';
