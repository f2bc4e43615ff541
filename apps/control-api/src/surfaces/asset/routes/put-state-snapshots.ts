import { putStateSnapshotsBody, putStateSnapshotsResponse } from '@quarterhour/contracts';
import { keepSnapshots, readSnapshots } from '@quarterhour/db';
import { canonicalDecimal, parseInstant } from '@quarterhour/domain';
import { assetSurface, jsonText, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { auditBatch, distinct, entriesOf, readAll } from '../batches.js';
import { STORED_SNAPSHOT_PROJECTION } from '../present.js';
import { knownAssetsOfBody, writing } from '../writing.js';

export const putStateSnapshotsRoute = route({
  surface: assetSurface,
  method: 'put',
  path: '/state-snapshots',
  operationId: 'upsertStateSnapshots',
  summary: 'Insert or overwrite snapshots, all or nothing',
  description: 'Unknown assets are complaints about the body, one for each id.',
  tag: 'State snapshots',
  capability: 'periods:write',
  params: noParameters,
  query: noParameters,
  body: putStateSnapshotsBody,
  responses: {
    200: {
      description: 'What is stored now, in the order of the request.',
      schema: putStateSnapshotsResponse,
      headers: { 'Quarterhour-Known-At': 'The stamp of what was written.' },
    },
  },
  handler: (request, ctx: ApiContext) => {
    const { state_snapshots: snapshots } = request.body;
    return writing(ctx, request, null, async (work) => {
      const ids = snapshots.map(({ asset_id }) => asset_id);
      await knownAssetsOfBody(work, ids, (index) => ['state_snapshots', index, 'asset_id']);
      const entries = entriesOf('state_snapshots', snapshots);
      const rows = readAll(entries, ({ asset_id, effective_at, stored_energy, reading_quality }) => ({
        assetId: asset_id,
        effectiveAt: parseInstant(effective_at),
        storedEnergyMwh: canonicalDecimal(stored_energy.amount),
        readingQuality: reading_quality,
      }));
      const toKeep = distinct(entries, rows, ({ assetId, effectiveAt }) => [assetId, effectiveAt]);
      await auditBatch(work, 'snapshot.store', ids, await keepSnapshots(work.trx, toKeep, work));
      const stored = await readSnapshots(work.trx, work.orgId, toKeep, STORED_SNAPSHOT_PROJECTION);
      return jsonText(`{"state_snapshots":${stored}}`);
    });
  },
});
