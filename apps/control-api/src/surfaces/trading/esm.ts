import { findPlant } from '@quarterhour/db';
import { NotFoundError, RequestRefused, type Scope } from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';
import { openEsmAccess, type EsmAccess } from '../../esm/access.js';
import { EsmError } from '../../esm/esm-error.js';

/** An organisation without a complete connection to an energy management system. */
export function esmNotConfigured(): RequestRefused {
  return new RequestRefused({
    kind: 'precondition',
    code: 'ESM_NOT_CONFIGURED',
    message: 'There is no connection to an energy management system.',
  });
}

interface PlantRequest {
  readonly params: { readonly plantId: string };
  readonly scope: Scope;
}

/** A plant, and how its ESM is reached and knows it. */
export interface LinkedPlant {
  readonly plantId: string;
  readonly externalPlantId: string;
  readonly access: EsmAccess;
}

/** @throws RequestRefused when there is no such plant, no ESM, or no link between them */
export async function linkedPlant({ params, scope }: PlantRequest, { db, esm }: ApiContext): Promise<LinkedPlant> {
  const plant = await db.read(scope.organisations, (trx) => findPlant(trx, params.plantId));
  if (plant === null) throw new NotFoundError('plant');
  const { orgId, id: plantId, externalPlantId } = plant;
  if (externalPlantId === null) throw badRequest('The plant is not linked to an energy management system.');
  const access = await openEsmAccess(esm, orgId);
  if (access === null) throw badRequest('There is no connection to an energy management system.');
  return { plantId, externalPlantId, access };
}

function badRequest(message: string): RequestRefused {
  return new RequestRefused({ kind: 'precondition', code: 'BAD_REQUEST', message });
}

/** Who is out of reach is left alone for about this long. */
const RETRY_AFTER_SECONDS = 30;

/** Waits for what an ESM is asked, and tells its errors as the contract does: one answer, whatever is behind it. */
export async function answeredByEsm<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof EsmError)) throw error;
    if (error.code === 'ESM_NOT_FOUND') throw badRequest('The energy management system does not know the plant.');
    throw new RequestRefused({ kind: 'unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS }, { cause: error });
  }
}
