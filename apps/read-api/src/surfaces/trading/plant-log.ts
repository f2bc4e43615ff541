import type { NumberedPageQuery } from '@quarterhour/contracts';
import { findPlant, type CountedPage, type PlantLogQuery, type Trx } from '@quarterhour/db';
import { NotFoundError, numberedPageReply, offsetOf, type Scope, type TextReply } from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';

interface PlantLogRequest {
  readonly params: { readonly plantId: string };
  readonly query: NumberedPageQuery;
  readonly scope: Scope;
  readonly url: string;
}

export async function plantLogReply(
  { params, query, scope, url }: PlantLogRequest,
  { db }: ApiContext,
  read: (trx: Trx, page: PlantLogQuery) => Promise<CountedPage>,
): Promise<TextReply> {
  const found = await db.read(scope.organisations, async (trx) => {
    const plant = await findPlant(trx, params.plantId);
    if (plant === null) throw new NotFoundError('plant');
    return read(trx, { plant, offset: offsetOf(query), limit: query.limit });
  });
  return numberedPageReply(query, found, url);
}
