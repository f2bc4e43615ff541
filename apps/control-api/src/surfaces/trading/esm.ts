import { findPlant } from '@quarterhour/db';
import { NotFoundError, RequestRefused, type Scope } from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';

/** No energy management system is asked for anything yet, whatever is configured. */
export function refuseWithoutEsm(): never {
  throw new RequestRefused({
    kind: 'precondition',
    code: 'ESM_NOT_CONFIGURED',
    message: 'There is no connection to an energy management system.',
  });
}

interface PlantRequest {
  readonly params: { readonly plantId: string };
  readonly scope: Scope;
}

/** A plant is linked when the plant list of an energy management system was taken over, which none was. */
export async function refuseUnlinkedPlant({ params, scope }: PlantRequest, { db }: ApiContext): Promise<never> {
  const plant = await db.read(scope.organisations, (trx) => findPlant(trx, params.plantId));
  if (plant === null) throw new NotFoundError('plant');
  throw new RequestRefused({
    kind: 'precondition',
    code: 'BAD_REQUEST',
    message: 'The plant is not linked to an energy management system.',
  });
}
