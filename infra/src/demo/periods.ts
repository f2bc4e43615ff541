import {
  keepForecasts,
  keepReservations,
  listForecasts,
  raiseKnownAt,
  setLimits,
  type Database,
  type Forecast,
  type Reservation,
  type Trx,
} from '@quarterhour/db';
import {
  Decimal,
  decimalText,
  deliveryDayOf,
  limitStretches,
  marketZoneOfDeliveryArea,
  type LimitSetting,
  type PeriodLimits,
} from '@quarterhour/domain';
import type { DemoShifts } from './demo-set.js';
import { HOME_ASSET, homeForecasts } from './home.js';
import { HORNSDALE_ASSET, hornsdaleDispatches, hornsdaleHours } from './hornsdale.js';
import { shifted } from './times.js';

const ZONE = marketZoneOfDeliveryArea('50HZ');
const QUARTERS_OF_HALF_HOUR = 2;
const QUARTERS_OF_HOUR = 4;

/**
 * What is agreed about the demo's assets by period: the forecasts of the house as they were recorded; of the battery, its
 * dispatches said as positions, and limits from three sources that are examples.
 *
 * Does nothing when it is there already.
 */
export function seedDemoPeriods(
  db: Database,
  { organisationId: orgId, shifts }: { readonly organisationId: string; readonly shifts: DemoShifts },
): Promise<void> {
  return db.transaction([orgId], async (trx) => {
    const forecasts = forecastsOf(shifts);
    if (await areThere(trx, forecasts)) return;
    const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
    if (stamp === undefined) throw new Error('the organisation of the demo has no head');
    await keepForecasts(trx, forecasts, { orgId, stamp });
    await keepReservations(trx, reservationsOf(shifts), { orgId, stamp });
    await setLimits(trx, limitStretches(limitsOf(shifts)), { orgId, stamp });
  });
}

async function areThere(trx: Trx, forecasts: readonly Forecast[]): Promise<boolean> {
  const [first] = forecasts;
  if (first === undefined) return true;
  const { startTime: from, endTime: to } = first;
  const query = { assetIds: [HOME_ASSET.id], from, to, order: 'asc', limit: 1, offset: 0 } as const;
  const { size } = await listForecasts(trx, query, [{ name: 'start', column: 'start_time', as: 'instant' }]);
  return size > 0;
}

function forecastsOf({ home }: DemoShifts): Forecast[] {
  return homeForecasts().map(({ startsAt, generationMw }) => {
    const startTime = shifted(startsAt, home);
    return {
      assetId: HOME_ASSET.id,
      startTime,
      endTime: shifted(startTime, QUARTERS_OF_HALF_HOUR),
      deliveryDay: deliveryDayOf(startTime, ZONE),
      generationMw,
      consumptionMw: null,
      importFeeEurPerMwh: null,
    };
  });
}

/** The energy that a period's power takes out of the store. */
function reservationsOf({ hornsdale }: DemoShifts): Reservation[] {
  return hornsdaleDispatches().map(({ assetId, deliveryPeriodStart, targetPowerMw }) => {
    const startTime = shifted(deliveryPeriodStart, hornsdale);
    return {
      assetId,
      startTime,
      endTime: shifted(startTime, 1),
      market: 'IDA',
      source: 'OPTIMISATION',
      deliveryDay: deliveryDayOf(startTime, ZONE),
      powerMw: targetPowerMw,
      energyChangeMwh: decimalText(new Decimal(targetPowerMw).neg().div(QUARTERS_OF_HOUR)),
      energyBufferLowMwh: '0',
      energyBufferHighMwh: '0',
    };
  });
}

const NOTHING: PeriodLimits = {
  powerChargeMw: null,
  powerDischargeMw: null,
  energyLowMwh: null,
  energyHighMwh: null,
  isTradingLocked: null,
};

/** The battery's rating all the time, less of it in the end, and an hour in which it is not traded. */
function limitsOf({ hornsdale }: DemoShifts): LimitSetting[] {
  const { from, to } = hornsdaleHours(hornsdale);
  const setting = (source: string, window: LimitSetting['window'], limits: Partial<PeriodLimits>): LimitSetting => ({
    assetId: HORNSDALE_ASSET.id,
    zone: ZONE,
    source,
    window,
    isRecurrent: false,
    limits: { ...NOTHING, ...limits },
  });
  const hours = (from: number, to: number) => ({
    start: shifted(hornsdaleHours(hornsdale).from, from * QUARTERS_OF_HOUR),
    end: shifted(hornsdaleHours(hornsdale).from, to * QUARTERS_OF_HOUR),
  });
  return [
    setting(
      'OPERATIONS',
      { start: from, end: to },
      { powerChargeMw: '-120', powerDischargeMw: '150', energyLowMwh: '0', energyHighMwh: '193.5' },
    ),
    setting('AVAILABILITY', hours(8, 12), { powerDischargeMw: '100' }),
    setting('CUSTOMER', hours(6, 7), { energyLowMwh: '20', isTradingLocked: true }),
  ];
}
