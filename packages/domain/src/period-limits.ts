import { Decimal } from './decimal.js';
import { deliveryDayOf, spanOfDeliveryDay, type DeliveryDay } from './time/delivery-day.js';
import { SECONDS_PER_DELIVERY_PERIOD } from './time/delivery-period.js';
import { dailyWindows } from './time/expansion.js';
import { epochSeconds, instantFromEpochSeconds } from './time/instant.js';
import type { MarketZone } from './time/market-zone.js';
import type { Span } from './time/span.js';

/**
 * What one source says about an asset in one delivery period; null where it says nothing.
 *
 * Charging is negative: `powerChargeMw` is the lower and `powerDischargeMw` the upper bound of the permitted net power,
 * `energyLowMwh` and `energyHighMwh` bound the stored energy. Decimals are canonical text.
 */
export interface PeriodLimits {
  readonly powerChargeMw: string | null;
  readonly powerDischargeMw: string | null;
  readonly energyLowMwh: string | null;
  readonly energyHighMwh: string | null;
  /** Whether the asset must not be traded; false takes a lock away. */
  readonly isTradingLocked: boolean | null;
}

/** What holds in a delivery period when all sources are taken together. */
export interface ComputedLimits extends PeriodLimits {
  readonly isTradingLocked: boolean;
}

/** Limits that one source sets for every delivery period of a window, or of a daily recurrence. */
export interface LimitSetting {
  readonly assetId: string;
  /** Zone of the asset's delivery days. */
  readonly zone: MarketZone;
  readonly source: string;
  /** Both ends on a quarter hour, the end after the start. */
  readonly window: Span;
  /** Whether the window says a daily recurrence, see {@link dailyWindows}. */
  readonly isRecurrent: boolean;
  readonly limits: PeriodLimits;
}

/** A stretch of one delivery day in which all delivery periods get the same limits. */
export interface LimitStretch extends Span {
  readonly assetId: string;
  readonly source: string;
  readonly deliveryDay: DeliveryDay;
  readonly limits: PeriodLimits;
}

/**
 * Cuts settings into stretches that do not overlap: each delivery period of an asset and source is in one of them.
 *
 * Where settings of one asset and source overlap they apply in order, each over the ones before: what a later one says
 * wins, what it leaves open stays.
 *
 * @param settings together of few enough periods, see {@link countDeliveryPeriods}
 * @returns per asset and source in order of time
 * @throws TooManyDeliveryPeriodsError when one recurrence holds more than a leap year
 * @throws InvalidDeliveryDayError or InvalidInstantError at the very ends of the years 1970 to 9999
 */
export function limitStretches(settings: readonly LimitSetting[]): LimitStretch[] {
  return groupsOf(settings).flatMap(([first, ...others]) =>
    overlaid([first, ...others].flatMap(layersOf)).flatMap((layer) => cutAtDeliveryDays(layer, first)),
  );
}

/**
 * The most restrictive combination of what the sources say: the narrowest band, and locked when any source locks.
 *
 * @returns null where no source says anything; low may lie above high, which is then the truth
 */
export function mostRestrictive(limits: readonly PeriodLimits[]): ComputedLimits {
  return {
    powerChargeMw: extreme(limits, 'powerChargeMw', 'max'),
    powerDischargeMw: extreme(limits, 'powerDischargeMw', 'min'),
    energyLowMwh: extreme(limits, 'energyLowMwh', 'max'),
    energyHighMwh: extreme(limits, 'energyHighMwh', 'min'),
    isTradingLocked: limits.some(({ isTradingLocked }) => isTradingLocked === true),
  };
}

/** Whether a lower bound lies above its upper bound; a bound that is not there crosses nothing. Canonical decimals. */
export function areCrossed(low: string | null, high: string | null): boolean {
  return low !== null && high !== null && new Decimal(low).gt(high);
}

type Bound = Exclude<keyof PeriodLimits, 'isTradingLocked'>;

function extreme(limits: readonly PeriodLimits[], bound: Bound, which: 'min' | 'max'): string | null {
  const said = limits.flatMap((one) => one[bound] ?? []);
  return said.length === 0 ? null : Decimal[which](...said).toFixed();
}

type Group = [first: LimitSetting, ...others: LimitSetting[]];

/** By asset and source, each in order. */
function groupsOf(settings: readonly LimitSetting[]): Group[] {
  const groups = new Map<string, Group>();
  for (const setting of settings) {
    const key = `${setting.source} ${setting.assetId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [setting]);
    else group.push(setting);
  }
  return [...groups.values()];
}

/** A window in seconds since 1970. */
interface Layer {
  readonly start: number;
  readonly end: number;
  readonly limits: PeriodLimits;
}

function layersOf({ window, isRecurrent, limits }: LimitSetting): Layer[] {
  const windows = isRecurrent ? dailyWindows(window) : [window];
  return windows.map(({ start, end }) => ({ start: epochSeconds(start), end: epochSeconds(end), limits }));
}

/** In order of time, without overlap. Mostly there is none, and then nothing has to be looked at period by period. */
function overlaid(layers: readonly Layer[]): Layer[] {
  const ordered = layers.toSorted((left, right) => left.start - right.start);
  const overlap = ordered.some(({ start }, index) => start < (ordered[index - 1]?.end ?? -Infinity));
  return overlap ? overlaidByPeriod(layers) : ordered;
}

function overlaidByPeriod(layers: readonly Layer[]): Layer[] {
  const byPeriod = new Map<number, PeriodLimits>();
  for (const { start, end, limits } of layers) {
    const combine = combinedWith(limits);
    for (let period = start; period < end; period += SECONDS_PER_DELIVERY_PERIOD) {
      byPeriod.set(period, combine(byPeriod.get(period)));
    }
  }
  return joined([...byPeriod].sort(([left], [right]) => left - right));
}

/** Equal limits below give the very same limits above, so that {@link joined} sees that they are. */
function combinedWith(above: PeriodLimits): (below: PeriodLimits | undefined) => PeriodLimits {
  const known = new Map<PeriodLimits, PeriodLimits>();
  return (below) => {
    if (below === undefined) return above;
    const combined = known.get(below) ?? over(below, above);
    known.set(below, combined);
    return combined;
  };
}

function over(below: PeriodLimits, above: PeriodLimits): PeriodLimits {
  return {
    powerChargeMw: above.powerChargeMw ?? below.powerChargeMw,
    powerDischargeMw: above.powerDischargeMw ?? below.powerDischargeMw,
    energyLowMwh: above.energyLowMwh ?? below.energyLowMwh,
    energyHighMwh: above.energyHighMwh ?? below.energyHighMwh,
    isTradingLocked: above.isTradingLocked ?? below.isTradingLocked,
  };
}

function joined(periods: readonly (readonly [start: number, limits: PeriodLimits])[]): Layer[] {
  const layers: Layer[] = [];
  for (const [start, limits] of periods) {
    const end = start + SECONDS_PER_DELIVERY_PERIOD;
    const last = layers.at(-1);
    if (last?.end === start && last.limits === limits) layers[layers.length - 1] = { ...last, end };
    else layers.push({ start, end, limits });
  }
  return layers;
}

function cutAtDeliveryDays(layer: Layer, { assetId, source, zone }: LimitSetting): LimitStretch[] {
  const stretches: LimitStretch[] = [];
  let start = instantFromEpochSeconds(layer.start);
  for (let second = layer.start; second < layer.end; second = epochSeconds(start)) {
    const deliveryDay = deliveryDayOf(start, zone);
    const dayEnd = epochSeconds(spanOfDeliveryDay(deliveryDay, zone).end);
    const end = instantFromEpochSeconds(Math.min(dayEnd, layer.end));
    stretches.push({ assetId, source, deliveryDay, start, end, limits: layer.limits });
    start = end;
  }
  return stretches;
}
