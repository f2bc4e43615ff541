export { DomainError } from './errors.js';
export {
  Decimal,
  InvalidDecimalError,
  MAX_FRACTION_DIGITS,
  MAX_INTEGER_DIGITS,
  canonicalDecimal,
  decimalText,
  type Amount,
  type InvalidDecimalCode,
} from './decimal.js';

export { Power, type PowerUnit } from './quantities/power.js';
export { EmptyDurationError, Energy, type EnergyUnit } from './quantities/energy.js';
export { CurrencyMismatchError, Price, type Currency, type Money, type PriceUnit } from './quantities/price.js';
export { CapacityNotPositiveError, StateOfCharge, StateOfChargeRangeError } from './quantities/state-of-charge.js';

export {
  InvalidInstantError,
  compareInstants,
  epochMicros,
  epochSeconds,
  instantFromEpochMicros,
  instantFromEpochMillis,
  instantFromEpochSeconds,
  microsOfSecond,
  parseInstant,
  type InvalidInstantCode,
  type UtcInstant,
} from './time/instant.js';
export { BackwardSpanError, type Span } from './time/span.js';
export { overlapsAmong, type Overlap } from './time/overlaps.js';
export { Duration, InvalidDurationError } from './time/duration.js';
export {
  DELIVERY_AREAS,
  REGIONS,
  UnknownMarketZoneError,
  marketZoneOfDeliveryArea,
  parseMarketZone,
  regionOfDeliveryArea,
  type DeliveryArea,
  type MarketZone,
  type Region,
} from './time/market-zone.js';
export {
  InvalidDeliveryDayError,
  deliveryDayOf,
  parseDeliveryDay,
  spanOfDeliveryDay,
  type DeliveryDay,
} from './time/delivery-day.js';
export {
  DeliveryPeriod,
  OffQuarterHourError,
  SECONDS_PER_DELIVERY_PERIOD,
  isOnQuarterHour,
} from './time/delivery-period.js';
export {
  MAX_DELIVERY_PERIODS,
  TooManyDeliveryPeriodsError,
  countDeliveryPeriods,
  dailyWindows,
  expandDailyWindow,
  expandToDeliveryPeriods,
  periodsOfDeliveryDay,
} from './time/expansion.js';

export {
  CounterWentBackError,
  energyPerDeliveryPeriod,
  intervalsBetweenReadings,
  type CounterReading,
  type EnergyInterval,
} from './aggregation/energy-intervals.js';
export { energyPerDeliveryDay, type DayEnergy, type PeriodEnergy } from './aggregation/period-energy.js';
export { energyOfSamplesPerDeliveryPeriod, type PowerSample } from './aggregation/power-samples.js';
export { SeriesOrderError } from './aggregation/series.js';

export {
  ASSET_ACTIONS,
  ASSET_LIFECYCLES,
  assetStep,
  mayBeDeleted,
  type AssetAction,
  type AssetLifecycle,
  type AssetStep,
} from './asset-lifecycle.js';
export {
  TRADING_ACTIONS,
  TRADING_STATES,
  TradingTransitionError,
  afterAction,
  disabledWhenEmpty,
  type TradingAction,
  type TradingStanding,
  type TradingState,
} from './trading-lifecycle.js';
export { dispatchPriceFault, type DispatchPriceFault, type DispatchPrices } from './dispatch-prices.js';
export {
  placeSpec,
  SpecOrderError,
  type SpecPlacement,
  type SpecValidity,
  type StandingSpecs,
} from './spec-versions.js';
export {
  areCrossed,
  limitStretches,
  mostRestrictive,
  type ComputedLimits,
  type LimitSetting,
  type LimitStretch,
  type PeriodLimits,
} from './period-limits.js';
export {
  READING_QUALITIES,
  energyMoves,
  totalOfMoves,
  type EnergyMove,
  type ReadingQuality,
  type StoredEnergyReading,
} from './stored-energy.js';
export { defaultQueuePrefix } from './queue-prefix.js';
