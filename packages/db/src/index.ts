export { openDatabase, type Database, type DatabaseOptions, type HeldDatabase, type Trx } from './pool.js';
export { againAfterDeadlock } from './deadlocks.js';
export { type NamedStatement, type Statement } from './statement.js';
export { NO_ORGANISATION } from './tenant-scope.js';
export {
  classifyError,
  CommitRefusedError,
  CommitUnknownError,
  isStatementTimeout,
  TransactionMisuseError,
  UnansweredError,
  type ErrorClass,
} from './errors.js';
export {
  assertOursOrEmpty,
  migrate,
  NotOursError,
  UnsuitableDatabaseError,
  type MigrateOptions,
  type MigrationReport,
} from './migrate.js';
export {
  LOGIN_ROLES,
  OWNER_ROLE,
  requiredRoleSql,
  RolesNeededError,
  type LoginRole,
  type RolePasswords,
} from './roles.js';
export { SCHEMA_VERSION } from './migrations/index.js';
export { assertReady, NotReadyError, type ReadyOptions } from './ready.js';
export {
  ensurePartitions,
  ensurePartitionsWithin,
  listPartitions,
  readStreamWindows,
  type Partition,
  type StreamWindow,
} from './partitions.js';
export { closedLines, headerLine, type LineFormat, type Lines, type LinesReader } from './lines.js';
export { type FieldForm, type NestedObject, type Page, type Projection, type ProjectionField } from './projection.js';
export { type AssetList, type AssetTimeKey } from './queries/agreed-rows.js';
export { type Stamping, type Written } from './queries/agreed-table.js';
export { findAnsweredRequest, rememberAnswer, type AnsweredRequest } from './queries/answered-requests.js';
export {
  exportAssetStatuses,
  findAssetStatus,
  insertAssetStatuses,
  listAssetStatuses,
  type AssetStatusColumn,
  type AssetStatusKey,
  type AssetStatusQuery,
  type FoundStatus,
  type NewAssetStatus,
} from './queries/asset-statuses.js';
export {
  AssetInUseError,
  changeAsset,
  deleteAsset,
  findAsset,
  findKnownAssets,
  listAssetsPage,
  lockAsset,
  takeAssetStep,
  type AssetChange,
  type AssetColumn,
  type AssetKey,
  type AssetQuery,
  type AssetRecord,
  type KnownAsset,
} from './queries/assets.js';
export {
  createAsset,
  createDevice,
  createOrganisation,
  createPlant,
  findOrganisation,
  findPlant,
  listAssets,
  listDevices,
  listOrganisations,
  listPlants,
  loadRegister,
  registerMark,
  type AssetRow,
  type DeviceRow,
  type NewAsset,
  type OrganisationRow,
  type PartnerKeyRow,
  type PlantRow,
  type RegisterMark,
  type RegisterRows,
} from './queries/register.js';
export {
  enableTrading,
  listTradingStates,
  TRADING_STATES,
  type TradingState,
  type TradingStateRow,
} from './queries/trading-states.js';
export {
  announcedStamp,
  announceStamp,
  deferRaise,
  knownAt,
  knownNow,
  measuredKnownAt,
  raiseKnownAt,
  type Mark,
} from './queries/known-at.js';
export { type VersionVerdict } from './queries/keep-versions.js';
export {
  displaceSpecs,
  exportSpecs,
  insertSpec,
  listSpecs,
  lockSpecs,
  replaceSpec,
  SpecOverlapError,
  type AssetSpec,
  type LockedSpecs,
  type SpecColumn,
  type SpecKey,
  type SpecOwner,
  type SpecQuery,
  type SpecValues,
} from './queries/asset-specs.js';
export {
  AUDIT_START,
  checkAuditStretch,
  exportAudit,
  firstBrokenAudit,
  listAudit,
  recordAudit,
  type AuditColumn,
  type AuditEntry,
  type AuditKey,
  type AuditMark,
  type AuditQuery,
  type AuditStretch,
} from './queries/audit.js';
export {
  exportConnectionLimits,
  keepConnectionLimits,
  listConnectionLimits,
  type ConnectionLimit,
  type ConnectionLimitColumn,
  type ConnectionLimitKey,
  type ConnectionLimitQuery,
  type KeptLimits,
  type Limited,
  type LimitedKind,
} from './queries/connection-limits.js';
export {
  changeConnectionPoint,
  connectionPointText,
  exportConnectionPoints,
  hasConnectionPoint,
  insertConnectionPoint,
  listConnectionPoints,
  lockConnectionPoint,
  removeConnectionPoint,
  type ConnectionPoint,
  type ConnectionPointChange,
  type ConnectionPointColumn,
  type ConnectionPointKey,
  type ConnectionPointProjection,
  type ConnectionPointQuery,
  type DispatchMode,
  type NewConnectionPoint,
} from './queries/connection-points.js';
export {
  changeInverter,
  hasInverter,
  insertInverter,
  inverterText,
  listInvertersOfAsset,
  lockInverter,
  removeInverters,
  type Inverter,
  type InverterAddress,
  type InverterColumn,
  type NewInverter,
} from './queries/inverters.js';
export {
  exportReceipts,
  insertReceipts,
  listReceipts,
  type Receivable,
  type Receipted,
  type ReceiptColumn,
  type ReceiptKey,
  type ReceiptQuery,
} from './queries/receipts.js';
export {
  exportTradingConfigEvents,
  insertTradingConfigEvents,
  listTradingConfigEvents,
  type NewTradingConfigEvent,
  type TradingConfigColumn,
  type TradingConfigKey,
  type TradingConfigQuery,
} from './queries/trading-config-events.js';
export {
  discardQuarantined,
  listWaiting,
  lockParked,
  lockQuarantined,
  recordAttempts,
  tryAlone,
  type Attempt,
  type Waiting,
} from './queries/quarantine-decisions.js';
export {
  exportForecasts,
  keepForecasts,
  listForecasts,
  type Forecast,
  type ForecastColumn,
  type ForecastQuery,
} from './queries/forecasts.js';
export { closePeriodData } from './queries/period-data.js';
export {
  clearLimits,
  exportLimits,
  listLimits,
  setLimits,
  type Cleared,
  type LimitProjection,
  type LimitsOfSource,
  type PeriodLimitColumn,
  type PeriodLimitQuery,
  type SourceLimitColumn,
} from './queries/period-limits.js';
export {
  exportReservations,
  keepReservations,
  listReservations,
  type Reservation,
  type ReservationColumn,
  type ReservationKey,
  type ReservationQuery,
} from './queries/reservations.js';
export {
  exportLatestSnapshots,
  exportSnapshots,
  keepSnapshots,
  listLatestSnapshots,
  listSnapshots,
  readSnapshots,
  totalMoves,
  type LatestSnapshotQuery,
  type SnapshotKey,
  type SnapshotQuery,
  type StateSnapshot,
  type StateSnapshotColumn,
  type StoredSnapshotColumn,
} from './queries/state-snapshots.js';
export { type RowVerdict } from './queries/insert-once.js';
export {
  exportDispatches,
  getDispatch,
  insertDispatches,
  listDispatches,
  type DispatchColumn,
  type DispatchKey,
  type DispatchQuery,
  type DispatchReceipt,
  type DispatchRecord,
  type NewDispatch,
} from './queries/dispatches.js';
export {
  insertMeterReadings,
  insertRealtimeSamples,
  latestTelemetry,
  prepareMeterReadings,
  prepareRealtimeSamples,
  type Measured,
  type NewMeterReading,
  type NewRealtimeSample,
  type PreparedReadings,
  type PreparedSamples,
  type RealtimeColumn,
} from './queries/telemetry.js';
export {
  exportTelemetryBuckets,
  listTelemetryBuckets,
  type BucketKey,
  type BucketQuery,
  type TelemetryBucketColumn,
} from './queries/telemetry-buckets.js';
export {
  exportMeterBuckets,
  listMeterBuckets,
  type MeterBucketColumn,
  type MeterBucketKey,
  type MeterBuckets,
} from './queries/meter-buckets.js';
export {
  findWrongRollups,
  rollUp,
  type PlantPeriod,
  type VerifyQuery,
  type WrongRollup,
} from './queries/telemetry-rollups.js';
export { findSample, listReadings, type StoredReading, type StoredSample } from './queries/stored-telemetry.js';
export {
  exportQuarantine,
  getQuarantined,
  insertQuarantine,
  listQuarantine,
  QUARANTINE_QUOTA,
  type FailedAttempt,
  type NewQuarantined,
  type QuarantineColumn,
  type QuarantinedRecord,
  type QuarantineKey,
  type QuarantineQuota,
  type QuarantineQuery,
} from './queries/quarantine.js';
export {
  listDueMessages,
  outboxState,
  settleMessages,
  type FailedMessage,
  type OutboxMessage,
  type OutboxState,
} from './queries/outbox.js';
export {
  forgetSuspects,
  keyOfSuspect,
  lowerSuspects,
  raiseSuspects,
  readAttempts,
  type LetGo,
  type Suspect,
} from './queries/suspects.js';
export {
  beginProgress,
  exportIngestMinutes,
  listIngestMinutes,
  lockProgress,
  readProgress,
  recordBatch,
  type BatchCounts,
  type IngestMinuteColumn,
  type IngestMinuteKey,
  type IngestMinuteQuery,
  type MinuteCount,
} from './queries/ingest-minutes.js';
export {
  findApiKey,
  findApiKeyOwner,
  insertApiKey,
  listApiKeys,
  listLiveApiKeys,
  recordApiKeyUses,
  revokeApiKey,
  type ApiKeyColumn,
  type ApiKeyQuery,
  type ApiKeyRow,
  type ApiKeyUse,
  type CountedPage,
  type NewApiKey,
  type RevokedApiKey,
} from './queries/api-keys.js';
export { findSite, listSites, type SiteColumn, type SiteQuery } from './queries/sites.js';
export { wantProvisioning } from './queries/wanted-version.js';
export { findPartnerLogin, type PartnerLogin } from './queries/partner-logins.js';
export { dropOutgoing, enqueueOutgoing, type OutgoingRow } from './queries/outgoing.js';
export {
  changeTradingConfig,
  findTradingConfig,
  listTradingConfigs,
  lockTradingConfig,
  QueuePrefixTakenError,
  recordProvisioned,
  recordProvisionTrouble,
  setQueuePrefix,
  setTradingStanding,
  type NewStanding,
  type TradingConfigChange,
  type TradingConfigRecord,
} from './queries/trading-config.js';
export {
  addPlantEans,
  findSiteByEan,
  listLastRegisters,
  type MeteredSite,
  type RegisterReading,
} from './queries/meter-state.js';
export {
  findActiveSchedule,
  findModeOverride,
  findOperatingMode,
  findSiteConfig,
  listSiteCommands,
  type ActiveSchedule,
  type ModeOverride,
  type SiteCommandColumn,
  type SiteConfig,
} from './queries/site-commands.js';
export { addFanOutDrops, type FanOutDrops } from './queries/fan-out-drops.js';
export {
  forgetPartnerVhost,
  keepPartnerVhost,
  listPartnerQueues,
  listPartnerVhosts,
  listUnprovisioned,
  recordPartnerQueues,
  type PartnerQueueRow,
  type PartnerVhostRow,
  type SampledQueue,
} from './queries/provisioning.js';
export {
  countSealed,
  listSealedOtherwise,
  replaceSealed,
  SEALED_COLUMNS,
  signingKeyPlace,
  type Resealed,
  type SealedColumn,
  type SealedValue,
  type SealedValuePlace,
} from './queries/sealed-columns.js';
export {
  keepDecided,
  takeStanding,
  type AskedCommands,
  type CommandPace,
  type CommandStatus,
  type CommandType,
  type DecidedCommands,
  type KeptCommand,
  type NewCommand,
  type NewSchedule,
  type ScheduleCancellation,
  type ScheduleName,
  type Standing,
  type StandingSchedule,
} from './queries/partner-commands.js';
export {
  listCommandLog,
  listConfigLog,
  type CommandLogColumn,
  type CommandLogQuery,
  type ConfigLogColumn,
  type PlantLogQuery,
} from './queries/plant-logs.js';
export {
  findEsmAccess,
  linkPlant,
  listSyncsDue,
  recordSync,
  type EsmAccessRecord,
  type PlantLink,
} from './queries/esm-access.js';
export {
  beginConfigRequest,
  listOpenConfigRequests,
  updateConfigRequest,
  type ConfigAnswer,
  type ConfigLogRecord,
  type NewConfigRequest,
  type OpenConfigRequest,
} from './queries/config-log.js';
export {
  listPartnerKeys,
  listPartnerTraffic,
  type PartnerKey,
  type PartnerTraffic,
} from './queries/trading-partners.js';
export {
  takeAnswered,
  writeCommandAnswers,
  writeSlotAnswers,
  type Answered,
  type AnsweredCommand,
  type AnsweredSlot,
  type AnswerTaken,
  type CommandNamed,
} from './queries/command-answers.js';
export {
  executionState,
  takeDueCommands,
  takeStoppedCommands,
  withdrawOutgoing,
  writeCommandStandings,
  type CommandStanding,
  type CommandToExecute,
  type DueCommand,
  type DueQuery,
  type ExecutionState,
  type SenderOfCommand,
  type Stop,
  type Withdrawal,
} from './queries/execution.js';
export {
  endCancelledSchedules,
  listScheduleStandings,
  openScheduleSlots,
  takeDueSlots,
  writeSlotStandings,
  type Cancellation,
  type CancelledSchedule,
  type DueSlot,
  type NewScheduleSlot,
  type ScheduleStanding,
  type SlotStanding,
} from './queries/schedule-slots.js';
