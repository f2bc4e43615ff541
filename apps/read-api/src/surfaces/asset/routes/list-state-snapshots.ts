import { z } from 'zod';
import {
  exportStateSnapshotsQuery,
  listStateSnapshotsQuery,
  listStateSnapshotsResponse,
  type ExportStateSnapshotsQuery,
  type ListStateSnapshotsQuery,
} from '@quarterhour/contracts';
import {
  exportLatestSnapshots,
  exportSnapshots,
  headerLine,
  listLatestSnapshots,
  listSnapshots,
  totalMoves,
  type SnapshotKey,
} from '@quarterhour/db';
import { parseInstant, type EnergyMove, type UtcInstant } from '@quarterhour/domain';
import {
  assetSurface,
  jsonText,
  noBody,
  noParameters,
  route,
  type ExportFormat,
  type ParsedRequest,
  type Position,
  type Reply,
} from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { boundOfNow, saying } from '../../../marks.js';
import { windowOf } from '../../../query-instants.js';
import { answerExport, answerPage, PAGE_HEADERS, type AgreedList } from '../agreed-list.js';
import { LATEST_SNAPSHOT_PROJECTION, SNAPSHOT_PROJECTION } from '../present.js';

export const listStateSnapshotsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/state-snapshots',
  operationId: 'listStateSnapshots',
  summary: 'Read snapshots of stored energy, latest or by window',
  description:
    'Ordered by effective_at, then asset_id. What was charged and discharged is the difference to the snapshot before that is not INVALID, which may lie before the window; the totals are of the whole window. With latest=true the newest snapshot of each asset, by asset_id.',
  tag: 'State snapshots',
  capability: 'periods:read',
  params: noParameters,
  query: listStateSnapshotsQuery,
  body: noBody,
  responses: {
    200: { description: 'One page of snapshots.', schema: listStateSnapshotsResponse, headers: PAGE_HEADERS },
  },
  weight: ({ query }, { clock }: ApiContext) => (isLong(query, clock.nowMillis()) ? 'heavy' : 'light'),
  handler: (request, ctx: ApiContext) =>
    request.query.latest ? answerLatest(request, ctx) : answerWindow(request, ctx),
  exports: {
    query: exportStateSnapshotsQuery,
    handler: (request, ctx: ApiContext, format) =>
      request.query.latest ? answerExport(LATEST, request, ctx, format) : exportWindow(request, ctx, format),
  },
});

/** The totals of a window are added up from all of its snapshots. */
const LONGEST_LIGHT_WINDOW_MS = 31 * 86_400_000;

function isLong({ latest, cursor, from, to }: Asked, nowMillis: number): boolean {
  if (latest || cursor !== undefined || from === undefined) return false;
  return (to === undefined ? nowMillis : Date.parse(to)) - Date.parse(from) > LONGEST_LIGHT_WINDOW_MS;
}

type Asked = Omit<ListStateSnapshotsQuery, 'limit' | 'offset'>;
type Request<Query> = Pick<ParsedRequest<unknown, Query, undefined>, 'query' | 'scope' | 'url'>;

const LATEST: AgreedList<Asked, ReturnType<typeof assetsOf>, Pick<SnapshotKey, 'assetId'>> = {
  operationId: 'listStateSnapshots',
  name: 'state_snapshots',
  filterOf: assetsOf,
  read: (trx, query) => listLatestSnapshots(trx, query, LATEST_SNAPSHOT_PROJECTION),
  headerLine: (format) => headerLine(LATEST_SNAPSHOT_PROJECTION, format),
  readLines: (query, format) => exportLatestSnapshots(query, LATEST_SNAPSHOT_PROJECTION, format),
  keyOf: (sortKey) => {
    const [assetId] = z.tuple([z.string()]).parse(sortKey);
    return { assetId };
  },
  sortKeyOf: ({ assetId }) => [assetId],
};

function assetsOf({ asset_ids, order }: Asked) {
  return { assetIds: asset_ids, order };
}

function answerLatest(request: Request<ListStateSnapshotsQuery>, ctx: ApiContext): Promise<Reply> {
  return answerPage(LATEST, request, ctx, NO_TOTALS);
}

const NO_TOTALS = ',"total_charged_energy":null,"total_discharged_energy":null';

function answerWindow(request: Request<ListStateSnapshotsQuery>, { db, cursors }: ApiContext): Promise<Reply> {
  const { query, scope } = request;
  const { limit, offset = 0 } = query;
  const listing = openListing(cursors, 'listStateSnapshots', request);
  const place = placeOf(listing.position);

  return db.read(scope.organisations, async (trx) => {
    const bound = await boundOfNow(trx, query, listing.position);
    const filter = { ...assetsOf(query), ...windowUntil(bound, query), knownAt: bound };
    const start = place === undefined ? {} : { after: place.key };
    const page = await listSnapshots(trx, { ...filter, ...start, limit, offset }, SNAPSHOT_PROJECTION);
    const totals = place?.totals ?? (await totalMoves(trx, filter));
    const { lastKey } = page;
    const text = `{"limit":${limit},"offset":${offset},"state_snapshots":${page.json}${totalsText(totals)}}`;
    return jsonText(text, {
      ...saying(bound),
      ...(page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey, bound, totals)) : {}),
    });
  });
}

function exportWindow(
  request: Request<ExportStateSnapshotsQuery>,
  { db, cursors }: ApiContext,
  format: ExportFormat,
): Promise<Reply> {
  const { query } = request;
  const listing = openListing(cursors, 'listStateSnapshots', request);
  return exported(db, request, format, async (trx) => {
    const bound = await boundOfNow(trx, query, listing.position);
    const filter = { ...assetsOf(query), ...windowUntil(bound, query), knownAt: bound };
    return {
      name: 'state-snapshots',
      header: headerLine(SNAPSHOT_PROJECTION, format),
      listing,
      read: exportSnapshots(filter, SNAPSHOT_PROJECTION, format),
      after: placeOf(listing.position)?.key,
      positionOf: (key: SnapshotKey) => positionOf(key, bound),
      knownAt: bound,
    };
  });
}

/** A window that is left open ends where the answer's knowledge does. One that begins later than that is empty. */
function windowUntil(bound: UtcInstant, query: Asked): { readonly from: UtcInstant; readonly to: UtcInstant } {
  const { from, to } = windowOf(query);
  if (from === undefined) throw new Error('a window of snapshots has a start');
  return { from, to: to ?? bound };
}

function totalsText({ chargedMwh, dischargedMwh }: EnergyMove): string {
  const quantity = (amount: string) => `{"amount":"${amount}","unit":"MWh"}`;
  return `,"total_charged_energy":${quantity(chargedMwh)},"total_discharged_energy":${quantity(dischargedMwh)}`;
}

/** A page after the first knows the totals of the window from the first one: they are the same for as long as its bound is. */
interface Place {
  readonly key: SnapshotKey;
  readonly totals: EnergyMove | undefined;
}

const placeShape = z.union([
  z.tuple([z.string(), z.string()]),
  z.tuple([z.string(), z.string(), z.string(), z.string()]),
]);

function placeOf(position: Position | undefined): Place | undefined {
  if (position === undefined) return undefined;
  const [effectiveAt, assetId, chargedMwh, dischargedMwh] = placeShape.parse(position.sortKey);
  const isTold = chargedMwh !== undefined && dischargedMwh !== undefined;
  return {
    key: { effectiveAt: parseInstant(effectiveAt), assetId },
    totals: isTold ? { chargedMwh, dischargedMwh } : undefined,
  };
}

function positionOf({ effectiveAt, assetId }: SnapshotKey, knownAt: UtcInstant, totals?: EnergyMove): Position {
  const told = totals === undefined ? [] : [totals.chargedMwh, totals.dischargedMwh];
  return { sortKey: [effectiveAt, assetId, ...told], knownAt };
}
