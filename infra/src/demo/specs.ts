import { insertSpec, lockSpecs, type AssetSpec, type SpecValues, type Trx } from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { fleetUnits } from './fleet.js';
import { HORNSDALE_ASSET } from './hornsdale.js';

const NOTHING_KNOWN: SpecValues = {
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

const BUILT = parseInstant('2017-12-01T00:00:00Z');
const EXTENDED = parseInstant('2020-09-02T00:00:00Z');

/** The battery as it was built, and as it was extended, as its owner Neoen has published it. */
export const HORNSDALE_SPECS: readonly AssetSpec[] = [
  { ...NOTHING_KNOWN, validFrom: BUILT, validTo: EXTENDED, ratedPowerMw: '100', maxCapacityMwh: '129' },
  { ...NOTHING_KNOWN, validFrom: EXTENDED, validTo: null, ratedPowerMw: '150', maxCapacityMwh: '193.5' },
];

/** Every unit of the fleet with its registered capacity, from the five minutes on in which it was seen. */
export function fleetSpecs(): { readonly assetId: string; readonly spec: AssetSpec }[] {
  return fleetUnits().map(({ assetId, seenAt, registeredMw }) => ({
    assetId,
    spec: { ...NOTHING_KNOWN, validFrom: seenAt, validTo: null, ratedPowerMw: registeredMw },
  }));
}

/** Keeps what is known of the demo's assets, once. */
export async function seedSpecs(trx: Trx, orgId: string, stamp: UtcInstant): Promise<void> {
  const hornsdale = { orgId, assetId: HORNSDALE_ASSET.id };
  if ((await lockSpecs(trx, hornsdale, BUILT)).same !== null) return;
  for (const spec of HORNSDALE_SPECS) await insertSpec(trx, hornsdale, spec, stamp);
  for (const { assetId, spec } of fleetSpecs()) await insertSpec(trx, { orgId, assetId }, spec, stamp);
}
