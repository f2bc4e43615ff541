import {
  insertConnectionPoint,
  insertInverter,
  insertSpec,
  keepConnectionLimits,
  lockSpecs,
  raiseKnownAt,
  replaceSpec,
  type AssetSpec,
  type ConnectionLimit,
  type Database,
  type Inverter,
  type Limited,
  type NewConnectionPoint,
  type Trx,
} from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';

/** Does something for an organisation under one stamp, as the control API does. */
export function stamped<T>(
  admin: Database,
  orgId: string,
  work: (trx: Trx, stamp: UtcInstant) => Promise<T>,
): Promise<T> {
  return admin.transaction([orgId], async (trx) => {
    const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
    if (stamp === undefined) throw new Error('the organisation is not registered');
    return work(trx, stamp);
  });
}

const NO_VALUES = {
  ratedPowerMw: null,
  gridConnectionMaxPowerMw: null,
  maxCapacityMwh: null,
  rampRateMwPerMinute: null,
  rampType: null,
  chargeEfficiency: null,
  dischargeEfficiency: null,
  dailyCycleEnergyLimitMwh: null,
  prequalifiedFcrMw: null,
  prequalifiedAfrrChargeMw: null,
  prequalifiedAfrrDischargeMw: null,
};

/** Keeps a version of an asset's technical data, or changes the one that begins at the same instant. */
export function storeSpec(
  admin: Database,
  owner: { readonly orgId: string; readonly assetId: string },
  { from, to, ...values }: Partial<AssetSpec> & { readonly from: string; readonly to?: string },
): Promise<void> {
  const validFrom = parseInstant(from);
  const spec = { ...NO_VALUES, validFrom, validTo: to === undefined ? null : parseInstant(to), ...values };
  return stamped(admin, owner.orgId, async (trx, stamp) => {
    const { same } = await lockSpecs(trx, owner, validFrom);
    await (same === null ? insertSpec : replaceSpec)(trx, owner, spec, stamp);
  });
}

/** @returns its id */
export function registerSite(
  admin: Database,
  orgId: string,
  different: Partial<NewConnectionPoint> = {},
): Promise<string> {
  const dispatchMode = { name: 'PRICE_BASED', floorPrice: '-10.5', strikePrice: null, priceUnit: 'EUR/MWh' } as const;
  const place = { code: 'immst', name: 'A site', region: 'DE', deliveryArea: 'AMPN' } as const;
  const point = { orgId, ...place, dispatchMode, ...different };
  return stamped(admin, orgId, (trx, stamp) => insertConnectionPoint(trx, point, stamp));
}

/** @returns its id */
export function registerInverter(
  admin: Database,
  inverter: Pick<Inverter, 'orgId' | 'connectionPointId' | 'assetIds'>,
): Promise<string> {
  const values = { ratedPowerMw: '5.5', chargeEfficiency: '0.95', dischargeEfficiency: '1' };
  return stamped(admin, inverter.orgId, (trx, stamp) => insertInverter(trx, { ...values, ...inverter }, stamp));
}

/** Keeps limits of an hour each. */
export async function storeLimits(
  admin: Database,
  limited: Limited,
  limits: readonly (Partial<ConnectionLimit> & { readonly at: string })[],
): Promise<void> {
  const hours = limits.map(({ at, ...different }) => {
    const startTime = parseInstant(at);
    const endTime = parseInstant(new Date(Date.parse(at) + 3_600_000).toISOString());
    return { startTime, endTime, maxImportMw: '1', maxExportMw: '2.5', ...different };
  });
  await stamped(admin, limited.orgId, (trx, stamp) => keepConnectionLimits(trx, limited, hours, stamp));
}
