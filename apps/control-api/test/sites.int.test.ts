import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assetProblem, assetSite, assetValidationProblem, siteInverter } from '@quarterhour/contracts';
import { connectionPointText, type OrganisationRow } from '@quarterhour/db';
import { entityTagOf, SITE_PROJECTION, type Method } from '@quarterhour/http';
import { anAsset, anOrganisation } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const SITES = '/asset-api/v1/sites';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let asset: string;
let foreign: string;
let codes = 0;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
beforeEach(async () => {
  ours = await anOrganisation(api.admin, { tradingState: null });
  theirs = await anOrganisation(api.admin, { tradingState: null });
  asset = await anAsset(api.admin, ours);
  foreign = await anAsset(api.admin, theirs);
});
afterAll(() => api.close());

const operator = (organisation = ours) => ({ orgs: [organisation.id], roles: ['operator'], sub: 'ada' });
const send = (method: Method, path: string, body?: object, headers = {}, claims = operator()) =>
  api.send(method, `${SITES}${path}`, claims, body, headers);
const newCode = (): string => `S${(codes += 1)}`;
const eur = (amount: string | number) => ({ amount, unit: 'EUR/MWh' });
const pln = (amount: string | number) => ({ amount, unit: 'PLN/MWh' });
const mw = (amount: string | number) => ({ amount, unit: 'MW' });
const aBody = (different: object = {}) => ({
  name: 'A site',
  code: newCode(),
  region: 'DE',
  delivery_area: 'AMPN',
  dispatch_mode: { name: 'PRICE_BASED', floor_price: eur('-10.50'), strike_price: eur(80) },
  ...different,
});
const aSite = async (different: object = {}, claims = operator()) => {
  const answer = await send('post', '', aBody(different), {}, claims);
  expect([answer.status, answer.text]).toEqual([201, expect.anything()]);
  return assetSite.parse(answer.body);
};
const anInverterBody = (different: object = {}) => ({
  rated_power: mw('5'),
  charge_efficiency: '0.9500',
  discharge_efficiency: 1,
  asset_ids: [asset],
  ...different,
});
const anInverter = async (siteId: string, different: object = {}) => {
  const answer = await send('post', `/${siteId}/inverters`, anInverterBody(different));
  expect([answer.status, answer.text]).toEqual([201, expect.anything()]);
  return siteInverter.parse(answer.body);
};
const faultsOf = async (sending: ReturnType<typeof send>): Promise<string[]> => {
  const answer = await sending;
  expect([answer.status, answer.text]).toEqual([422, expect.anything()]);
  return assetValidationProblem.parse(answer.body).detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);
};
const textOf = (id: string) =>
  api.read.read([ours.id, theirs.id], (trx) => connectionPointText(trx, id, SITE_PROJECTION));
const shown = async (id: string) => assetSite.parse(JSON.parse((await textOf(id)) ?? 'null'));
const rowsOf = <R extends object>(text: string, ...values: unknown[]): Promise<R[]> =>
  api.admin.read([ours.id, theirs.id], (trx) => trx.query<R>({ text, values }));
const auditOf = (subject: string) =>
  rowsOf<{ actor: string; action: string; detail: unknown }>(
    'select actor, action, detail from app.audit where subject = $1 order by seq',
    subject,
  );

describe('registering a site', () => {
  test('answers it with an id of region, area, code in capitals, SITE and a number, and no inverters', async () => {
    const code = `${newCode()}-immst`;
    const site = await aSite({ code });
    expect(site).toEqual({
      id: `DE_AMPN_${code.toUpperCase()}_SITE_1`,
      name: 'A site',
      code,
      region: 'DE',
      delivery_area: 'AMPN',
      dispatch_mode: { name: 'PRICE_BASED', floor_price: eur('-10.5'), strike_price: eur('80') },
      created_at: site.updated_at,
      updated_at: site.created_at,
      inverters: [],
    });
    expect(await shown(site.id)).toEqual(site);
    expect((await aSite({ code })).id).toBe(`DE_AMPN_${code.toUpperCase()}_SITE_2`);
  });

  test('counts per region, delivery area and code, and never uses a number again', async () => {
    const code = newCode();
    const first = await aSite({ code });
    expect((await send('delete', `/${first.id}`)).status).toBe(204);
    expect((await aSite({ code: code.toLowerCase() }, operator(theirs))).id).toBe(`DE_AMPN_${code}_SITE_2`);
    expect((await aSite({ code, delivery_area: 'TNBW' })).id).toBe(`DE_TNBW_${code}_SITE_1`);
  });

  test('needs no prices', async () => {
    const { dispatch_mode } = await aSite({ dispatch_mode: { name: 'MANUAL', floor_price: null } });
    expect(dispatch_mode).toEqual({ name: 'MANUAL', floor_price: null, strike_price: null });
  });

  test('takes a floor that equals the strike price, and zloty in Poland', async () => {
    const place = { region: 'PL', delivery_area: 'PSE' };
    const dispatch_mode = { name: 'PRICE_BASED', floor_price: pln('80.0'), strike_price: pln(80) };
    expect((await aSite({ ...place, dispatch_mode })).dispatch_mode.strike_price).toEqual(pln('80'));
  });

  const mode = (prices: object) => ({ dispatch_mode: { name: 'PRICE_BASED', ...prices } });
  test.each<[string, object, string[]]>([
    ['an area of another region', { delivery_area: 'PSE' }, ['body.delivery_area area_mismatch']],
    ['a code that is none', { code: '_x' }, ['body.code string_pattern_mismatch']],
    ['an empty name', { name: '' }, ['body.name string_too_short']],
    ['no dispatch mode', { dispatch_mode: undefined }, ['body.dispatch_mode missing']],
    ['a dispatch mode without a name', { dispatch_mode: {} }, ['body.dispatch_mode.name missing']],
    ['a mode that is not known', { dispatch_mode: { name: 'AUTO' } }, ['body.dispatch_mode.name literal_error']],
    ['flat prices', { dispatch_mode_floor_price: eur(1) }, ['body.dispatch_mode_floor_price extra_forbidden']],
    ['a price in MW', mode({ floor_price: mw(1) }), ['body.dispatch_mode.floor_price.unit unit_mismatch']],
    ['zloty in Germany', mode({ strike_price: pln(1) }), ['body.dispatch_mode.strike_price.unit unit_mismatch']],
    [
      'a floor above the strike price',
      mode({ floor_price: eur('80.000001'), strike_price: eur(80) }),
      ['body.dispatch_mode.strike_price.amount price_order'],
    ],
  ])('refuses %s', async (_case, different, expected) => {
    expect(await faultsOf(send('post', '', aBody(different)))).toEqual(expected);
  });

  test('gives fifty who come at once fifty numbers without a gap', async () => {
    const code = newCode();
    const made = await Promise.all(
      Array.from({ length: 50 }, (_one, index) => aSite({ code }, operator(index % 2 === 0 ? ours : theirs))),
    );
    const numbers = made.map(({ id }) => Number(id.split('_').at(-1)));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_one, index) => index + 1));
  });

  test('with a key gives the first answer again, and makes nothing', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const body = aBody();
    const first = await send('post', '', body, headers);
    const again = await send('post', '', body, headers);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(await rowsOf('select id from app.connection_point where org_id = $1', ours.id)).toHaveLength(1);
    expect(await faultsOf(send('post', '', { ...body, name: 'Another' }, headers))).toEqual([
      'header.idempotency-key idempotency_key_reused',
    ]);
  });
});

describe('changing a site', () => {
  test('replaces what is given; null and left out stay', async () => {
    const site = await aSite();
    const change = { name: 'Another', dispatch_mode_name: null, dispatch_mode_floor_price: eur('5') };
    const answer = await send('patch', `/${site.id}`, change);
    expect([answer.status, answer.text]).toEqual([204, '']);
    const { updated_at, ...after } = await shown(site.id);
    const { updated_at: before, ...rest } = site;
    expect(after).toEqual({
      ...rest,
      name: 'Another',
      dispatch_mode: { ...site.dispatch_mode, floor_price: eur('5') },
    });
    expect(updated_at > before).toBe(true);
  });

  test('does nothing for an empty body, or for what is so already', async () => {
    const site = await aSite();
    for (const body of [{}, { name: 'A site' }, { dispatch_mode_strike_price: eur('80.00') }]) {
      expect((await send('patch', `/${site.id}`, body)).status).toBe(204);
    }
    expect(await shown(site.id)).toEqual(site);
    expect(await auditOf(site.id)).toHaveLength(1);
  });

  test.each(['code', 'region', 'delivery_area', 'dispatch_mode', 'id'])(
    'refuses %s, which never changes',
    async (name) => {
      const { id } = await aSite();
      expect(await faultsOf(send('patch', `/${id}`, { [name]: 'X' }))).toEqual([`body.${name} extra_forbidden`]);
    },
  );

  test.each<[string, object, string]>([
    [
      'a strike price below the floor that stands',
      { dispatch_mode_strike_price: eur(-11) },
      'strike_price.amount price_order',
    ],
    [
      'a floor above the strike price that stands',
      { dispatch_mode_floor_price: eur(81) },
      'floor_price.amount price_order',
    ],
    ['zloty in Germany', { dispatch_mode_floor_price: pln(1) }, 'floor_price.unit unit_mismatch'],
  ])('refuses %s, and changes nothing', async (_case, body, expected) => {
    const site = await aSite();
    expect(await faultsOf(send('patch', `/${site.id}`, { name: 'X', ...body }))).toEqual([
      `body.dispatch_mode_${expected}`,
    ]);
    expect(await shown(site.id)).toEqual(site);
  });

  test('refuses one price in another currency than the other, and takes both', async () => {
    const dispatch_mode = { name: 'PRICE_BASED', floor_price: eur(1), strike_price: eur(2) };
    const { id } = await aSite({ region: 'PL', delivery_area: 'PSE', dispatch_mode });
    expect(await faultsOf(send('patch', `/${id}`, { dispatch_mode_strike_price: pln(9) }))).toEqual([
      'body.dispatch_mode_strike_price.unit unit_mismatch',
    ]);
    const both = { dispatch_mode_floor_price: pln(4), dispatch_mode_strike_price: pln(9) };
    expect((await send('patch', `/${id}`, both)).status).toBe(204);
    expect((await shown(id)).dispatch_mode.floor_price).toEqual(pln('4'));
  });

  test('writes down who did it, before and after', async () => {
    const site = await aSite();
    await send('patch', `/${site.id}`, { name: 'Another' });
    expect(await auditOf(site.id)).toMatchObject([
      { actor: 'ada', action: 'site.create', detail: { before: null, after: { name: 'A site' } } },
      { actor: 'ada', action: 'site.change', detail: { before: { name: 'A site' }, after: { name: 'Another' } } },
    ]);
  });
});

describe('If-Match', () => {
  const tagOf = async (id: string): Promise<string> => entityTagOf('getSite', [ours.id], (await textOf(id)) ?? '');

  test('lets through who has read what is there, for a change and for a removal', async () => {
    const { id } = await aSite();
    const read = { 'if-match': await tagOf(id) };
    expect((await send('patch', `/${id}`, { name: 'B' }, read)).status).toBe(204);
    expect((await send('delete', `/${id}`, undefined, { 'if-match': await tagOf(id) })).status).toBe(204);
  });

  test('is 412 for who has not, also when only an inverter changed, and nothing is changed', async () => {
    const { id } = await aSite();
    const stale = { 'if-match': await tagOf(id) };
    await anInverter(id);
    for (const sending of [send('patch', `/${id}`, { name: 'C' }, stale), send('delete', `/${id}`, undefined, stale)]) {
      const { status, body } = await sending;
      expect([status, assetProblem.safeParse(body).success]).toEqual([412, true]);
    }
    expect((await shown(id)).name).toBe('A site');
  });

  test('lets one of fifty through who have all read the same', async () => {
    const { id } = await aSite();
    const read = { 'if-match': await tagOf(id) };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_one, index) => send('patch', `/${id}`, { name: `Writer ${index}` }, read)),
    );
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
  });
});

describe('removing a site', () => {
  test('takes its inverters and all limits along, keeps what they were, and leaves assets', async () => {
    const { id } = await aSite();
    const inverter = await anInverter(id);
    const limits = {
      limits: [
        {
          start_time: '2026-01-15T10:00:00Z',
          end_time: '2026-01-15T11:00:00Z',
          max_import_from_grid: mw(1),
          max_export_to_grid: mw(2),
        },
      ],
    };
    for (const path of [`/${id}/limits`, `/${id}/inverters/${inverter.id}/limits`]) {
      expect((await send('put', path, limits)).status).toBe(204);
    }
    expect((await send('delete', `/${id}`)).status).toBe(204);
    expect((await send('delete', `/${id}`)).status).toBe(404);
    const [left] = await rowsOf(
      `select (select count(*)::int from app.inverter where connection_point_id = $1) as inverters,
         (select count(*)::int from app.connection_point_limit where connection_point_id = $1) as limits,
         (select count(*)::int from app.connection_point_limit_history where connection_point_id = $1) as kept,
         (select count(*)::int from app.inverter_limit_history where inverter_id = $2) as "keptOfInverter",
         (select count(*)::int from app.asset where id = $3) as assets`,
      id,
      inverter.id,
      asset,
    );
    expect(left).toEqual({ inverters: 0, limits: 0, kept: 1, keptOfInverter: 1, assets: 1 });
    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['site.create', 'site.limits', 'site.delete']);
  });
});

describe('an inverter', () => {
  test('is answered with an id of its site, INV and a number, its efficiencies as strings', async () => {
    const { id: site_id } = await aSite();
    const more = await anAsset(api.admin, ours);
    expect(await anInverter(site_id, { asset_ids: [more, asset] })).toEqual({
      id: `${site_id}_INV_1`,
      site_id,
      rated_power: mw('5'),
      charge_efficiency: '0.95',
      discharge_efficiency: '1',
      asset_ids: [asset, more].toSorted(),
    });
    expect((await anInverter(site_id)).id).toBe(`${site_id}_INV_2`);
    expect((await shown(site_id)).inverters).toHaveLength(2);
  });

  test('never gets a number again', async () => {
    const { id } = await aSite();
    const first = await anInverter(id);
    expect((await send('delete', `/${id}/inverters/${first.id}`)).status).toBe(204);
    expect((await anInverter(id)).id).toBe(`${id}_INV_2`);
  });

  test('is added once for one key', async () => {
    const { id } = await aSite();
    const headers = { 'idempotency-key': randomUUID() };
    const [first, again] = [
      await send('post', `/${id}/inverters`, anInverterBody(), headers),
      await send('post', `/${id}/inverters`, anInverterBody(), headers),
    ];
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect((await shown(id)).inverters).toHaveLength(1);
  });

  test('changes in what is given; asset_ids replaces the whole set', async () => {
    const { id } = await aSite();
    const more = await anAsset(api.admin, ours);
    const before = await anInverter(id);
    const path = `/${id}/inverters/${before.id}`;
    expect((await send('patch', path, { asset_ids: [more], rated_power: null })).status).toBe(204);
    expect((await send('patch', path, { charge_efficiency: 0.5 })).status).toBe(204);
    expect((await send('patch', path, {})).status).toBe(204);
    expect((await shown(id)).inverters).toEqual([{ ...before, asset_ids: [more], charge_efficiency: '0.5' }]);
    expect((await auditOf(before.id)).map(({ action }) => action)).toEqual([
      'inverter.create',
      'inverter.change',
      'inverter.change',
    ]);
  });

  test.each<[string, () => object, () => string[]]>([
    ['no asset', () => ({ asset_ids: [] }), () => ['body.asset_ids too_short']],
    ['an asset twice', () => ({ asset_ids: [asset, asset] }), () => ['body.asset_ids.1 duplicate_key']],
    [
      'unknown assets, naming all of them',
      () => ({ asset_ids: ['NOBODY', asset, foreign] }),
      () => ['body.asset_ids.0 unknown_asset', 'body.asset_ids.2 unknown_asset'],
    ],
    ['an efficiency of zero', () => ({ charge_efficiency: '0.0' }), () => ['body.charge_efficiency efficiency_range']],
    [
      'power in MWh',
      () => ({ rated_power: { amount: 1, unit: 'MWh' } }),
      () => ['body.rated_power.unit unit_mismatch'],
    ],
    ['a site', () => ({ site_id: 'X' }), () => ['body.site_id extra_forbidden']],
  ])('is refused with %s, when it is added and when it changes', async (_case, different, expected) => {
    const { id } = await aSite();
    const before = await anInverter(id);
    expect(await faultsOf(send('post', `/${id}/inverters`, anInverterBody(different())))).toEqual(expected());
    expect(await faultsOf(send('patch', `/${id}/inverters/${before.id}`, different()))).toEqual(expected());
    expect((await shown(id)).inverters).toEqual([before]);
  });

  test.each(['rated_power', 'charge_efficiency', 'discharge_efficiency', 'asset_ids'])('needs %s', async (name) => {
    const { id } = await aSite();
    const sending = send('post', `/${id}/inverters`, anInverterBody({ [name]: undefined }));
    expect(await faultsOf(sending)).toEqual([`body.${name} missing`]);
  });

  test('keeps its assets from being deleted: 409', async () => {
    const { id } = await aSite();
    await anInverter(id);
    expect((await api.delete(`/asset-api/v1/assets/${asset}`, operator())).status).toBe(409);
  });

  test('under a site that it does not belong to is 404, for every operation', async () => {
    const [site, other] = [await aSite(), await aSite()];
    const { id } = await anInverter(site.id);
    const limits = { limits: [aLimit(10, 11)] };
    for (const siteId of [other.id, 'NOBODY']) {
      const path = `/${siteId}/inverters/${id}`;
      expect((await send('patch', path, { rated_power: mw(1) })).status).toBe(404);
      expect((await send('put', `${path}/limits`, limits)).status).toBe(404);
      expect((await send('delete', path)).status).toBe(404);
    }
    expect((await shown(site.id)).inverters).toHaveLength(1);
  });
});

const instant = (hour: number): string => `2026-01-15T${String(hour).padStart(2, '0')}:00:00Z`;
function aLimit(from: number, to: number, different: object = {}) {
  const limit = { max_import_from_grid: mw('1.50'), max_export_to_grid: mw(2) };
  return { start_time: instant(from), end_time: instant(to), ...limit, ...different };
}

describe.each(['site', 'inverter'])('limits of a %s', (of) => {
  let path: string;
  let id: string;
  beforeEach(async () => {
    const site = await aSite();
    const inverter = await anInverter(site.id);
    id = of === 'site' ? site.id : inverter.id;
    path = of === 'site' ? `/${site.id}/limits` : `/${site.id}/inverters/${inverter.id}/limits`;
  });
  const [table, owner] =
    of === 'site' ? ['connection_point_limit', 'connection_point_id'] : ['inverter_limit', 'inverter_id'];
  const kept = () =>
    rowsOf<{ from: string; to: string; import: string; export: string }>(
      `select app.instant_text(start_time) as from, app.instant_text(end_time) as to, max_import_mw::text as import,
         max_export_mw::text as export from app.${table} where ${owner} = $1 order by start_time`,
      id,
    );
  const put = (...limits: object[]) => send('put', path, { limits });

  test('are kept; one with the same start is overwritten, others are left alone', async () => {
    expect((await put(aLimit(10, 11), aLimit(8, 9))).status).toBe(204);
    expect((await put(aLimit(10, 12, { max_export_to_grid: mw('-3') }))).status).toBe(204);
    expect(await kept()).toEqual([
      { from: instant(8), to: instant(9), import: '1.5', export: '2' },
      { from: instant(10), to: instant(12), import: '1.5', export: '-3' },
    ]);
  });

  test('may overlap stored ones, which is not checked, and touch each other', async () => {
    await put(aLimit(8, 10));
    expect((await put(aLimit(9, 11), aLimit(11, 12))).status).toBe(204);
    expect(await kept()).toHaveLength(3);
  });

  test.each<[string, object[], string[]]>([
    ['none', [], ['limits too_short']],
    ['an end before the start', [aLimit(10, 9)], ['limits.0.end_time window_reversed']],
    ['an end at the start', [aLimit(8, 9), aLimit(10, 10)], ['limits.1.end_time window_reversed']],
    ['the same start twice', [aLimit(10, 11), aLimit(10, 12)], ['limits.1.start_time duplicate_key']],
    ['two that overlap', [aLimit(10, 12), aLimit(8, 11)], ['limits.0.start_time window_overlap']],
    ['no export', [aLimit(10, 11, { max_export_to_grid: undefined })], ['limits.0.max_export_to_grid missing']],
    ['no import', [aLimit(10, 11, { max_import_from_grid: null })], ['limits.0.max_import_from_grid dict_type']],
    [
      'energy',
      [aLimit(10, 11, { max_import_from_grid: { amount: 1, unit: 'MWh' } })],
      ['limits.0.max_import_from_grid.unit unit_mismatch'],
    ],
    ['a delivery day', [aLimit(10, 11, { delivery_day: '2026-01-15' })], ['limits.0.delivery_day extra_forbidden']],
  ])('are refused with %s, all of them', async (_case, limits, expected) => {
    expect(await faultsOf(put(...limits))).toEqual(expected.map((one) => `body.${one}`));
    expect(await kept()).toEqual([]);
  });

  test('are written down: who, how many, since when', async () => {
    await put(aLimit(10, 11), aLimit(11, 12));
    await put(aLimit(10, 11), aLimit(11, 12, { max_import_from_grid: mw(9) }));
    await put(aLimit(10, 11));
    const [, ...entries] = await auditOf(id);
    expect(entries).toMatchObject([
      { actor: 'ada', action: `${of}.limits`, detail: { stored: 2, revised: 0, from: instant(10), to: instant(12) } },
      { action: `${of}.limits`, detail: { stored: 0, revised: 1 } },
    ]);
  });

  test('lose nothing to fifty writers at once, and none of them meets a deadlock', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_one, index) => {
        const limits = [
          aLimit(10, 11, { max_import_from_grid: mw(index) }),
          aLimit(11, 12, { max_import_from_grid: mw(index) }),
        ];
        return put(...(index % 2 === 0 ? limits : limits.toReversed()));
      }),
    );
    expect(answers.filter(({ status }) => status !== 204)).toEqual([]);
    const [first, second] = await kept();
    expect(first?.import).toBe(second?.import);
    const [counted] = await rowsOf(`select count(*)::int as n from app.${table}_history where ${owner} = $1`, id);
    expect(counted).toEqual({ n: 98 });
  });
});

test('a site of another organisation is 404 for every operation, and stays what it is', async () => {
  const site = await aSite({}, operator(theirs));
  const path = `/${site.id}`;
  expect((await send('patch', path, { name: 'Mine' })).status).toBe(404);
  expect((await send('delete', path)).status).toBe(404);
  expect((await send('put', `${path}/limits`, { limits: [aLimit(10, 11)] })).status).toBe(404);
  expect((await send('post', `${path}/inverters`, anInverterBody())).status).toBe(404);
  expect(await shown(site.id)).toEqual(site);
});

test('who has several organisations says for which one a site is', async () => {
  const both = { orgs: [ours.id, theirs.id], roles: ['operator'] };
  expect((await send('post', '', aBody(), {}, { ...both, sub: 'ada' })).status).toBe(403);
  const { status } = await send('post', '', aBody(), { 'x-org-id': theirs.id }, { ...both, sub: 'ada' });
  expect(status).toBe(201);
});
