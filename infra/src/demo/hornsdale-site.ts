import {
  hasConnectionPoint,
  insertConnectionPoint,
  insertInverter,
  keepConnectionLimits,
  type ConnectionLimit,
  type Trx,
} from '@quarterhour/db';
import { epochSeconds, instantFromEpochSeconds, type UtcInstant } from '@quarterhour/domain';
import { HORNSDALE_ASSET } from './hornsdale.js';

/** Where the battery meets the grid: what AEMO has registered of its halves HPRG1 and HPRL1. */
const EXPORT_MW = '150';
const IMPORT_MW = '120';

const CODE = 'HORNSDALE';
export const HORNSDALE_SITE = `DE_50HZ_${CODE}_SITE_1`;

/** Register and operator know no efficiency of it, and an inverter needs one; so the name says where it comes from. */
const NAME = 'Hornsdale, efficiencies assumed';
const EFFICIENCY = '0.95';

const DAYS = 31;
const SECONDS_PER_DAY = 86_400;

/**
 * Registers the site with one inverter that lists the battery, and with limits from today on, once.
 *
 * @param today an instant of the first day, which is one of UTC
 */
export async function seedHornsdaleSite(trx: Trx, orgId: string, today: UtcInstant): Promise<void> {
  if (await hasConnectionPoint(trx, HORNSDALE_SITE)) return;
  const dispatchMode = { name: 'MANUAL', floorPrice: null, strikePrice: null, priceUnit: null };
  const place = { orgId, code: CODE, name: NAME, region: 'DE', deliveryArea: '50HZ' } as const;
  const id = await insertConnectionPoint(trx, { ...place, dispatchMode }, today);
  const efficiencies = { chargeEfficiency: EFFICIENCY, dischargeEfficiency: EFFICIENCY };
  const assetIds = [HORNSDALE_ASSET.id];
  const inverter = { orgId, connectionPointId: id, ratedPowerMw: EXPORT_MW, ...efficiencies, assetIds };
  const inverterId = await insertInverter(trx, inverter, today);
  const limits = limitsFrom(today);
  await keepConnectionLimits(trx, { orgId, of: 'connection-point', id }, limits, today);
  await keepConnectionLimits(trx, { orgId, of: 'inverter', id: inverterId }, limits, today);
}

function limitsFrom(today: UtcInstant): ConnectionLimit[] {
  const midnight = epochSeconds(today) - (epochSeconds(today) % SECONDS_PER_DAY);
  return Array.from({ length: DAYS }, (_day, index) => ({
    startTime: instantFromEpochSeconds(midnight + index * SECONDS_PER_DAY),
    endTime: instantFromEpochSeconds(midnight + (index + 1) * SECONDS_PER_DAY),
    maxImportMw: IMPORT_MW,
    maxExportMw: EXPORT_MW,
  }));
}
