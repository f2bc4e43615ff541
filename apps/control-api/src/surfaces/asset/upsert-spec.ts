import { isDeepStrictEqual } from 'node:util';
import type { PutSpecBody } from '@quarterhour/contracts';
import { insertSpec, lockSpecs, replaceSpec, SpecOverlapError, type AssetSpec } from '@quarterhour/db';
import { parseInstant, placeSpec, SpecOrderError, type SpecPlacement } from '@quarterhour/domain';
import { InvalidRequestError } from '@quarterhour/http';
import { amountOf } from './batches.js';
import { assertNone, backwardSpan, decimalOf, inBody } from './body-values.js';
import { knownAssets, type Writing } from './writing.js';

/** A version as it is offered; null is left out. */
export function specOf(body: PutSpecBody): AssetSpec {
  const spec = {
    validFrom: parseInstant(body.valid_from),
    validTo: body.valid_to == null ? null : parseInstant(body.valid_to),
    ratedPowerMw: amountOf(body.rated_power),
    gridConnectionMaxPowerMw: amountOf(body.grid_connection_max_power),
    maxCapacityMwh: amountOf(body.max_capacity),
    rampRateMwPerMinute: decimalOf(body.ramp_rate),
    rampType: body.ramp_type ?? null,
    chargeEfficiency: decimalOf(body.charge_efficiency),
    dischargeEfficiency: decimalOf(body.discharge_efficiency),
    dailyCycleEnergyLimitMwh: amountOf(body.daily_cycle_energy_limit),
    prequalifiedFcrMw: amountOf(body.prequalified_fcr),
    prequalifiedAfrrChargeMw: amountOf(body.prequalified_afrr_charge),
    prequalifiedAfrrDischargeMw: amountOf(body.prequalified_afrr_discharge),
  };
  if (spec.validTo !== null) assertNone([backwardSpan(spec.validFrom, spec.validTo, ['valid_to'])]);
  return spec;
}

/**
 * Keeps a version of an asset's technical data: it changes the one that begins at the same instant, succeeds the active one, or
 * stands beside the others. What is so already stays so, and nothing is written.
 *
 * @throws NotFoundError when there is no such asset
 * @throws InvalidRequestError `spec_order` or `spec_overlap`; the transaction can only be given up then
 */
export async function upsertSpec(writing: Writing, assetId: string, offered: AssetSpec): Promise<void> {
  await knownAssets(writing, [assetId]);
  const { trx, orgId } = writing;
  const standing = await lockSpecs(trx, { orgId, assetId }, offered.validFrom);
  try {
    await keep(writing, assetId, offered, placeSpec(offered, standing));
  } catch (error) {
    throw refusalOf(error, offered) ?? error;
  }
}

async function keep(
  writing: Writing,
  assetId: string,
  offered: AssetSpec,
  placement: SpecPlacement<AssetSpec>,
): Promise<void> {
  const { trx, orgId, stamp } = writing;
  const owner = { orgId, assetId };
  switch (placement.kind) {
    case 'change': {
      const { standing: before } = placement;
      const after = { ...before, ...given(offered) };
      if (isDeepStrictEqual(after, before)) return;
      await replaceSpec(trx, owner, after, stamp);
      return writing.audit({ action: 'spec.change', subject: assetId, detail: { before, after } });
    }
    case 'succeed': {
      const ended = { ...placement.active, validTo: offered.validFrom };
      await replaceSpec(trx, owner, ended, stamp);
      await insertSpec(trx, owner, offered, stamp);
      return writing.audit({
        action: 'spec.create',
        subject: assetId,
        detail: { before: null, after: offered, ended },
      });
    }
    case 'insert':
      await insertSpec(trx, owner, offered, stamp);
      return writing.audit({ action: 'spec.create', subject: assetId, detail: { before: null, after: offered } });
  }
}

function given(offered: AssetSpec): Partial<AssetSpec> {
  return Object.fromEntries(Object.entries(offered).filter(([, value]) => value !== null));
}

function refusalOf(error: unknown, { validFrom, validTo }: AssetSpec): InvalidRequestError | undefined {
  if (error instanceof SpecOrderError) {
    const complaint = { code: 'spec_order', message: error.message, input: validFrom };
    return new InvalidRequestError([inBody(['valid_from'], complaint)], { cause: error });
  }
  if (!(error instanceof SpecOverlapError)) return undefined;
  const message =
    'The version overlaps another one of this asset; one without an end reaches into all that begin later';
  const path = validTo === null ? 'valid_from' : 'valid_to';
  const complaint = { code: 'spec_overlap', message, input: validTo ?? validFrom };
  return new InvalidRequestError([inBody([path], complaint)], { cause: error });
}
