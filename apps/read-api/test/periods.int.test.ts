import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  assetValidationProblem,
  listForecastsResponse,
  listLimitsResponse,
  listReservationsResponse,
  listStateSnapshotsResponse,
} from '@quarterhour/contracts';
import type { OrganisationRow } from '@quarterhour/db';
import { anAsset, anOrganisation } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { openPeriodFacts, type PeriodFacts } from './period-facts.js';

const BASE = '/asset-api/v1';
const DAY = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let facts: PeriodFacts;
let foreign: string;
let asset: string;
let second: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  facts = openPeriodFacts(api.controlUrl, ours.id);
  foreign = await anAsset(api.admin, theirs);
}, 60_000);
afterAll(async () => {
  await facts.db.close();
  await api.close();
});

/** Each test has assets of its own. */
beforeEach(async () => {
  asset = await anAsset(api.admin, ours);
  second = await anAsset(api.admin, ours);
});

const operator = () => ({ orgs: [ours.id], roles: ['operator'] });
const get = (path: string, search: string, claims = operator()) => api.get(`${BASE}/${path}?${search}`, claims);
const nextOf = (headers: Record<string, string | undefined>): string | undefined =>
  /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
const complaintsOf = (body: unknown) =>
  assetValidationProblem.parse(body).detail.map(({ loc, type }) => [...loc, type].join(' '));

async function page(path: string, search: string) {
  const response = await get(path, search);
  expect(response.status).toBe(200);
  return response;
}

const limits = async (search: string) => listLimitsResponse.parse((await page('limits', search)).body);
const snapshots = async (search: string) =>
  listStateSnapshotsResponse.parse((await page('state-snapshots', search)).body);

describe('the list of limits', () => {
  test('has a row per period: what holds over all sources, and what each of them says', async () => {
    const from = '2026-01-15T23:00:00Z';
    const created = await facts.limits(
      { assetId: asset, from, powerChargeMw: '-10.50', energyHighMwh: '8', isTradingLocked: true },
      { assetId: asset, from, source: 'PV', powerChargeMw: '-3', powerDischargeMw: '0' },
    );
    const { text } = await page('limits', `asset_ids=${asset}&${DAY}`);
    expect(JSON.parse(text)).toEqual({
      limit: 50,
      offset: 0,
      limits: [
        {
          asset_id: asset,
          start_time: from,
          end_time: '2026-01-15T23:15:00Z',
          delivery_day: '2026-01-16',
          computed_limits: {
            power_charge: { amount: '-3', unit: 'MW' },
            power_discharge: { amount: '0', unit: 'MW' },
            energy_low: null,
            energy_high: { amount: '8', unit: 'MWh' },
            trading_locked: true,
          },
          sources: [
            {
              source: 'CUSTOMER',
              power_charge: { amount: '-10.5', unit: 'MW' },
              power_discharge: null,
              energy_low: null,
              energy_high: { amount: '8', unit: 'MWh' },
              trading_locked: true,
              created_at: created,
              updated_at: created,
            },
            {
              source: 'PV',
              power_charge: { amount: '-3', unit: 'MW' },
              power_discharge: { amount: '0', unit: 'MW' },
              energy_low: null,
              energy_high: null,
              trading_locked: null,
              created_at: created,
              updated_at: created,
            },
          ],
        },
      ],
    });
    expect(text.startsWith('{"limit":50,"offset":0,"limits":[{"asset_id":')).toBe(true);
  });

  test('shows a crossed band as it is', async () => {
    const from = '2026-01-15T10:00:00Z';
    await facts.limits(
      { assetId: asset, from, powerChargeMw: '5' },
      { assetId: asset, from, source: 'PV', powerDischargeMw: '-5' },
    );
    const [period] = (await limits(`asset_ids=${asset}&${DAY}`)).limits;
    expect(period?.computed_limits).toMatchObject({ power_charge: { amount: '5' }, power_discharge: { amount: '-5' } });
  });

  test('with sources keeps periods and rows of these, and computes over all', async () => {
    await facts.limits(
      { assetId: asset, from: '2026-01-15T10:00:00Z', quarters: 4, powerChargeMw: '-9' },
      { assetId: asset, from: '2026-01-15T10:15:00Z', source: 'PV', powerChargeMw: '-20', isTradingLocked: true },
    );
    const found = await limits(`asset_ids=${asset}&${DAY}&sources=PV,REPORTED`);
    expect(found.limits).toHaveLength(1);
    expect(found.limits[0]).toMatchObject({
      start_time: '2026-01-15T10:15:00Z',
      computed_limits: { power_charge: { amount: '-9' }, trading_locked: true },
      sources: [{ source: 'PV' }],
    });
    const repeated = await limits(`asset_ids=${asset}&${DAY}&sources=PV&sources=CUSTOMER`);
    expect(repeated.limits).toHaveLength(4);
  });

  test('goes by asset, then start, page by page, as it was known on the first', async () => {
    await facts.limits(
      ...[second, asset].map((assetId) => ({
        assetId,
        from: '2026-01-15T10:00:00Z',
        quarters: 4,
        powerChargeMw: '-1',
      })),
    );
    const url = `asset_ids=${second},${asset}&asset_ids=NOBODY&${DAY}`;
    const whole = await limits(url);
    expect(whole.limits.map((one) => [one.asset_id, one.start_time])).toEqual(
      [asset, second].flatMap((id) => ['00', '15', '30', '45'].map((minute) => [id, `2026-01-15T10:${minute}:00Z`])),
    );
    const first = await page('limits', `${url}&limit=3`);
    await facts.limits({ assetId: second, from: '2026-01-15T10:00:00Z', quarters: 8, powerChargeMw: '-7' });
    await facts.clear({ assetId: asset, source: 'CUSTOMER', from: '2026-01-15T10:45:00Z', quarters: 1 });
    const found = listLimitsResponse.parse(first.body).limits;
    for (let next = nextOf(first.headers); next !== undefined;) {
      const response = await api.get(next, operator());
      expect(response.headers['quarterhour-known-at']).toBe(first.headers['quarterhour-known-at']);
      found.push(...listLimitsResponse.parse(response.body).limits);
      next = nextOf(response.headers);
    }
    expect(found).toEqual(whole.limits);
    expect((await limits(`${url}&limit=2&offset=3`)).limits).not.toEqual(whole.limits.slice(3, 5));
  });

  test('takes the start of the window and leaves out its end', async () => {
    await facts.limits({ assetId: asset, from: '2026-01-15T10:00:00Z', quarters: 4, powerChargeMw: '-1' });
    const found = await limits(`asset_ids=${asset}&from=2026-01-15T10:15:00Z&to=2026-01-15T10:45:00Z`);
    expect(found.limits.map(({ start_time }) => start_time.slice(11, 16))).toEqual(['10:15', '10:30']);
    expect((await limits(`asset_ids=${asset}&from=2026-01-15T10:15:00Z&to=2026-01-15T10:15:00Z`)).limits).toEqual([]);
  });
});

/** Each kind of list, and a way to store, change and take away what it shows. */
const KINDS = [
  {
    path: 'limits',
    search: DAY,
    write: (n: number) =>
      facts.limits({ assetId: asset, from: '2026-01-15T10:00:00Z', quarters: 4, powerChargeMw: `-${n}` }),
  },
  {
    path: 'forecasts',
    search: DAY,
    write: (n: number) =>
      facts.forecasts(
        ...['10:00', '10:15', '10:30'].map((time) => ({
          assetId: asset,
          startTime: `2026-01-15T${time}:00Z`,
          generationMw: String(n),
        })),
      ),
  },
  {
    path: 'reservations',
    search: DAY,
    write: (n: number) =>
      facts.reservations(
        ...['DAA', 'FCR', 'IDA'].map((market) => ({
          assetId: asset,
          startTime: '2026-01-15T10:00:00Z',
          market,
          powerMw: String(n),
        })),
      ),
  },
  {
    path: 'state-snapshots',
    search: 'from=2026-01-15T00:00:00Z',
    write: (n: number) =>
      facts.snapshots(
        ...['10:00', '10:01', '10:02'].map((time, index) => ({
          assetId: asset,
          at: `2026-01-15T${time}:00Z`,
          storedEnergyMwh: String(n + index),
        })),
      ),
  },
  {
    path: 'state-snapshots',
    search: 'latest=true',
    write: (n: number) => facts.snapshots({ assetId: asset, at: '2026-01-15T10:00:00Z', storedEnergyMwh: String(n) }),
  },
] as const;

describe.each(KINDS)('$path with $search', ({ path, search, write }) => {
  test('as_of gives an answer again, byte for byte, whatever was written since', async () => {
    await write(1);
    const url = `asset_ids=${asset}&${search}`;
    const then = await page(path, url);
    const known = then.headers['quarterhour-known-at'];
    await write(2);
    await write(3);
    const again = await page(path, `${url}&as_of=${known}`);
    expect(again.text).toBe(then.text);
    expect(again.headers['quarterhour-known-at']).toBe(known);
    expect((await page(path, url)).text).not.toBe(then.text);
  });

  test('contributes nothing for assets that nobody has, or somebody else', async () => {
    await write(1);
    const { text } = await page(path, `asset_ids=NOBODY,${foreign}&${search}`);
    expect(text).toContain(':[]');
    const { text: hidden } = await get(path, `asset_ids=${asset}&${search}`, {
      orgs: [theirs.id],
      roles: ['operator'],
    });
    expect(hidden).toContain(':[]');
  });

  test('echoes limit and offset, and pages by offset', async () => {
    await write(1);
    expect((await page(path, `asset_ids=${asset}&${search}&limit=2&offset=1`)).body).toMatchObject({
      limit: 2,
      offset: 1,
    });
  });

  test.each([
    ['no assets', '', 'query asset_ids missing'],
    ['a limit beyond 1,000', 'asset_ids=A&limit=1001', 'query limit less_than_equal'],
    ['a limit of zero', 'asset_ids=A&limit=0', 'query limit greater_than_equal'],
    ['a negative offset', 'asset_ids=A&offset=-1', 'query offset greater_than_equal'],
    ['an offset too deep', 'asset_ids=A&offset=99951', 'query offset offset_too_deep'],
    ['an unknown parameter', 'asset_ids=A&delivery_day=2026-01-15', 'query delivery_day extra_forbidden'],
  ])('refuses %s', async (_case, wrong, complaint) => {
    const response = await get(path, `${search}&${wrong}`);
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([complaint]);
  });
});

describe.each(['limits', 'forecasts', 'reservations'])('%s', (path) => {
  test.each([
    ['without a window', '', ['query from missing', 'query to missing']],
    [
      'with a window that is reversed',
      'from=2026-01-16T00:00:00Z&to=2026-01-15T00:00:00Z',
      ['query to window_reversed'],
    ],
    [
      'with an instant without offset',
      'from=2026-01-15T00:00:00&to=2026-01-16T00:00:00Z',
      ['query from datetime_parsing'],
    ],
  ])('%s are refused', async (_case, search, complaints) => {
    const response = await get(path, `asset_ids=${asset}&${search}`);
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual(complaints);
  });
});

test('forecasts show what was said, with their delivery day', async () => {
  const created = await facts.forecasts({
    assetId: asset,
    startTime: '2026-01-15T23:00:00Z',
    generationMw: null,
    consumptionMw: '2.50',
    importFeeEurPerMwh: '-1.20',
  });
  const { forecasts } = listForecastsResponse.parse((await page('forecasts', `asset_ids=${asset}&${DAY}`)).body);
  expect(forecasts).toEqual([
    {
      asset_id: asset,
      start_time: '2026-01-15T23:00:00Z',
      end_time: '2026-01-15T23:15:00Z',
      delivery_day: '2026-01-16',
      generation: null,
      consumption: { amount: '2.5', unit: 'MW' },
      import_from_grid_fee: '-1.2',
      created_at: created,
      updated_at: created,
    },
  ]);
});

test('reservations are filtered by markets and sources, and ordered by asset, start, market and source', async () => {
  const startTime = '2026-01-15T10:00:00Z';
  await facts.reservations(
    ...['IDA', 'DAA'].flatMap((market) =>
      ['OPTIMISATION', 'EXTERNAL'].map((source) => ({ assetId: asset, startTime, market, source })),
    ),
  );
  const found = async (search: string) =>
    listReservationsResponse
      .parse((await page('reservations', `asset_ids=${asset}&${DAY}${search}`)).body)
      .reservations.map(({ market, source }) => `${market} ${source}`);
  expect(await found('')).toEqual(['DAA EXTERNAL', 'DAA OPTIMISATION', 'IDA EXTERNAL', 'IDA OPTIMISATION']);
  expect(await found('&markets=IDA&sources=OPTIMISATION,EXTERNAL')).toEqual(['IDA EXTERNAL', 'IDA OPTIMISATION']);
  expect(await found('&markets=IDA,DAA&sources=EXTERNAL')).toEqual(['DAA EXTERNAL', 'IDA EXTERNAL']);
});

describe('snapshots', () => {
  test('say what moved, also from before the window, and add up over all of it, not the page', async () => {
    const at = (minute: number) => `2026-01-15T10:0${minute}:00Z`;
    await facts.snapshots(
      ...['10', '12.50', '99', '11', '13'].map((storedEnergyMwh, n) => ({
        assetId: asset,
        at: at(n),
        storedEnergyMwh,
        readingQuality: n === 2 ? ('INVALID' as const) : ('VALID' as const),
      })),
      { assetId: second, at: at(4), storedEnergyMwh: '1' },
    );
    const url = `asset_ids=${asset},${second}&from=${at(1)}&to=2026-01-16T00:00:00Z`;
    const whole = await snapshots(url);
    const mwh = (amount: string) => ({ amount, unit: 'MWh' });
    expect(whole.state_snapshots.map((row) => [row.asset_id, row.charged_energy, row.discharged_energy])).toEqual([
      [asset, mwh('2.5'), mwh('0')],
      [asset, null, null],
      [asset, mwh('0'), mwh('1.5')],
      [asset, mwh('2'), mwh('0')],
      [second, null, null],
    ]);
    const totals = { total_charged_energy: mwh('4.5'), total_discharged_energy: mwh('1.5') };
    expect(whole).toMatchObject(totals);
    const first = await page('state-snapshots', `${url}&limit=2`);
    expect(first.body).toMatchObject(totals);
    const rest = await api.get(nextOf(first.headers) ?? '', operator());
    expect(rest.body).toMatchObject(totals);
    expect(listStateSnapshotsResponse.parse(rest.body).state_snapshots).toEqual(whole.state_snapshots.slice(2, 4));
  });

  test('latest are the newest of each asset, by asset, without what moved', async () => {
    await facts.snapshots(
      { assetId: second, at: '2026-01-15T10:00:00Z', storedEnergyMwh: '5' },
      { assetId: asset, at: '2026-01-15T10:00:00Z', storedEnergyMwh: '1' },
      { assetId: asset, at: '2026-01-15T10:05:00Z', storedEnergyMwh: '2' },
    );
    const found = await snapshots(`asset_ids=${second},${asset}&latest=true`);
    expect(found).toMatchObject({ total_charged_energy: null, total_discharged_energy: null });
    expect(found.state_snapshots.map((row) => [row.asset_id, row.stored_energy.amount, row.charged_energy])).toEqual([
      [asset, '2', null],
      [second, '5', null],
    ]);
  });

  test('without to end now: what takes effect later is not shown yet', async () => {
    await facts.snapshots(
      { assetId: asset, at: '2026-01-15T10:00:00Z' },
      { assetId: asset, at: '2100-01-01T00:00:00Z' },
    );
    const found = await snapshots(`asset_ids=${asset}&from=2026-01-01T00:00:00Z`);
    expect(found.state_snapshots).toHaveLength(1);
    expect(
      (await snapshots(`asset_ids=${asset}&from=2026-01-01T00:00:00Z&to=2200-01-01T00:00:00Z`)).state_snapshots,
    ).toHaveLength(2);
  });

  test.each([
    ['latest with from', `latest=true&from=2026-01-15T00:00:00Z`, 'query latest mode_conflict'],
    ['latest with to', `latest=true&to=2026-01-15T00:00:00Z`, 'query latest mode_conflict'],
    ['no from', 'to=2026-01-15T00:00:00Z', 'query from missing'],
    ['nothing at all', '', 'query from missing'],
    ['an end before its start', 'from=2026-01-16T00:00:00Z&to=2026-01-15T00:00:00Z', 'query to window_reversed'],
    ['latest that is no boolean', 'latest=yes', 'query latest bool_parsing'],
  ])('refuse %s', async (_case, search, complaint) => {
    const response = await get('state-snapshots', `asset_ids=${asset}&${search}`);
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([complaint]);
  });
});
