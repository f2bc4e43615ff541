import { putReservationsBody } from '@quarterhour/contracts';
import { keepReservations } from '@quarterhour/db';
import { canonicalDecimal } from '@quarterhour/domain';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { auditBatch, BATCH_RESPONSES, distinct, entriesOf, placeOf, readAll } from '../batches.js';
import { knownAssets, writing } from '../writing.js';

export const putReservationsRoute = route({
  surface: assetSurface,
  method: 'put',
  path: '/reservations',
  operationId: 'upsertReservations',
  summary: 'Insert or overwrite reservations',
  description: 'Reservations that are not named stay. All or nothing.',
  tag: 'Reservations',
  capability: 'periods:write',
  params: noParameters,
  query: noParameters,
  body: putReservationsBody,
  responses: BATCH_RESPONSES,
  handler: (request, ctx: ApiContext) => {
    const { reservations } = request.body;
    return writing(ctx, request, null, async (work) => {
      const ids = reservations.map(({ asset_id }) => asset_id);
      const assets = await knownAssets(work, ids);
      const entries = entriesOf('reservations', reservations);
      const rows = readAll(entries, (sent) => ({
        ...placeOf(sent, assets),
        market: sent.market,
        source: sent.source,
        powerMw: canonicalDecimal(sent.power.amount),
        energyChangeMwh: canonicalDecimal(sent.energy_change.amount),
        energyBufferLowMwh: canonicalDecimal(sent.energy_buffer_low.amount),
        energyBufferHighMwh: canonicalDecimal(sent.energy_buffer_high.amount),
      }));
      const toKeep = distinct(entries, rows, ({ assetId, startTime, market, source }) => [
        assetId,
        startTime,
        market,
        source,
      ]);
      await auditBatch(work, 'reservation.store', ids, await keepReservations(work.trx, toKeep, work));
      return noContent();
    });
  },
});
