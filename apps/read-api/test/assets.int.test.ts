import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { assetOutput, assetProblem, assetValidationProblem, listAssetsResponse } from '@quarterhour/contracts';
import { takeAssetStep, type OrganisationRow } from '@quarterhour/db';
import { assetStep, parseInstant } from '@quarterhour/domain';
import { entityTagOf } from '@quarterhour/http';
import { anAsset, anOrganisation } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const ASSETS = '/asset-api/v1/assets';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let ids: string[];
let foreign: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  const asset = (different: Parameters<typeof anAsset>[2] = {}, owner = ours) => anAsset(api.admin, owner, different);
  foreign = await asset({ code: 'AA' }, theirs);
  ids = [
    await asset({ code: 'WU' }),
    await asset({ code: 'WU', name: 'Ümläut "quoted"' }),
    await asset({ code: 'PV', type: 'PV', deliveryArea: 'AMPN', provider: 'EBX' }),
    await asset({ code: 'WA', region: 'PL', deliveryArea: 'PSE' }),
  ].toSorted();
  await api.admin.transaction([ours.id], (trx) =>
    takeAssetStep(
      trx,
      { orgId: ours.id, id: 'DE_50HZ_WU_1' },
      assetStep('commission'),
      parseInstant('2026-01-15T10:00:00Z'),
    ),
  );
}, 60_000);
afterAll(() => api.close());

const reader = () => ({ orgs: [ours.id], roles: ['auditor'] });
const page = async (search: string, claims = reader()) => {
  const response = await api.get(search.startsWith('/') ? search : `${ASSETS}?${search}`, claims);
  expect([response.status, response.text]).toEqual([200, expect.anything()]);
  return { headers: response.headers, ...listAssetsResponse.parse(response.body) };
};
const idsOf = async (search: string): Promise<string[]> => (await page(search)).assets.map(({ id }) => id);
const nextOf = (headers: Record<string, string | undefined>): string | undefined =>
  /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];

describe('the list of assets', () => {
  test('is by id, of the own organisation alone, and echoes limit and offset', async () => {
    expect(await page('')).toMatchObject({ limit: 50, offset: 0 });
    expect(await idsOf('')).toEqual(ids);
    expect(await page('limit=2&offset=1')).toMatchObject({ limit: 2, offset: 1 });
  });

  test.each<[string, string, string[]]>([
    ['type', 'type=PV', ['DE_AMPN_PV_1']],
    ['region', 'region=PL', ['PL_PSE_WA_1']],
    ['lifecycle', 'lifecycle=COMMISSIONING', ['DE_50HZ_WU_1']],
    ['delivery area', 'delivery_area=50HZ', ['DE_50HZ_WU_1', 'DE_50HZ_WU_2']],
    ['provider', 'provider=EBX', ['DE_AMPN_PV_1']],
    ['several of these', 'delivery_area=50HZ&lifecycle=DRAFT&type=BESS', ['DE_50HZ_WU_2']],
    ['nothing that there is', 'provider=NFT', []],
  ])('is narrowed by %s', async (_what, search, expected) => {
    expect(await idsOf(search)).toEqual(expected);
  });

  test('goes on by the Link of each page, and by offset', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${ASSETS}?limit=1`;
    while (next !== undefined) {
      const { assets, headers } = await page(next);
      seen.push(...assets.map(({ id }) => id));
      next = nextOf(headers);
    }
    expect(seen).toEqual(ids);
    expect(await idsOf('limit=2&offset=1')).toEqual(ids.slice(1, 3));
    expect(await idsOf('offset=4')).toEqual([]);
  });

  test('of several organisations is one order', async () => {
    const { assets } = await page('', { orgs: [theirs.id, ours.id], roles: ['admin'] });
    expect(assets.map(({ id }) => id)).toEqual([...ids, foreign].toSorted());
  });

  test.each([
    ['limit=0', 'limit', 'greater_than_equal'],
    ['limit=1001', 'limit', 'less_than_equal'],
    ['offset=-1', 'offset', 'greater_than_equal'],
    ['limit=1&offset=100000', 'offset', 'offset_too_deep'],
    ['type=WIND', 'type', 'literal_error'],
    ['lifecycle=LIVE&lifecycle=DRAFT', 'lifecycle', 'repeated'],
    ['asset_id=DE_50HZ_WU_1', 'asset_id', 'extra_forbidden'],
  ])('is refused with %s', async (search, name, type) => {
    const response = await api.get(`${ASSETS}?${search}`, reader());
    expect(response.status).toBe(422);
    expect(assetValidationProblem.parse(response.body).detail).toMatchObject([{ loc: ['query', name], type }]);
  });
});

describe('one asset', () => {
  test('is what the list shows of it, to the byte', async () => {
    for (const id of ids) {
      const one = await api.get(`${ASSETS}/${id}`, reader());
      const list = await api.get(`${ASSETS}?limit=1000`, reader());
      expect(assetOutput.safeParse(one.body).success).toBe(true);
      expect(list.text).toContain(one.text);
    }
  });

  test('carries the tag that If-Match names', async () => {
    const { headers, text } = await api.get(`${ASSETS}/DE_50HZ_WU_1`, reader());
    expect(headers['etag']).toBe(entityTagOf('getAsset', [ours.id], text));
    const again = await api.get(`${ASSETS}/DE_50HZ_WU_1`, reader(), { 'if-none-match': headers['etag'] ?? '' });
    expect(again.status).toBe(304);
  });

  test('is 404 when there is none, and when it is somebody else’s', async () => {
    for (const id of ['DE_50HZ_NONE_1', foreign]) {
      const { status, body } = await api.get(`${ASSETS}/${id}`, reader());
      expect([status, assetProblem.parse(body)]).toEqual([404, { detail: 'There is no such asset.' }]);
    }
  });

  test('is not looked for under an id that is too long', async () => {
    const { status, body } = await api.get(`${ASSETS}/${'x'.repeat(161)}`, reader());
    expect([status, assetValidationProblem.parse(body).detail[0]]).toMatchObject([
      422,
      { loc: ['path', 'asset_id'], type: 'string_too_long' },
    ]);
  });
});
