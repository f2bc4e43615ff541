import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assetValidationProblem, listSpecsResponse } from '@quarterhour/contracts';
import type { OrganisationRow } from '@quarterhour/db';
import { anAsset, anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { asRecord, readCsv, readNdjson, unsaid } from './exported.js';
import { storeSpec } from './registered.js';

const SPECS = '/asset-api/v1/specs';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let asset: string;
let other: string;
let foreign: string;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
beforeEach(async () => {
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  asset = await anAsset(api.admin, ours);
  other = await anAsset(api.admin, ours);
  foreign = await anAsset(api.admin, theirs);
  await keep(asset, { from: day(1), to: day(10), ratedPowerMw: '1.5' });
  await keep(asset, { from: day(10), ratedPowerMw: '2' });
  await keep(other, { from: day(5), ratedPowerMw: '4' });
  await storeSpec(api.admin, { orgId: theirs.id, assetId: foreign }, { from: day(1), ratedPowerMw: '9' });
});
afterAll(() => api.close());

const day = (number: number): string => `2026-01-${String(number).padStart(2, '0')}T00:00:00Z`;
const keep = (assetId: string, spec: Parameters<typeof storeSpec>[2]) =>
  storeSpec(api.admin, { orgId: ours.id, assetId }, spec);
const reader = (): TokenClaims => ({ orgs: [ours.id], roles: ['auditor'] });
const ask = (search: string, headers = {}, claims = reader()) =>
  api.get(search.startsWith('/') ? search : `${SPECS}?${search}`, claims, headers);
const page = async (search: string) => {
  const answer = await ask(search);
  expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
  return { text: answer.text, headers: answer.headers, ...listSpecsResponse.parse(answer.body) };
};
const both = () => `asset_ids=${asset},${other}`;
const powers = async (search: string) => (await page(search)).specs.map(({ rated_power }) => rated_power?.amount);
const faultsOf = async (search: string): Promise<string[]> => {
  const answer = await ask(search);
  expect([answer.status, answer.text]).toEqual([422, expect.anything()]);
  return assetValidationProblem.parse(answer.body).detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);
};

describe('the list of technical data', () => {
  test('shows every field, decimals as strings, what is not known as null', async () => {
    await keep(other, {
      from: day(5),
      ratedPowerMw: '4.50',
      gridConnectionMaxPowerMw: '5',
      maxCapacityMwh: '20.000001',
      rampRateMwPerMinute: '0.5',
      rampType: 'STEP',
      chargeEfficiency: '0.95',
      dischargeEfficiency: '1',
      dailyCycleEnergyLimitMwh: '40',
      prequalifiedFcrMw: '1',
      prequalifiedAfrrChargeMw: '-2',
      prequalifiedAfrrDischargeMw: '3',
    });
    const { limit, offset, specs } = await page(`asset_ids=${other}`);
    const [spec] = specs;
    expect([limit, offset, specs.length]).toEqual([50, 0, 1]);
    expect(spec).toEqual({
      asset_id: other,
      valid_from: day(5),
      valid_to: null,
      rated_power: { amount: '4.5', unit: 'MW' },
      grid_connection_max_power: { amount: '5', unit: 'MW' },
      max_capacity: { amount: '20.000001', unit: 'MWh' },
      ramp_rate: '0.5',
      ramp_type: 'STEP',
      charge_efficiency: '0.95',
      discharge_efficiency: '1',
      daily_cycle_energy_limit: { amount: '40', unit: 'MWh' },
      prequalified_fcr: { amount: '1', unit: 'MW' },
      prequalified_afrr_charge: { amount: '-2', unit: 'MW' },
      prequalified_afrr_discharge: { amount: '3', unit: 'MW' },
      created_at: spec?.created_at,
      updated_at: spec?.updated_at,
    });
    expect((spec?.updated_at ?? '') > (spec?.created_at ?? '')).toBe(true);
  });

  test('is by asset, and of each the one that begins last first', async () => {
    expect(await powers(both())).toEqual(['2', '1.5', '4']);
    expect(await powers(`asset_ids=${other}&asset_ids=${asset}`)).toEqual(['2', '1.5', '4']);
  });

  test('lets ids contribute nothing that nobody has, or somebody else', async () => {
    expect(await powers(`asset_ids=NOBODY,${foreign},${other}`)).toEqual(['4']);
  });

  test('is bounded by valid_from, included on both ends', async () => {
    expect(await powers(`${both()}&from=${day(5)}&to=${day(10)}`)).toEqual(['2', '4']);
    expect(await powers(`${both()}&from=${day(10)}`)).toEqual(['2']);
    expect(await powers(`${both()}&to=${day(1)}`)).toEqual(['1.5']);
    expect(await powers(`${both()}&from=${day(5)}&to=${day(5)}`)).toEqual(['4']);
  });

  test('spans at most 31 days when both bounds are given: exactly that is allowed, one second more is 422', async () => {
    const from = `from=${day(1)}`;
    expect(await powers(`${both()}&${from}&to=2026-02-01T00:00:00Z`)).toHaveLength(3);
    expect(await faultsOf(`${both()}&${from}&to=2026-02-01T00:00:01Z`)).toEqual(['query.to window_too_long']);
    expect(await faultsOf(`${both()}&${from}&to=2026-02-01T00:00:00.000001Z`)).toEqual(['query.to window_too_long']);
    expect(await powers(`${both()}&from=2300-01-01T00:00:00Z&to=2300-01-02T00:00:00Z`)).toEqual([]);
  });

  test('latest keeps the greatest valid_from of each asset, inside the bounds, also in the future', async () => {
    expect(await powers(`${both()}&latest=true`)).toEqual(['2', '4']);
    expect(await powers(`${both()}&latest=true&to=${day(9)}`)).toEqual(['1.5', '4']);
    expect(await powers(`${both()}&latest=false`)).toHaveLength(3);
    await keep(asset, { from: day(10), to: day(20), ratedPowerMw: '2' });
    await keep(asset, { from: '2099-01-01T00:00:00Z', ratedPowerMw: '8' });
    expect(await powers(`${both()}&latest=true`)).toEqual(['8', '4']);
  });

  test.each<[string, string, string[]]>([
    ['no assets', '', ['query.asset_ids missing']],
    ['an empty id', 'asset_ids=', ['query.asset_ids.0 string_too_short']],
    ['to before from', `asset_ids=A&from=${day(2)}&to=${day(1)}`, ['query.to window_reversed']],
    ['a bound without offset', 'asset_ids=A&from=2026-01-01T00:00:00', ['query.from datetime_parsing']],
    ['latest that is neither', 'asset_ids=A&latest=yes', ['query.latest bool_parsing']],
    ['a limit of 0', 'asset_ids=A&limit=0', ['query.limit greater_than_equal']],
    ['a limit of 1001', 'asset_ids=A&limit=1001', ['query.limit less_than_equal']],
    ['a page too deep', 'asset_ids=A&limit=1&offset=100000', ['query.offset offset_too_deep']],
    ['a parameter that is not known', 'asset_ids=A&status=ONLINE', ['query.status extra_forbidden']],
  ])('refuses %s', async (_case, search, expected) => {
    expect(await faultsOf(search)).toEqual(expected);
  });
});

describe('the pages', () => {
  test.each(['', '&latest=true'])('follow each other by Link and by offset%s', async (more) => {
    const all = await powers(`${both()}${more}`);
    const seen: unknown[] = [];
    let next: string | undefined = `${SPECS}?${both()}${more}&limit=1`;
    while (next !== undefined) {
      const { specs, headers } = await page(next);
      expect(specs).toHaveLength(1);
      seen.push(specs[0]?.rated_power?.amount);
      next = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
    }
    expect(seen).toEqual(all);
    expect(await powers(`${both()}${more}&limit=1&offset=1`)).toEqual(all.slice(1, 2));
  });

  test('all know the same, whatever changes meanwhile', async () => {
    const first = await page(`${both()}&limit=2`);
    await keep(other, { from: day(5), ratedPowerMw: '99' });
    const next = /^<([^>]+)>/.exec(first.headers['link'] ?? '')?.[1] ?? '';
    expect(await powers(next)).toEqual(['4']);
    expect((await page(next)).headers['quarterhour-known-at']).toBe(first.headers['quarterhour-known-at']);
  });
});

describe('as_of', () => {
  test('answers byte for byte what was answered then', async () => {
    const then = await page(both());
    await keep(asset, { from: day(10), to: day(20), ratedPowerMw: '2' });
    await keep(asset, { from: day(20), ratedPowerMw: '3' });
    await keep(other, { from: day(5), ratedPowerMw: '5' });
    const now = await page(both());
    expect(now.specs.map(({ rated_power }) => rated_power?.amount)).toEqual(['3', '2', '1.5', '5']);
    for (const { headers, text } of [then, now]) {
      expect((await page(`${both()}&as_of=${headers['quarterhour-known-at'] ?? ''}`)).text).toBe(text);
    }
    expect(await powers(`${both()}&as_of=2020-01-01T00:00:00Z`)).toEqual([]);
  });

  test('in the future is refused', async () => {
    expect(await faultsOf(`${both()}&as_of=2099-01-01T00:00:00Z`)).toEqual(['query.as_of instant_in_future']);
  });
});

describe('as a file', () => {
  test.each([
    ['text/csv', readCsv],
    ['application/x-ndjson', readNdjson],
  ] as const)('the list says the same in %s', async (accept, read) => {
    const answer = await ask(both(), { accept });
    const { rows } = read(answer.text);
    const { specs } = await page(both());
    expect([answer.status, answer.type]).toEqual([200, accept]);
    const columns = Object.keys(rows[0] ?? {});
    expect(rows).toEqual(accept === 'text/csv' ? specs.map((spec) => asRecord(spec, columns)) : specs);
    if (accept === 'text/csv') expect(specs.flatMap((spec) => unsaid(spec, columns))).toEqual([]);
    expect(answer.headers['quarterhour-known-at']).toEqual(expect.anything());
  });
});
