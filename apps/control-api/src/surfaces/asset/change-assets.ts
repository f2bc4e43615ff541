import type { CreateAssetBody, PatchAssetBody } from '@quarterhour/contracts';
import {
  AssetInUseError,
  changeAsset,
  closePeriodData,
  createAsset,
  deleteAsset,
  displaceSpecs,
  lockAsset,
  takeAssetStep,
  type AssetRecord,
} from '@quarterhour/db';
import { assetStep, mayBeDeleted, type AssetAction } from '@quarterhour/domain';
import { assetReply, NotFoundError, presentAsset, RequestRefused, type Precondition } from '@quarterhour/http';
import { announceAsset } from './registry-event.js';
import type { Writing } from './writing.js';

/** Registers an asset under an id of its own. What was parked for that id is taken in by the worker, which sees the change. */
export async function registerAsset(writing: Writing, body: CreateAssetBody): Promise<AssetRecord> {
  const { trx, orgId } = writing;
  const { code, name, type, region, delivery_area: deliveryArea, provider } = body;
  const links = { plantId: null, deviceId: null };
  const id = await createAsset(trx, { orgId, ...links, code, name, type, region, deliveryArea, provider });
  const asset = found(await lockAsset(trx, orgId, id));
  await writeDown(writing, { action: 'asset.create', before: null, after: asset });
  return asset;
}

/** Replaces what is given and differs; where nothing does, nothing is written. */
export async function editAsset(
  writing: Writing,
  { id, body, precondition }: { id: string; body: PatchAssetBody; precondition: Precondition },
): Promise<void> {
  const { trx, orgId, stamp } = writing;
  const before = await lockedAsset(writing, id, precondition);
  const { name, type, provider, go_live_date: goLiveDate } = body;
  const wanted = { name, type, provider, goLiveDate };
  if (!isAnyChanged(before, wanted)) return;
  const after = found(await changeAsset(trx, { orgId, id }, wanted, stamp));
  await writeDown(writing, { action: 'asset.change', before, after });
}

/**
 * Takes one step of an asset's life, by one conditional update: of several who try, one does.
 *
 * @throws RequestRefused `conflict` when the asset is not where the step begins
 */
export async function moveAsset(
  writing: Writing,
  { id, action, precondition }: { id: string; action: AssetAction; precondition: Precondition },
): Promise<void> {
  const { trx, orgId, stamp } = writing;
  const before = await lockedAsset(writing, id, precondition);
  const step = assetStep(action);
  const after = await takeAssetStep(trx, { orgId, id }, step, stamp);
  if (after === null) {
    throw conflict(`The asset is ${before.lifecycle}; this needs one that is ${step.from}.`);
  }
  await writeDown(writing, { action: `asset.${action}`, before, after });
}

/**
 * Takes an asset out of the register. What was agreed about its periods is closed with it; dispatches and statuses stay.
 *
 * @throws RequestRefused `conflict` while it lives, or something registered lists it
 */
export async function removeAsset(
  writing: Writing,
  { id, precondition }: { id: string; precondition: Precondition },
): Promise<void> {
  const { trx, orgId, stamp } = writing;
  const before = await lockedAsset(writing, id, precondition);
  if (!mayBeDeleted(before.lifecycle)) {
    throw conflict(`The asset is ${before.lifecycle}; only one that is DRAFT or DECOMMISSIONED can be deleted.`);
  }
  await writeDown(writing, { action: 'asset.delete', before, after: null });
  await closePeriodData(trx, id, { orgId, stamp });
  await displaceSpecs(trx, { orgId, assetId: id }, stamp);
  try {
    await deleteAsset(trx, orgId, id);
  } catch (error) {
    if (error instanceof AssetInUseError)
      throw conflict('An inverter lists the asset; take it out there first.', error);
    throw error;
  }
}

async function lockedAsset({ trx, orgId }: Writing, id: string, precondition: Precondition): Promise<AssetRecord> {
  const asset = found(await lockAsset(trx, orgId, id));
  precondition.check(assetReply(asset).text);
  return asset;
}

function found(asset: AssetRecord | null): AssetRecord {
  if (asset === null) throw new NotFoundError('asset');
  return asset;
}

function isAnyChanged(before: AssetRecord, wanted: Readonly<Record<string, string | null | undefined>>): boolean {
  const kept = new Map<string, string | null>(Object.entries(before));
  return Object.entries(wanted).some(([name, value]) => value != null && value !== kept.get(name));
}

type Changed = { readonly action: string } & (
  | { readonly before: null; readonly after: AssetRecord }
  | { readonly before: AssetRecord; readonly after: AssetRecord | null }
);

async function writeDown(writing: Writing, { action, before, after }: Changed): Promise<void> {
  const [was, is] = [before, after].map((asset) => (asset === null ? null : presentAsset(asset)));
  const asset = is ?? was;
  if (asset == null) return;
  await writing.audit({ action, subject: asset.id, detail: { before: was, after: is } });
  announceAsset(writing, was == null ? 'created' : is == null ? 'deleted' : 'changed', asset);
}

function conflict(message: string, cause?: unknown): RequestRefused {
  return new RequestRefused({ kind: 'conflict', message }, { cause });
}
