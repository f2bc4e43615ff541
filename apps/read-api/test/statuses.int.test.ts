import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  assetProblem,
  assetStatusEntry,
  assetValidationProblem,
  listStatusesResponse,
  type AssetStatusMessage,
} from '@quarterhour/contracts';
import { deleteAsset, type OrganisationRow } from '@quarterhour/db';
import { anAsset, anAssetStatus, anOrganisation, sentAssetStatus, takeIn } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const STATUSES = '/asset-api/v1/statuses';
const T = (hour: number): string => `2026-01-15T${String(hour).padStart(2, '0')}:00:00Z`;

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let first: string;
let second: string;
let silent: string;
let foreign: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  first = await anAsset(api.admin, ours);
  second = await anAsset(api.admin, ours);
  silent = await anAsset(api.admin, ours);
  foreign = await anAsset(api.admin, theirs);
  await said(first, 'ONLINE', T(10));
  await said(second, 'OFFLINE', T(10), {
    reasons: [{ category: 'GRID', detail: 'a line is down', attributes: { line: 4 } }, { category: 'OPERATOR' }],
  });
  await said(first, 'FAULT', T(12));
  await said(second, 'ONLINE', T(11));
  await said(foreign, 'ONLINE', T(10));
}, 60_000);
afterAll(() => api.close());

const message = (asset: string, status: AssetStatusMessage['status'], effectiveAt: string, different = {}) =>
  sentAssetStatus(
    anAssetStatus({ asset_id: asset, status, effective_at: effectiveAt, published_at: effectiveAt, ...different }),
  );
const said = async (...args: Parameters<typeof message>): Promise<void> => {
  expect(await takeIn(api.worker, message(...args))).toBe('stored');
};
const reader = () => ({ orgs: [ours.id], roles: ['auditor'] });
const all = () => [first, second, silent, foreign].map((id) => `asset_ids=${id}`).join('&');
const page = async (search: string, claims = reader()) => {
  const response = await api.get(search.startsWith('/') ? search : `${STATUSES}?${search}`, claims);
  expect([response.status, response.text]).toEqual([200, expect.anything()]);
  return { headers: response.headers, text: response.text, ...listStatusesResponse.parse(response.body) };
};
const shown = async (search: string) =>
  (await page(search)).statuses.map(({ asset_id: id, status, effective_at: at }) => `${id} ${status} ${at}`);
const nextOf = (headers: Record<string, string | undefined>): string | undefined =>
  /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];

describe('statuses of a window', () => {
  test('are by effective_at, then asset, of the own organisation alone', async () => {
    expect(await shown(`${all()}&from=${T(0)}&to=${T(23)}`)).toEqual([
      `${first} ONLINE ${T(10)}`,
      `${second} OFFLINE ${T(10)}`,
      `${second} ONLINE ${T(11)}`,
      `${first} FAULT ${T(12)}`,
    ]);
  });

  test('include the start of the window and not its end', async () => {
    expect(await shown(`${all()}&from=${T(11)}&to=${T(12)}`)).toEqual([`${second} ONLINE ${T(11)}`]);
    expect(await shown(`${all()}&from=${T(11)}&to=${T(11)}`)).toEqual([]);
  });

  test('end now when no end is given', async () => {
    expect(await shown(`${all()}&from=${T(11)}`)).toHaveLength(2);
    const soon = new Date(Date.now() + 120_000).toISOString();
    const asset = await anAsset(api.admin, ours);
    await said(asset, 'MAINTENANCE', soon);
    expect(await shown(`asset_ids=${asset}&from=${T(11)}`)).toEqual([]);
    expect(await shown(`asset_ids=${asset}&from=${T(11)}&to=2100-01-01T00:00:00Z`)).toHaveLength(1);
  });

  test('are narrowed by status', async () => {
    expect(await shown(`${all()}&from=${T(0)}&status=FAULT,OFFLINE`)).toEqual([
      `${second} OFFLINE ${T(10)}`,
      `${first} FAULT ${T(12)}`,
    ]);
  });

  test('go on by cursor and by offset', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${STATUSES}?${all()}&from=${T(0)}&limit=1`;
    while (next !== undefined) {
      const { statuses, headers } = await page(next);
      seen.push(...statuses.map(({ effective_at: at }) => at));
      next = nextOf(headers);
    }
    expect(seen).toEqual([T(10), T(10), T(11), T(12)]);
    expect(await shown(`${all()}&from=${T(0)}&limit=2&offset=2`)).toHaveLength(2);
  });

  test('show reasons whole', async () => {
    const { statuses } = await page(`asset_ids=${second}&from=${T(10)}&to=${T(11)}`);
    expect(statuses[0]?.reasons).toEqual([
      { category: 'GRID', detail: 'a line is down', source: null, attributes: { line: 4 } },
      { category: 'OPERATOR', detail: null, source: null, attributes: {} },
    ]);
  });
});

describe('the newest statuses', () => {
  test('are one of each asset, by asset', async () => {
    expect(await shown(`${all()}&latest=true`)).toEqual([`${first} FAULT ${T(12)}`, `${second} ONLINE ${T(11)}`]);
  });

  test('are looked for within a window where one is given', async () => {
    expect(await shown(`${all()}&latest=true&to=${T(12)}`)).toEqual([
      `${first} ONLINE ${T(10)}`,
      `${second} ONLINE ${T(11)}`,
    ]);
    expect(await shown(`${all()}&latest=true&from=${T(12)}`)).toEqual([`${first} FAULT ${T(12)}`]);
  });

  test('are picked before they are narrowed by status', async () => {
    expect(await shown(`${all()}&latest=true&status=OFFLINE`)).toEqual([]);
    expect(await shown(`${all()}&latest=true&status=FAULT`)).toEqual([`${first} FAULT ${T(12)}`]);
  });

  test('go on by cursor', async () => {
    const { headers } = await page(`${all()}&latest=true&limit=1`);
    expect((await page(nextOf(headers) ?? '')).statuses.map(({ asset_id: id }) => id)).toEqual([second]);
  });
});

describe('a corrected status', () => {
  test('is answered as it was known then, byte for byte', async () => {
    const asset = await anAsset(api.admin, ours);
    await said(asset, 'UNKNOWN', T(9));
    const searches = [
      `asset_ids=${asset}&from=${T(0)}`,
      `asset_ids=${asset}&latest=true`,
      `asset_ids=${asset}&from=${T(0)}&to=${T(23)}`,
    ];
    const before = await Promise.all(searches.map((search) => page(search)));
    const correction = message(asset, 'DEGRADED', T(9), { published_at: T(10) });
    expect(await takeIn(api.worker, correction)).toBe('revised');
    for (const [index, search] of searches.entries()) {
      const then = before[index];
      const known = then?.headers['quarterhour-known-at'] ?? '';
      expect((await page(`${search}&as_of=${known}`)).text).toBe(then?.text);
      const now = await page(search);
      expect(now.statuses.map(({ status }) => status)).toEqual(['DEGRADED']);
      expect((await page(`${search}&as_of=${now.headers['quarterhour-known-at'] ?? ''}`)).text).toBe(now.text);
    }
  });

  test('that was published earlier than the one that stands changes nothing that is answered', async () => {
    const asset = await anAsset(api.admin, ours);
    await said(asset, 'ONLINE', T(9), { published_at: T(10) });
    expect(await takeIn(api.worker, message(asset, 'FAULT', T(9), { published_at: T(9) }))).toBe('revised');
    expect(await shown(`asset_ids=${asset}&latest=true`)).toEqual([`${asset} ONLINE ${T(9)}`]);
    const { headers } = await page(`asset_ids=${asset}&latest=true`);
    const asOf = `as_of=${headers['quarterhour-known-at'] ?? ''}`;
    expect(await shown(`asset_ids=${asset}&from=${T(0)}&${asOf}`)).toEqual([`${asset} ONLINE ${T(9)}`]);
  });

  test('that says the same is a duplicate', async () => {
    const asset = await anAsset(api.admin, ours);
    await said(asset, 'ONLINE', T(9));
    expect(await takeIn(api.worker, message(asset, 'ONLINE', T(9)))).toBe('duplicate');
  });
});

test('statuses outlive their asset', async () => {
  const asset = await anAsset(api.admin, ours);
  await said(asset, 'OFFLINE', T(9));
  await api.admin.transaction([ours.id], (trx) => deleteAsset(trx, ours.id, asset));
  expect(await shown(`asset_ids=${asset}&latest=true`)).toEqual([`${asset} OFFLINE ${T(9)}`]);
  expect((await api.get(`/asset-api/v1/assets/${asset}/status`, reader())).status).toBe(404);
});

describe('the newest status of one asset', () => {
  const get = (id: string, search = '') => api.get(`/asset-api/v1/assets/${id}/status${search}`, reader());

  test('is one entry', async () => {
    const { status, body, headers } = await get(first);
    expect([status, assetStatusEntry.parse(body)]).toMatchObject([
      200,
      { asset_id: first, status: 'FAULT', effective_at: T(12) },
    ]);
    expect(headers['etag']).toBeDefined();
  });

  test('is answered as it was known then, also of an asset that is gone', async () => {
    const asset = await anAsset(api.admin, ours);
    await said(asset, 'ONLINE', T(9));
    const before = await get(asset);
    expect(await takeIn(api.worker, message(asset, 'FAULT', T(9), { published_at: T(10) }))).toBe('revised');
    await said(asset, 'MAINTENANCE', T(11));
    expect((await get(asset)).body.status).toBe('MAINTENANCE');
    await api.admin.transaction([ours.id], (trx) => deleteAsset(trx, ours.id, asset));
    const again = await get(asset, `?as_of=${before.headers['quarterhour-known-at'] ?? ''}`);
    expect([again.status, again.text]).toEqual([200, before.text]);
    expect((await get(asset)).status).toBe(404);
  });

  test('is 404 in other words where the asset is unknown and where it has none', async () => {
    const details = await Promise.all(
      ['DE_50HZ_NONE_1', foreign, silent].map(async (id) => {
        const { status, body } = await get(id);
        return [status, assetProblem.parse(body).detail];
      }),
    );
    expect(details).toEqual([
      [404, 'There is no such asset.'],
      [404, 'There is no such asset.'],
      [404, `The asset ${silent} has no status yet.`],
    ]);
  });
});

describe('a request', () => {
  test.each([
    ['neither latest nor a window', '', ['query.from missing']],
    ['an end alone', `&to=${T(1)}`, ['query.from missing']],
    ['an end before its start', `&from=${T(2)}&to=${T(1)}`, ['query.to window_reversed']],
    ['an instant without offset', '&from=2026-01-15T00:00:00', ['query.from datetime_parsing']],
    ['a status that there is not', '&latest=true&status=BROKEN', ['query.status.0 literal_error']],
    ['latest in other words', '&latest=yes', ['query.latest bool_parsing']],
    ['an offset beside a cursor', '&latest=true&offset=1&cursor=abc', ['query.offset offset_with_cursor']],
    ['a cursor of nobody', '&latest=true&cursor=abc', ['query.cursor invalid_cursor']],
  ])('is refused with %s', async (_what, search, complaints) => {
    const { status, body } = await api.get(`${STATUSES}?asset_ids=${first}${search}`, reader());
    const { detail } = assetValidationProblem.parse(body);
    expect([status, detail.map(({ loc, type }) => `${loc.join('.')} ${type}`)]).toEqual([422, complaints]);
  });

  test('needs assets, and takes 500 of them', async () => {
    const none = await api.get(`${STATUSES}?latest=true`, reader());
    expect([none.status, assetValidationProblem.parse(none.body).detail[0]?.loc]).toEqual([
      422,
      ['query', 'asset_ids'],
    ]);
    const many = Array.from({ length: 501 }, (_one, index) => `A${index}`);
    expect((await api.get(`${STATUSES}?latest=true&asset_ids=${many.slice(1).join(',')}`, reader())).status).toBe(200);
    expect((await api.get(`${STATUSES}?latest=true&asset_ids=${many.join(',')}`, reader())).status).toBe(422);
  });

  test('that prefers CSV or NDJSON gets the same entries as lines', async () => {
    const csv = await api.get(`${STATUSES}?${all()}&from=${T(0)}`, reader(), { accept: 'text/csv' });
    expect([csv.status, csv.text.split('\r\n')[0]]).toEqual([
      200,
      'asset_id,status,effective_at,reasons,created_at,cursor',
    ]);
    expect(csv.text.trimEnd().split('\r\n')).toHaveLength(5);
    const ndjson = await api.get(`${STATUSES}?${all()}&latest=true`, reader(), { accept: 'application/x-ndjson' });
    expect(ndjson.status).toBe(200);
  });
});
