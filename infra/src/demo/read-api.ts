import {
  listDispatchesResponse,
  listIngestionMinutesResponse,
  listQuarantineResponse,
  latestTelemetryResponse,
  type AssetDispatch,
  type IngestionMinute,
  type LatestTelemetryResponse,
  type QuarantineItem,
} from '@quarterhour/contracts';
import type { UtcInstant } from '@quarterhour/domain';
import type { z } from 'zod';

const PAGE = '500';
const ASSETS_PER_QUERY = 250;
const TIMEOUT_MS = 30_000;

/** Half-open, `[from, to)`. */
export interface TimeSpan {
  readonly from: UtcInstant;
  readonly to: UtcInstant;
}

/** The read API as the demo's reader sees it; lists are read to their end, page by page. */
export interface ReadApi {
  dispatches(assetIds: readonly string[], span: TimeSpan): Promise<AssetDispatch[]>;
  latestTelemetry(plantId: string): Promise<LatestTelemetryResponse>;
  quarantine(span: TimeSpan): Promise<QuarantineItem[]>;
  minutes(span: TimeSpan): Promise<IngestionMinute[]>;
}

/** An answer that is not 200. */
export class ReadApiError extends Error {
  override readonly name = 'ReadApiError';
  readonly code = 'READ_API_REFUSED';
}

export function readApi({ url, token }: { readonly url: string; readonly token: string }): ReadApi {
  const get = async (target: string) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const response = await fetch(new URL(target, url), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body = await response.text();
    if (!response.ok) throw new ReadApiError(`GET ${target} was answered ${response.status}: ${body.slice(0, 300)}`);
    const answer: unknown = JSON.parse(body);
    return { answer, next: nextPage(response.headers.get('link')) };
  };
  const pages = async <S extends z.ZodType>(schema: S, first: string): Promise<z.output<S>[]> => {
    const read: z.output<S>[] = [];
    for (let target: string | undefined = first; target !== undefined;) {
      const { answer, next } = await get(target);
      read.push(schema.parse(answer));
      target = next;
    }
    return read;
  };

  return {
    async dispatches(assetIds, { from, to }) {
      const found: AssetDispatch[] = [];
      for (let start = 0; start < assetIds.length; start += ASSETS_PER_QUERY) {
        const asset_ids = assetIds.slice(start, start + ASSETS_PER_QUERY).join(',');
        const query = new URLSearchParams({ asset_ids, from, to, limit: PAGE });
        const read = await pages(listDispatchesResponse, `/asset-api/v1/dispatches?${query.toString()}`);
        found.push(...read.flatMap((page) => page.dispatches));
      }
      return found;
    },
    async latestTelemetry(plantId) {
      const { answer } = await get(`/api/v1/trading/plants/${plantId}/telemetry/latest`);
      return latestTelemetryResponse.parse(answer);
    },
    async quarantine({ from, to }) {
      const query = new URLSearchParams({ from, to, limit: PAGE });
      const read = await pages(listQuarantineResponse, `/quarterhour/v1/quarantine?${query.toString()}`);
      return read.flatMap((page) => page.quarantine);
    },
    async minutes({ from, to }) {
      const query = new URLSearchParams({ from, to, limit: PAGE });
      const read = await pages(listIngestionMinutesResponse, `/quarterhour/v1/ingestion/minutes?${query.toString()}`);
      return read.flatMap((page) => page.minutes);
    },
  };
}

function nextPage(link: string | null): string | undefined {
  return link === null ? undefined : /<([^>]+)>;\s*rel="next"/.exec(link)?.[1];
}
