import { deleteLimitsQuery } from '@quarterhour/contracts';
import { clearLimits } from '@quarterhour/db';
import { compareInstants, parseInstant, type Span } from '@quarterhour/domain';
import { assetSurface, InvalidRequestError, noBody, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { auditBatch, BATCH_RESPONSES } from '../batches.js';
import { knownAssets, writing } from '../writing.js';

export const deleteLimitsRoute = route({
  surface: assetSurface,
  method: 'delete',
  path: '/limits',
  operationId: 'deleteLimits',
  summary: "Clear one source's constraints in a window",
  description:
    'Of the delivery periods that start within the window. A trading lock is spared; periods of which nothing is left disappear.',
  tag: 'Limits',
  capability: 'periods:write',
  params: noParameters,
  query: deleteLimitsQuery,
  body: noBody,
  responses: BATCH_RESPONSES,
  handler: (request, ctx: ApiContext) => {
    const { asset_id: assetId, source } = request.query;
    const { start: from, end: to } = windowOf(request.query);
    return writing(ctx, request, null, async (work) => {
      await knownAssets(work, [assetId]);
      const { removed, kept } = await clearLimits(work.trx, { assetId, source, from, to }, work);
      if (removed + kept === 0) return noContent();
      const written = { inserted: 0, replaced: kept };
      await auditBatch(work, 'limit.clear', [assetId], written, { removed, source, from, to });
      return noContent();
    });
  },
});

function windowOf({ start_time, end_time }: { readonly start_time: string; readonly end_time: string }): Span {
  const window = { start: parseInstant(start_time), end: parseInstant(end_time) };
  if (compareInstants(window.end, window.start) >= 0) return window;
  throw new InvalidRequestError([
    {
      in: 'query',
      path: ['end_time'],
      code: 'window_reversed',
      message: 'end_time lies before start_time',
      input: end_time,
    },
  ]);
}
