import {
  clearLimits,
  keepForecasts,
  keepReservations,
  keepSnapshots,
  openDatabase,
  raiseKnownAt,
  setLimits,
  type Database,
  type Forecast,
  type Reservation,
  type Stamping,
  type StateSnapshot,
  type Trx,
} from '@quarterhour/db';
import {
  deliveryDayOf,
  limitStretches,
  marketZoneOfDeliveryArea,
  parseInstant,
  type PeriodLimits,
  type UtcInstant,
} from '@quarterhour/domain';

const BERLIN = marketZoneOfDeliveryArea('50HZ');
const QUARTER_MS = 900_000;

interface LimitFact extends Partial<PeriodLimits> {
  readonly assetId: string;
  readonly source?: string;
  readonly from: string;
  /** How many quarter hours. Default 1. */
  readonly quarters?: number;
}

interface SpanFact {
  readonly assetId: string;
  readonly startTime: string;
}

/** Writes what is agreed about periods, each call a transaction of its own, as the control API does. Answers the stamp. */
export interface PeriodFacts {
  limits(...facts: readonly LimitFact[]): Promise<UtcInstant>;
  clear(fact: Required<Pick<LimitFact, 'assetId' | 'source' | 'from' | 'quarters'>>): Promise<UtcInstant>;
  forecasts(...facts: readonly (SpanFact & Partial<Omit<Forecast, keyof SpanFact>>)[]): Promise<UtcInstant>;
  reservations(...facts: readonly (SpanFact & Partial<Omit<Reservation, keyof SpanFact>>)[]): Promise<UtcInstant>;
  snapshots(
    ...facts: readonly (Partial<Omit<StateSnapshot, 'effectiveAt'>> & {
      readonly assetId: string;
      readonly at: string;
    })[]
  ): Promise<UtcInstant>;
  readonly db: Database;
}

export function openPeriodFacts(controlUrl: string, orgId: string): PeriodFacts {
  const db = openDatabase({ url: controlUrl, applicationName: 'test-control', maxConnections: 2 });
  const stamped = (work: (trx: Trx, stamping: Stamping) => Promise<unknown>): Promise<UtcInstant> =>
    db.transaction([orgId], async (trx) => {
      const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
      if (stamp === undefined) throw new Error('the organisation has no head');
      await work(trx, { orgId, stamp });
      return stamp;
    });
  return {
    db,
    limits: (...facts) => stamped((trx, stamping) => setLimits(trx, limitStretches(facts.map(settingOf)), stamping)),
    clear: ({ assetId, source, from, quarters }) =>
      stamped((trx, stamping) =>
        clearLimits(trx, { assetId, source, from: parseInstant(from), to: later(from, quarters) }, stamping),
      ),
    forecasts: (...facts) => stamped((trx, stamping) => keepForecasts(trx, facts.map(forecastOf), stamping)),
    reservations: (...facts) => stamped((trx, stamping) => keepReservations(trx, facts.map(reservationOf), stamping)),
    snapshots: (...facts) =>
      stamped((trx, stamping) =>
        keepSnapshots(
          trx,
          facts.map(({ at, ...fact }) => ({
            storedEnergyMwh: '10',
            readingQuality: 'VALID',
            ...fact,
            effectiveAt: parseInstant(at),
          })),
          stamping,
        ),
      ),
  };
}

function later(from: string, quarters: number): UtcInstant {
  return parseInstant(new Date(Date.parse(from) + quarters * QUARTER_MS).toISOString());
}

function settingOf({ assetId, source = 'CUSTOMER', from, quarters = 1, ...limits }: LimitFact) {
  return {
    assetId,
    zone: BERLIN,
    source,
    window: { start: parseInstant(from), end: later(from, quarters) },
    isRecurrent: false,
    limits: {
      powerChargeMw: null,
      powerDischargeMw: null,
      energyLowMwh: null,
      energyHighMwh: null,
      isTradingLocked: null,
      ...limits,
    },
  };
}

function spanOf({ assetId, startTime }: SpanFact) {
  const start = parseInstant(startTime);
  return { assetId, startTime: start, endTime: later(startTime, 1), deliveryDay: deliveryDayOf(start, BERLIN) };
}

function forecastOf(fact: SpanFact & Partial<Omit<Forecast, keyof SpanFact>>): Forecast {
  return { generationMw: '1.5', consumptionMw: null, importFeeEurPerMwh: null, ...fact, ...spanOf(fact) };
}

function reservationOf(fact: SpanFact & Partial<Omit<Reservation, keyof SpanFact>>): Reservation {
  return {
    market: 'DAA',
    source: 'OPTIMISATION',
    powerMw: '1',
    energyChangeMwh: '-0.25',
    energyBufferLowMwh: '0',
    energyBufferHighMwh: '2',
    ...fact,
    ...spanOf(fact),
  };
}
