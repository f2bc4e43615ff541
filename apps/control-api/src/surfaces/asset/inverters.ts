import { isDeepStrictEqual } from 'node:util';
import type { CreateInverterBody, PatchInverterBody } from '@quarterhour/contracts';
import {
  changeInverter,
  insertInverter,
  inverterText,
  lockInverter,
  removeInverters,
  type Inverter,
  type InverterAddress,
} from '@quarterhour/db';
import { canonicalDecimal } from '@quarterhour/domain';
import { NotFoundError, SITE_PROJECTION } from '@quarterhour/http';
import { amountOf } from './batches.js';
import { decimalOf } from './body-values.js';
import { lockedSite, valueOf } from './sites.js';
import { knownAssetsOfBody, type Writing } from './writing.js';

/**
 * Adds an inverter to a site.
 *
 * @returns it as JSON text
 * @throws NotFoundError when there is no such site
 * @throws InvalidRequestError that names every asset that is unknown
 */
export async function createInverter(
  writing: Writing,
  { siteId, body }: { siteId: string; body: CreateInverterBody },
): Promise<string> {
  const { trx, orgId, stamp } = writing;
  await lockedSite(writing, siteId);
  await assertAssets(writing, body.asset_ids);
  const inverter = {
    orgId,
    connectionPointId: siteId,
    ratedPowerMw: canonicalDecimal(body.rated_power.amount),
    chargeEfficiency: canonicalDecimal(body.charge_efficiency),
    dischargeEfficiency: canonicalDecimal(body.discharge_efficiency),
    assetIds: body.asset_ids.toSorted(),
  };
  const id = await insertInverter(trx, inverter, stamp);
  const text = await textOf(writing, id);
  await writing.audit({ action: 'inverter.create', subject: id, detail: { before: null, after: valueOf(text) } });
  return text;
}

/**
 * Changes an inverter; what is so already stays so, and nothing is written.
 *
 * @throws NotFoundError when the site has no such inverter
 * @throws InvalidRequestError that names every asset that is unknown
 */
export async function patchInverter(
  writing: Writing,
  { address, body }: { address: InverterAddress; body: PatchInverterBody },
): Promise<void> {
  const before = await lockedInverter(writing, address);
  if (body.asset_ids != null) await assertAssets(writing, body.asset_ids);
  const after = {
    ...before,
    ratedPowerMw: amountOf(body.rated_power) ?? before.ratedPowerMw,
    chargeEfficiency: decimalOf(body.charge_efficiency) ?? before.chargeEfficiency,
    dischargeEfficiency: decimalOf(body.discharge_efficiency) ?? before.dischargeEfficiency,
    assetIds: body.asset_ids?.toSorted() ?? before.assetIds,
  };
  if (isDeepStrictEqual(after, before)) return;
  const text = await textOf(writing, address.id);
  await changeInverter(writing.trx, after, writing.stamp);
  const detail = { before: valueOf(text), after: valueOf(await textOf(writing, address.id)) };
  await writing.audit({ action: 'inverter.change', subject: address.id, detail });
}

/** Removes an inverter and its limits. @throws NotFoundError when the site has no such inverter */
export async function deleteInverter(writing: Writing, address: InverterAddress): Promise<void> {
  const { orgId, id } = await lockedInverter(writing, address);
  const text = await textOf(writing, id);
  await removeInverters(writing.trx, { orgId, ids: [id] }, writing.stamp);
  await writing.audit({ action: 'inverter.delete', subject: id, detail: { before: valueOf(text), after: null } });
}

/** The inverter, which nobody else changes until the transaction ends. @throws NotFoundError */
export async function lockedInverter({ trx }: Writing, address: InverterAddress): Promise<Inverter> {
  const inverter = await lockInverter(trx, address);
  if (inverter === null) throw new NotFoundError('inverter');
  return inverter;
}

async function textOf({ trx }: Writing, id: string): Promise<string> {
  const text = await inverterText(trx, id, SITE_PROJECTION.inverter);
  if (text === null) throw new NotFoundError('inverter');
  return text;
}

async function assertAssets(writing: Writing, assetIds: readonly string[]): Promise<void> {
  await knownAssetsOfBody(writing, assetIds, (index) => ['asset_ids', index]);
}
