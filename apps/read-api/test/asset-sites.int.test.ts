import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { assetProblem, assetSite, assetValidationProblem, listAssetSitesResponse } from '@quarterhour/contracts';
import type { OrganisationRow } from '@quarterhour/db';
import { anAsset, anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { readCsv, readNdjson } from './exported.js';
import { registerInverter, registerSite } from './registered.js';

const SITES = '/asset-api/v1/sites';

let api: TestApi;
let ours: OrganisationRow;
let asset: string;
let sites: string[];
let foreign: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  const theirs = await anOrganisation(api.admin);
  asset = await anAsset(api.admin, ours);
  const site = (different: Parameters<typeof registerSite>[2]) => registerSite(api.admin, ours.id, different);
  sites = [
    await site({ code: 'aa', name: '=1+1 "quoted", ümläut' }),
    await site({ code: 'bb', deliveryArea: 'TNBW' }),
    await site({
      code: 'cc',
      region: 'PL',
      deliveryArea: 'PSE',
      dispatchMode: { name: 'MANUAL', floorPrice: null, strikePrice: null, priceUnit: null },
    }),
  ].toSorted();
  foreign = await registerSite(api.admin, theirs.id, { code: 'dd' });
  await registerInverter(api.admin, { orgId: ours.id, connectionPointId: 'DE_TNBW_BB_SITE_1', assetIds: [asset] });
  await registerInverter(api.admin, { orgId: ours.id, connectionPointId: 'DE_TNBW_BB_SITE_1', assetIds: [asset] });
}, 60_000);
afterAll(() => api.close());

const reader = (): TokenClaims => ({ orgs: [ours.id], roles: ['auditor'] });
const ask = (path: string, headers = {}) =>
  api.get(path.startsWith('/') ? path : `${SITES}?${path}`, reader(), headers);
const page = async (path: string) => {
  const answer = await ask(path);
  expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
  return { headers: answer.headers, ...listAssetSitesResponse.parse(answer.body) };
};
const idsOf = async (path: string) => (await page(path)).sites.map(({ id }) => id);

const inverters = () =>
  [1, 2].map((number) => ({
    id: `DE_TNBW_BB_SITE_1_INV_${number}`,
    site_id: 'DE_TNBW_BB_SITE_1',
    rated_power: { amount: '5.5', unit: 'MW' },
    charge_efficiency: '0.95',
    discharge_efficiency: '1',
    asset_ids: [asset],
  }));

describe('one site', () => {
  test('shows all of it, its inverters always included', async () => {
    const answer = await ask(`${SITES}/DE_TNBW_BB_SITE_1`);
    expect(answer.status).toBe(200);
    const site = assetSite.parse(answer.body);
    expect(site).toEqual({
      id: 'DE_TNBW_BB_SITE_1',
      name: 'A site',
      code: 'bb',
      region: 'DE',
      delivery_area: 'TNBW',
      dispatch_mode: { name: 'PRICE_BASED', floor_price: { amount: '-10.5', unit: 'EUR/MWh' }, strike_price: null },
      created_at: site.created_at,
      updated_at: site.updated_at,
      inverters: inverters(),
    });
  });

  test('without inverters has an empty list of them', async () => {
    expect(assetSite.parse((await ask(`${SITES}/DE_AMPN_AA_SITE_1`)).body).inverters).toEqual([]);
  });

  test('carries an ETag, and is 304 for who has it', async () => {
    const { headers } = await ask(`${SITES}/DE_AMPN_AA_SITE_1`);
    const again = await ask(`${SITES}/DE_AMPN_AA_SITE_1`, { 'if-none-match': headers['etag'] ?? '' });
    expect(again.status).toBe(304);
  });

  test.each([
    ['that nobody has', () => 'DE_AMPN_ZZ_SITE_1'],
    ['of another organisation', () => foreign],
  ])('%s is 404', async (_case, idOf) => {
    const { status, body } = await ask(`${SITES}/${idOf()}`);
    expect([status, assetProblem.safeParse(body).success]).toEqual([404, true]);
  });
});

describe('the list of sites', () => {
  test('is by id, of the own organisation alone, without inverters unless they are asked for', async () => {
    const { limit, offset, sites: found } = await page('');
    expect([limit, offset, found.map(({ id }) => id)]).toEqual([50, 0, sites]);
    expect(found.map(({ inverters }) => inverters)).toEqual([null, null, null]);
    const expanded = (await page('expand=inverters')).sites;
    expect(expanded.map(({ inverters }) => inverters?.length)).toEqual([0, 2, 0]);
  });

  test.each<[string, () => string, () => string[]]>([
    ['region', () => 'region=PL', () => ['PL_PSE_CC_SITE_1']],
    ['delivery area', () => 'delivery_area=AMPN', () => ['DE_AMPN_AA_SITE_1']],
    ['an asset that an inverter lists', () => `asset_id=${asset}`, () => ['DE_TNBW_BB_SITE_1']],
    ['an asset that none lists', () => 'asset_id=NOBODY', () => []],
    ['all of these', () => `asset_id=${asset}&region=DE&delivery_area=AMPN`, () => []],
  ])('is narrowed by %s', async (_what, search, expected) => {
    expect(await idsOf(search())).toEqual(expected());
  });

  test('goes on by the Link of each page, and by offset', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${SITES}?limit=1`;
    while (next !== undefined) {
      const { sites: found, headers } = await page(next);
      seen.push(...found.map(({ id }) => id));
      next = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
    }
    expect(seen).toEqual(sites);
    expect(await idsOf('limit=1&offset=2')).toEqual(sites.slice(2));
  });

  test.each([
    ['expand=limits', 'query.expand literal_error'],
    ['region=FR', 'query.region literal_error'],
    ['delivery_area=X', 'query.delivery_area literal_error'],
    ['limit=1001', 'query.limit less_than_equal'],
    ['offset=-1', 'query.offset greater_than_equal'],
    ['limit=1&offset=100000', 'query.offset offset_too_deep'],
    ['region=DE&region=PL', 'query.region repeated'],
    ['code=AA', 'query.code extra_forbidden'],
  ])('refuses %s', async (search, expected) => {
    const { status, body } = await ask(search);
    const faults = assetValidationProblem.parse(body).detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);
    expect([status, faults]).toEqual([422, [expected]]);
  });

  test('says the same as a file', async () => {
    const { sites: found } = await page('expand=inverters');
    const lines = readNdjson((await ask('expand=inverters', { accept: 'application/x-ndjson' })).text);
    expect(lines.rows).toEqual(found);
    const csv = readCsv((await ask('expand=inverters', { accept: 'text/csv' })).text);
    expect(csv.rows.map(({ id }) => id)).toEqual(sites);
    expect(csv.rows[0]).toMatchObject({
      name: `'=1+1 "quoted", ümläut`,
      'dispatch_mode.name': 'PRICE_BASED',
      'dispatch_mode.floor_price.amount': '-10.5',
      'dispatch_mode.strike_price.amount': '',
      inverters: '[]',
    });
  });
});
