import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assetValidationProblem, listConnectionLimitsResponse } from '@quarterhour/contracts';
import type { Limited, OrganisationRow } from '@quarterhour/db';
import { anAsset, anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { readCsv, readNdjson } from './exported.js';
import { registerInverter, registerSite, storeLimits } from './registered.js';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
}, 60_000);
afterAll(() => api.close());

const reader = (): TokenClaims => ({ orgs: [ours.id], roles: ['auditor'] });
const hour = (number: number): string => `2026-01-15T${String(number).padStart(2, '0')}:00:00Z`;

describe.each([
  ['site', 31],
  ['inverter', 7],
] as const)('limits of a %s', (kind, days) => {
  let path: string;
  let limited: Limited;
  let foreign: string;
  beforeEach(async () => {
    limited = await aLimited(ours);
    path = pathOf(limited);
    foreign = pathOf(await aLimited(theirs));
    await storeLimits(api.admin, limited, [{ at: hour(11) }, { at: hour(10), maxImportMw: '1.50' }, { at: hour(12) }]);
  });

  async function aLimited(organisation: OrganisationRow): Promise<Limited> {
    const orgId = organisation.id;
    const site = await registerSite(api.admin, orgId);
    if (kind === 'site') return { orgId, of: 'connection-point', id: site };
    const assetIds = [await anAsset(api.admin, organisation)];
    return {
      orgId,
      of: 'inverter',
      id: await registerInverter(api.admin, { orgId, connectionPointId: site, assetIds }),
    };
  }
  function pathOf({ of, id }: Limited): string {
    const sites = '/asset-api/v1/sites';
    return of === 'inverter'
      ? `${sites}/${id.replace(/_INV_\d+$/, '')}/inverters/${id}/limits`
      : `${sites}/${id}/limits`;
  }
  const window = (from = hour(0), to = hour(23)): string => `from=${from}&to=${to}`;
  const ask = (search: string, headers = {}) =>
    api.get(search.startsWith('/') ? search : `${path}?${search}`, reader(), headers);
  const page = async (search: string) => {
    const answer = await ask(search);
    expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
    return { text: answer.text, headers: answer.headers, ...listConnectionLimitsResponse.parse(answer.body) };
  };
  const startsOf = async (search: string) => (await page(search)).limits.map(({ start_time }) => start_time);
  const faultsOf = async (search: string): Promise<string[]> => {
    const answer = await ask(search);
    expect([answer.status, answer.text]).toEqual([422, expect.anything()]);
    return assetValidationProblem.parse(answer.body).detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);
  };

  test('are shown by start_time', async () => {
    const { limit, offset, limits } = await page(window());
    expect([limit, offset, limits.map(({ start_time }) => start_time)]).toEqual([
      50,
      0,
      [hour(10), hour(11), hour(12)],
    ]);
    expect(limits[0]).toEqual({
      start_time: hour(10),
      end_time: hour(11),
      max_import_from_grid: { amount: '1.5', unit: 'MW' },
      max_export_to_grid: { amount: '2.5', unit: 'MW' },
    });
  });

  test('are those that start within [from, to)', async () => {
    expect(await startsOf(window(hour(10), hour(12)))).toEqual([hour(10), hour(11)]);
    expect(await startsOf(window(hour(10), hour(10)))).toEqual([]);
  });

  test(`are asked for over at most ${days} days: exactly that is allowed, one second more is 422`, async () => {
    const end = (seconds: number): string =>
      new Date(Date.parse(hour(0)) + days * 86_400_000 + seconds * 1_000).toISOString();
    expect(await startsOf(window(hour(0), end(0)))).toHaveLength(3);
    expect(await faultsOf(window(hour(0), end(1)))).toEqual(['query.to window_too_long']);
  });

  test.each([
    ['no window', '', ['query.from missing', 'query.to missing']],
    ['a window that is reversed', `from=${hour(2)}&to=${hour(1)}`, ['query.to window_reversed']],
    ['an instant without offset', `from=2026-01-15T00:00:00&to=${hour(1)}`, ['query.from datetime_parsing']],
    ['a parameter that is not known', `from=${hour(1)}&to=${hour(2)}&asset_ids=A`, ['query.asset_ids extra_forbidden']],
  ])('are refused with %s', async (_case, search, expected) => {
    expect(await faultsOf(search)).toEqual(expected);
  });

  test('go on by the Link of each page, and by offset', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${path}?${window()}&limit=1`;
    while (next !== undefined) {
      const { limits, headers } = await page(next);
      seen.push(...limits.map(({ start_time }) => start_time));
      next = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
    }
    expect(seen).toEqual([hour(10), hour(11), hour(12)]);
    expect(await startsOf(`${window()}&limit=1&offset=1`)).toEqual([hour(11)]);
  });

  test('do not open a cursor of something else', async () => {
    const { headers } = await page(`${window()}&limit=1`);
    const [, search = ''] = /^<[^?]+\?([^>]+)>/.exec(headers['link'] ?? '') ?? [];
    const another = await aLimited(ours);
    expect(await faultsOf(`${pathOf(another)}?${search}`)).toEqual(['query.cursor invalid_cursor']);
  });

  test('as of then are told byte for byte', async () => {
    const then = await page(window());
    await storeLimits(api.admin, limited, [{ at: hour(10), maxImportMw: '9' }, { at: hour(13) }]);
    const now = await page(window());
    expect(now.limits).toHaveLength(4);
    for (const { headers, text } of [then, now]) {
      expect((await page(`${window()}&as_of=${headers['quarterhour-known-at'] ?? ''}`)).text).toBe(text);
    }
  });

  test('say the same as a file', async () => {
    const { limits } = await page(window());
    expect(readNdjson((await ask(window(), { accept: 'application/x-ndjson' })).text).rows).toEqual(limits);
    const { rows } = readCsv((await ask(window(), { accept: 'text/csv' })).text);
    expect(rows.map((row) => row['max_import_from_grid_mw'])).toEqual(['1.5', '1', '1']);
  });

  test('of another organisation, or of nothing, are 404, as a page and as a file', async () => {
    for (const where of [foreign, path.replace(/_SITE_\d+/g, '_SITE_99999')]) {
      expect((await ask(`${where}?${window()}`)).status).toBe(404);
      expect((await ask(`${where}?${window()}`, { accept: 'text/csv' })).status).toBe(404);
    }
  });
});

test('limits of an inverter under a site that it does not belong to are 404', async () => {
  const [site, other] = [await registerSite(api.admin, ours.id), await registerSite(api.admin, ours.id)];
  const assetIds = [await anAsset(api.admin, ours)];
  const inverter = await registerInverter(api.admin, { orgId: ours.id, connectionPointId: site, assetIds });
  const ask = async (siteId: string): Promise<number> =>
    (
      await api.get(
        `/asset-api/v1/sites/${siteId}/inverters/${inverter}/limits?from=${hour(1)}&to=${hour(2)}`,
        reader(),
      )
    ).status;
  expect([await ask(site), await ask(other)]).toEqual([200, 404]);
});
