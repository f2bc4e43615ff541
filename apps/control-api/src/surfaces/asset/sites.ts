import { isDeepStrictEqual } from 'node:util';
import type { CreateSiteBody, PatchSiteBody } from '@quarterhour/contracts';
import {
  changeConnectionPoint,
  connectionPointText,
  insertConnectionPoint,
  lockConnectionPoint,
  removeConnectionPoint,
  type ConnectionPoint,
  type DispatchMode,
} from '@quarterhour/db';
import { dispatchPriceFault, Price, type PriceUnit, type Region } from '@quarterhour/domain';
import { NotFoundError, SITE_PROJECTION, type Precondition, type RequestIssue } from '@quarterhour/http';
import { amountOf } from './batches.js';
import { assertNone, inBody } from './body-values.js';
import type { Writing } from './writing.js';

interface PriceBody {
  readonly amount: string;
  readonly unit: PriceUnit;
}
type PriceField = PriceBody | null | undefined;

/**
 * Registers a site.
 *
 * @returns it as JSON text
 * @throws InvalidRequestError when its prices do not fit its market or each other
 */
export async function createSite(writing: Writing, body: CreateSiteBody): Promise<string> {
  const { trx, orgId, stamp } = writing;
  const { name, floor_price: floor, strike_price: strike } = body.dispatch_mode;
  assertPrices(body.region, { floor, strike }, { floor, strike }, (price) => ['dispatch_mode', `${price}_price`]);
  const point = {
    orgId,
    code: body.code,
    name: body.name,
    region: body.region,
    deliveryArea: body.delivery_area,
    dispatchMode: dispatchMode(name, floor, strike),
  };
  const id = await insertConnectionPoint(trx, point, stamp);
  const text = await siteText(writing, id);
  await writing.audit({ action: 'site.create', subject: id, detail: { before: null, after: valueOf(text) } });
  return text;
}

/**
 * Changes a site; what is so already stays so, and nothing is written.
 *
 * @throws NotFoundError when there is no such site
 * @throws InvalidRequestError when its prices would not fit its market or each other
 */
export async function changeSite(
  writing: Writing,
  { id, body, precondition }: { id: string; body: PatchSiteBody; precondition: Precondition },
): Promise<void> {
  const { trx, stamp } = writing;
  const { site, text } = await lockedSite(writing, id);
  precondition.check(text);
  const changed = {
    name: body.name ?? site.name,
    dispatchMode: changedMode(site, body),
  };
  if (isDeepStrictEqual(changed, { name: site.name, dispatchMode: site.dispatchMode })) return;
  await changeConnectionPoint(trx, id, changed, stamp);
  const detail = { before: valueOf(text), after: valueOf(await siteText(writing, id)) };
  await writing.audit({ action: 'site.change', subject: id, detail });
}

/** Removes a site with its inverters and all their limits. @throws NotFoundError when there is no such site */
export async function deleteSite(
  writing: Writing,
  { id, precondition }: { id: string; precondition: Precondition },
): Promise<void> {
  const { trx, stamp } = writing;
  const { site, text } = await lockedSite(writing, id);
  precondition.check(text);
  await removeConnectionPoint(trx, site, stamp);
  await writing.audit({ action: 'site.delete', subject: id, detail: { before: valueOf(text), after: null } });
}

/** The site, which nobody else changes until the transaction ends, as it is and as it reads. @throws NotFoundError */
export async function lockedSite(writing: Writing, id: string): Promise<{ site: ConnectionPoint; text: string }> {
  const site = await lockConnectionPoint(writing.trx, id);
  if (site === null) throw new NotFoundError('site');
  return { site, text: await siteText(writing, id) };
}

async function siteText({ trx }: Writing, id: string): Promise<string> {
  const text = await connectionPointText(trx, id, SITE_PROJECTION);
  if (text === null) throw new NotFoundError('site');
  return text;
}

/** JSON text as the value that it is, for the audit. */
export function valueOf(text: string): unknown {
  return JSON.parse(text);
}

function changedMode({ region, dispatchMode: before }: ConnectionPoint, body: PatchSiteBody): DispatchMode {
  const given = { floor: body.dispatch_mode_floor_price, strike: body.dispatch_mode_strike_price };
  const floor = given.floor ?? standing(before.floorPrice, before.priceUnit);
  const strike = given.strike ?? standing(before.strikePrice, before.priceUnit);
  assertPrices(region, { floor, strike }, given, (price) => [`dispatch_mode_${price}_price`]);
  return dispatchMode(body.dispatch_mode_name ?? before.name, floor, strike);
}

function standing(amount: string | null, unit: PriceUnit | null): PriceField {
  return amount === null || unit === null ? null : { amount, unit };
}

function dispatchMode(name: string, floor: PriceField, strike: PriceField): DispatchMode {
  const priceUnit = floor?.unit ?? strike?.unit ?? null;
  return { name, floorPrice: amountOf(floor), strikePrice: amountOf(strike), priceUnit };
}

interface Prices {
  readonly floor: PriceField;
  readonly strike: PriceField;
}

/** A complaint about a price that is not in the body stands at the one that is. */
function assertPrices(
  region: Region,
  { floor, strike }: Prices,
  given: Prices,
  pathOf: (price: keyof Prices) => RequestIssue['path'],
): void {
  const fault = dispatchPriceFault(region, { floor: priceOf(floor), strike: priceOf(strike) });
  if (fault === null) return;
  const { price, code, message } = fault;
  const other = price === 'floor' ? 'strike' : 'floor';
  const place = given[price] == null ? other : price;
  const member = code === 'unit_mismatch' ? 'unit' : 'amount';
  assertNone([inBody([...pathOf(place), member], { code, message, input: given[place]?.[member] })]);
}

function priceOf(field: PriceField): Price | null {
  return field == null ? null : Price.of(field.amount, field.unit);
}
