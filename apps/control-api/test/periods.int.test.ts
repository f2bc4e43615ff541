import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assetProblem, assetValidationProblem, putStateSnapshotsResponse } from '@quarterhour/contracts';
import { listAudit, listLimits, type OrganisationRow } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { anAsset, anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';

const BASE = '/asset-api/v1';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let asset: string;
let second: string;
let foreign: string;

beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  foreign = await anAsset(api.admin, theirs);
}, 60_000);
afterAll(() => api.close());

/** Each test has assets of its own. */
beforeEach(async () => {
  asset = await anAsset(api.admin, ours);
  second = await anAsset(api.admin, ours);
});

const operator = (): TokenClaims => ({ orgs: [ours.id], roles: ['operator'] });
const patchLimits = (...limits: object[]) => api.send('patch', `${BASE}/limits`, operator(), { limits });
const putForecasts = (...forecasts: object[]) => api.send('put', `${BASE}/forecasts`, operator(), { forecasts });
const putReservations = (...reservations: object[]) =>
  api.send('put', `${BASE}/reservations`, operator(), { reservations });
const putSnapshots = (...rows: object[]) =>
  api.send('put', `${BASE}/state-snapshots`, operator(), { state_snapshots: rows });

const mw = (amount: string | number) => ({ amount, unit: 'MW' });
const mwh = (amount: string | number) => ({ amount, unit: 'MWh' });
const HOUR = { start_time: '2026-01-15T10:00:00Z', end_time: '2026-01-15T11:00:00Z' };

const aLimit = (different: object = {}) => ({
  asset_id: asset,
  ...HOUR,
  source: 'CUSTOMER',
  power_charge: mw('-1'),
  ...different,
});
const aForecast = (different: object = {}) => ({ asset_id: asset, ...HOUR, generation: mw(1.5), ...different });
const aReservation = (different: object = {}) => ({
  asset_id: asset,
  ...HOUR,
  market: 'DAA',
  source: 'OPTIMISATION',
  power: mw('2'),
  energy_change: mwh('-0.5'),
  energy_buffer_low: mwh(0),
  energy_buffer_high: mwh('1'),
  ...different,
});
const aSnapshot = (different: object = {}) => ({
  asset_id: asset,
  effective_at: '2026-01-15T10:00:00Z',
  stored_energy: mwh('12.50'),
  ...different,
});

const stored = <Row extends object>(text: string, ...values: unknown[]): Promise<Row[]> =>
  api.read.read([ours.id, theirs.id], (trx) => trx.query<Row>({ text, values }));

interface StoredLimit {
  readonly start: string;
  readonly day: string;
  readonly charge: string | null;
  readonly discharge: string | null;
  readonly locked: boolean | null;
}

const limitsOf = (id: string): Promise<StoredLimit[]> =>
  stored(
    `select app.instant_text(start_time) as start, delivery_day as day, power_charge_mw as charge,
       power_discharge_mw as discharge, trading_locked as locked
     from app.period_limit where asset_id = $1 order by start_time, source`,
    id,
  );
const startsOf = async (id: string) => (await limitsOf(id)).map(({ start }) => start);

const complaintsOf = (body: unknown) =>
  assetValidationProblem.parse(body).detail.map(({ loc, type }) => [...loc, type].join(' '));

describe('setting limits', () => {
  test('cuts a window into quarter hours, each in its delivery day', async () => {
    const window = { start_time: '2026-01-15T23:30:00+01:00', end_time: '2026-01-15T23:15:00Z' };
    const response = await patchLimits(aLimit(window));
    expect([response.status, response.text]).toEqual([204, '']);
    expect((await limitsOf(asset)).map(({ start, day }) => [start, day])).toEqual([
      ['2026-01-15T22:30:00Z', '2026-01-15'],
      ['2026-01-15T22:45:00Z', '2026-01-15'],
      ['2026-01-15T23:00:00Z', '2026-01-16'],
    ]);
  });

  test('with recurrent over midnight starts on each day but the last, and ends exactly at its end', async () => {
    const window = { start_time: '2026-01-10T23:30:00Z', end_time: '2026-01-12T00:15:00Z' };
    expect((await patchLimits(aLimit({ ...window, recurrent: true }))).status).toBe(204);
    expect(await startsOf(asset)).toEqual([
      '2026-01-10T23:30:00Z',
      '2026-01-10T23:45:00Z',
      '2026-01-11T00:00:00Z',
      '2026-01-11T23:30:00Z',
      '2026-01-11T23:45:00Z',
      '2026-01-12T00:00:00Z',
    ]);
  });

  test('with recurrent and a later time of day is of the same days, both ends included', async () => {
    const window = { start_time: '2026-01-10T06:00:00Z', end_time: '2026-01-11T06:15:00Z' };
    expect((await patchLimits(aLimit({ ...window, recurrent: true }))).status).toBe(204);
    expect(await startsOf(asset)).toEqual(['2026-01-10T06:00:00Z', '2026-01-11T06:00:00Z']);
  });

  test('with recurrent and the same time of day is of full days, both ends included', async () => {
    const window = { start_time: '2026-01-10T00:00:00Z', end_time: '2026-01-11T00:00:00Z' };
    expect((await patchLimits(aLimit({ ...window, recurrent: true }))).status).toBe(204);
    expect(await startsOf(asset)).toHaveLength(192);
  });

  test('keeps with null, or without a word, what the source said before; false takes a lock away', async () => {
    const quarter = { end_time: '2026-01-15T10:15:00Z' };
    await patchLimits(aLimit({ ...quarter, power_discharge: mw('3.10'), trading_locked: true }));
    await patchLimits(aLimit({ ...quarter, power_charge: null, trading_locked: null, power_discharge: mw(4) }));
    expect(await limitsOf(asset)).toMatchObject([{ charge: '-1', discharge: '4', locked: true }]);
    await patchLimits({ asset_id: asset, ...HOUR, ...quarter, source: 'CUSTOMER', trading_locked: false });
    expect(await limitsOf(asset)).toMatchObject([{ charge: '-1', discharge: '4', locked: false }]);
  });

  test('applies entries of the same key in order, later values that are not null win', async () => {
    const quarter = { end_time: '2026-01-15T10:15:00Z' };
    const response = await patchLimits(
      aLimit({ ...quarter, power_discharge: mw(1) }),
      aLimit({ ...quarter, power_charge: mw(-7) }),
      aLimit({ ...quarter, power_charge: null, trading_locked: true }),
    );
    expect(response.status).toBe(204);
    expect(await limitsOf(asset)).toMatchObject([{ charge: '-7', discharge: '1', locked: true }]);
  });

  test.each([
    ['valid_from', { valid_from: '2026-01-01' }, 'body limits 0 valid_from extra_forbidden'],
    ['delivery_day', { delivery_day: '2026-01-15' }, 'body limits 0 delivery_day extra_forbidden'],
    [
      'a start off the quarter hour',
      { start_time: '2026-01-15T10:01:00Z' },
      'body limits 0 start_time off_quarter_hour',
    ],
    [
      'an end off the quarter hour',
      { end_time: '2026-01-15T11:00:00.000001Z' },
      'body limits 0 end_time off_quarter_hour',
    ],
    ['an end at the start', { end_time: HOUR.start_time }, 'body limits 0 end_time window_reversed'],
    ['an instant without offset', { start_time: '2026-01-15T10:00:00' }, 'body limits 0 start_time datetime_parsing'],
    ['energy for power', { power_charge: mwh(1) }, 'body limits 0 power_charge unit unit_mismatch'],
    ['power for energy', { energy_low: mw(1) }, 'body limits 0 energy_low unit unit_mismatch'],
    ['a quantity without its unit', { power_charge: { amount: 1 } }, 'body limits 0 power_charge unit missing'],
    ['a source that is none', { source: 'ME' }, 'body limits 0 source literal_error'],
    ['nothing set', { power_charge: null }, 'body limits 0 nothing_set'],
    ['a crossed band of power', { power_discharge: mw(-2) }, 'body limits 0 power_charge band_crossed'],
    [
      'a crossed band of energy',
      { energy_low: mwh('2.000001'), energy_high: mwh(2) },
      'body limits 0 energy_low band_crossed',
    ],
    [
      'more than a leap year',
      { start_time: '2024-01-01T00:00:00Z', end_time: '2025-01-01T00:15:00Z' },
      'body limits 0 window_too_long',
    ],
  ])('refuses %s where it stands, and stores nothing', async (_case, different, complaint) => {
    const response = await patchLimits(aLimit(different), aLimit({ asset_id: second }));
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([complaint]);
    expect(await startsOf(second)).toEqual([]);
  });

  test('refuses entries that hold more than 100,000 periods together', async () => {
    const year = { start_time: '2024-01-01T00:00:00Z', end_time: '2025-01-01T00:00:00Z' };
    const response = await patchLimits(...[0, 1, 2].map(() => aLimit(year)));
    expect(complaintsOf(response.body)).toEqual(['body limits window_too_long']);
  });

  test.each([
    ['runs', { start_time: '9999-12-31T22:00:00Z', end_time: '9999-12-31T23:45:00Z' }],
    ['recurs', { start_time: '9999-12-30T00:00:00Z', end_time: '9999-12-31T00:00:00Z', recurrent: true }],
  ])('refuses the entry that %s beyond the last delivery day, where it stands', async (_case, beyond) => {
    const response = await patchLimits(aLimit(), aLimit({ ...beyond, source: 'PV' }), aLimit({ asset_id: second }));
    expect(response.status).toBe(422);
    expect(assetValidationProblem.parse(response.body).detail).toMatchObject([{ loc: ['body', 'limits', 1] }]);
    expect(await startsOf(asset)).toEqual([]);
  });

  test('refuses an empty batch', async () => {
    expect(complaintsOf((await patchLimits()).body)).toEqual(['body limits too_short']);
  });

  test('of unknown assets is 404, names all of them, and stores nothing', async () => {
    const response = await patchLimits(aLimit(), aLimit({ asset_id: 'DE_50HZ_NO_1' }), aLimit({ asset_id: foreign }));
    expect(response.status).toBe(404);
    const { detail } = assetProblem.parse(response.body);
    expect(detail).toContain('DE_50HZ_NO_1');
    expect(detail).toContain(foreign);
    expect(detail).not.toContain(`${asset} `);
    expect(await startsOf(asset)).toEqual([]);
    expect(await startsOf(foreign)).toEqual([]);
  });

  test('takes a leap year at once', async () => {
    const year = { start_time: '2024-01-01T00:00:00Z', end_time: '2025-01-01T00:00:00Z' };
    expect((await patchLimits(aLimit(year))).status).toBe(204);
    expect(await startsOf(asset)).toHaveLength(35_136);
  });

  test('is on record: who, of what, and as of when it was otherwise', async () => {
    const response = await patchLimits(aLimit(), aLimit({ asset_id: second }));
    const [entry] = await auditOf('limit.set');
    expect(entry).toMatchObject({ actor: expect.any(String), subject: [asset, second].sort().join(' ') });
    expect(entry?.detail).toMatchObject({
      inserted: 8,
      replaced: 0,
      sources: ['CUSTOMER'],
      after: { as_of: response.headers['quarterhour-known-at'] },
      before: { as_of: expect.any(String) },
    });
  });

  test('by fifty at once meets no deadlock, and loses nothing', async () => {
    const fields = ['power_charge', 'power_discharge'];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        const both = [asset, second].map((id) => ({
          asset_id: id,
          ...HOUR,
          source: 'PV',
          [fields[n % 2] ?? '']: mw(n % 2 === 0 ? -n : n),
        }));
        return patiently(() => patchLimits(...(n % 3 === 0 ? both : both.toReversed())));
      }),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    expect(api.lines.filter((line) => line.includes('40P01'))).toEqual([]);
    const [versions] = await stored<{ n: number }>(
      `select (select count(*) from app.period_limit where asset_id = $1)::int
         + (select count(*) from app.period_limit_history where asset_id = $1)::int as n`,
      asset,
    );
    expect(versions?.n).toBe(200);
    expect((await limitsOf(asset)).filter(({ charge, discharge }) => charge === null || discharge === null)).toEqual(
      [],
    );
  });
});

/** On a busy machine some of fifty wait too long for one of four connections, and are told to ask again. */
async function patiently(ask: () => ReturnType<typeof patchLimits>): Promise<Awaited<ReturnType<typeof patchLimits>>> {
  for (;;) {
    const response = await ask();
    if (response.status !== 503) return response;
  }
}

interface Audited {
  readonly actor: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

async function auditOf(action: string): Promise<Audited[]> {
  const { json } = await api.read.read([ours.id], (trx) =>
    listAudit(trx, { actions: [action], limit: 1 }, [
      { name: 'actor', column: 'actor', as: 'text' },
      { name: 'subject', column: 'subject', as: 'text' },
      { name: 'detail', column: 'detail', as: 'json' },
    ]),
  );
  const rows: Audited[] = JSON.parse(json);
  return rows;
}

describe('clearing limits', () => {
  const clear = (different: Record<string, string> = {}) => {
    const query = { asset_id: asset, source: 'CUSTOMER', ...HOUR, ...different };
    return api.delete(`${BASE}/limits?${new URLSearchParams(query).toString()}`, operator());
  };

  test('spares the trading lock', async () => {
    await patchLimits(aLimit({ trading_locked: true }), aLimit({ asset_id: second }));
    expect((await clear()).status).toBe(204);
    expect(await limitsOf(asset)).toEqual(
      ['00', '15', '30', '45'].map((minute) => ({
        start: `2026-01-15T10:${minute}:00Z`,
        day: '2026-01-15',
        charge: null,
        discharge: null,
        locked: true,
      })),
    );
    expect(await startsOf(second)).toHaveLength(4);
  });

  test('removes rows of which nothing is left', async () => {
    await patchLimits(aLimit({ trading_locked: false }), aLimit({ source: 'PV' }));
    expect((await clear()).status).toBe(204);
    expect(await startsOf(asset)).toHaveLength(4);
    expect((await auditOf('limit.clear'))[0]?.detail).toMatchObject({ removed: 4, replaced: 0, source: 'CUSTOMER' });
  });

  test('of nothing is done as well, and leaves no entry', async () => {
    const before = await auditOf('limit.clear');
    expect((await clear()).status).toBe(204);
    expect((await clear({ end_time: HOUR.start_time })).status).toBe(204);
    expect(await auditOf('limit.clear')).toEqual(before);
  });

  test.each(['start_time', 'end_time'])(
    'refuses a %s outside the years that there are, where it stands',
    async (name) => {
      const response = await clear({ [name]: '1969-12-31T23:59:59Z' });
      expect(complaintsOf(response.body)).toEqual([`query ${name} datetime_range`]);
    },
  );

  test('of an unknown asset, or of somebody else’s, is 404', async () => {
    expect((await clear({ asset_id: 'DE_50HZ_NO_1' })).status).toBe(404);
    expect((await clear({ asset_id: foreign })).status).toBe(404);
  });

  test('needs all of its parameters, in order', async () => {
    const bare = await api.delete(`${BASE}/limits`, operator());
    expect(complaintsOf(bare.body)).toEqual(
      ['asset_id', 'start_time', 'end_time', 'source'].map((name) => `query ${name} missing`),
    );
    const reversed = await clear({ end_time: '2026-01-15T09:00:00Z' });
    expect(complaintsOf(reversed.body)).toEqual(['query end_time window_reversed']);
  });
});

describe('storing forecasts', () => {
  test('replaces all values, null included, and keeps when they were created', async () => {
    expect((await putForecasts(aForecast({ consumption: mw(2), import_from_grid_fee: 12.5 }))).status).toBe(204);
    expect((await putForecasts(aForecast({ generation: null, consumption: mw('3.0') }))).status).toBe(204);
    const rows = await stored<object>(
      `select generation_mw as generation, consumption_mw::text as consumption, import_fee_eur_per_mwh as fee,
         delivery_day as day, updated_at > created_at as "isLater" from app.forecast where asset_id = $1`,
      asset,
    );
    expect(rows).toEqual([{ generation: null, consumption: '3', fee: null, day: '2026-01-15', isLater: true }]);
  });

  test('does not cut them into quarter hours', async () => {
    await putForecasts(aForecast());
    expect(await stored('select 1 from app.forecast where asset_id = $1', asset)).toHaveLength(1);
  });

  test.each([
    [
      'neither generation nor consumption',
      { generation: null, import_from_grid_fee: '1' },
      'body forecasts 0 nothing_set',
    ],
    ['delivery_day', { delivery_day: '2026-01-15' }, 'body forecasts 0 delivery_day extra_forbidden'],
    [
      'a start off the quarter hour',
      { start_time: '2026-01-15T10:00:01Z' },
      'body forecasts 0 start_time off_quarter_hour',
    ],
    ['an end before the start', { end_time: '2026-01-15T09:00:00Z' }, 'body forecasts 0 end_time window_reversed'],
    ['a wrong unit', { generation: mwh(1) }, 'body forecasts 0 generation unit unit_mismatch'],
    [
      'the end of the calendar',
      { start_time: '9999-12-31T23:30:00Z', end_time: '9999-12-31T23:45:00Z' },
      'body forecasts 0 invalid_delivery_day',
    ],
  ])('refuses %s', async (_case, different, complaint) => {
    const response = await putForecasts(aForecast(different));
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([complaint]);
  });

  test('refuses the same key twice, naming the second', async () => {
    const response = await putForecasts(aForecast(), aForecast({ start_time: '2026-01-15T11:00:00+01:00' }));
    expect(complaintsOf(response.body)).toEqual(['body forecasts 1 duplicate_key']);
  });

  test('of unknown assets is 404, and stores nothing', async () => {
    expect((await putForecasts(aForecast(), aForecast({ asset_id: 'NOBODY' }))).status).toBe(404);
    expect(await stored('select 1 from app.forecast where asset_id = $1', asset)).toEqual([]);
  });
});

describe('storing reservations', () => {
  const many = (n: number) => Array.from({ length: n }, (_, index) => aReservation({ market: `M${index}` }));

  test('takes a thousand, and not one more', async () => {
    expect((await putReservations(...many(1_000))).status).toBe(204);
    expect(complaintsOf((await putReservations(...many(1_001))).body)).toEqual(['body reservations too_long']);
    expect(complaintsOf((await putReservations()).body)).toEqual(['body reservations too_short']);
  });

  test('replaces by asset, start, market and source, and leaves others alone', async () => {
    await putReservations(aReservation(), aReservation({ source: 'EXTERNAL' }));
    await putReservations(aReservation({ power: mw('-9.90') }));
    const rows = await stored<object>(
      'select source, power_mw::text as power from app.reservation where asset_id = $1 order by source',
      asset,
    );
    expect(rows).toEqual([
      { source: 'EXTERNAL', power: '2' },
      { source: 'OPTIMISATION', power: '-9.9' },
    ]);
  });

  test.each([
    ['delivery_day', { delivery_day: '2026-01-15' }, 'body reservations 0 delivery_day extra_forbidden'],
    ['no power', { power: undefined }, 'body reservations 0 power missing'],
    ['null for energy', { energy_change: null }, 'body reservations 0 energy_change dict_type'],
    ['a market without a name', { market: '' }, 'body reservations 0 market string_too_short'],
    ['a market of 65 characters', { market: 'x'.repeat(65) }, 'body reservations 0 market string_too_long'],
    ['a source that is none', { source: 'CUSTOMER' }, 'body reservations 0 source literal_error'],
  ])('refuses %s', async (_case, different, complaint) => {
    const response = await putReservations(aReservation(different));
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([complaint]);
  });

  test('refuses the same key twice', async () => {
    const response = await putReservations(aReservation(), aReservation({ power: mw(3) }));
    expect(complaintsOf(response.body)).toEqual(['body reservations 1 duplicate_key']);
  });

  test('of unknown assets is 404', async () => {
    expect((await putReservations(aReservation({ asset_id: foreign }))).status).toBe(404);
  });
});

describe('storing snapshots', () => {
  test('answers what is stored, in the order of the request, VALID unless said otherwise', async () => {
    const response = await putSnapshots(
      aSnapshot({ asset_id: second, reading_quality: 'ESTIMATED' }),
      aSnapshot({ effective_at: '2026-01-15T12:00:00.5+01:00' }),
      aSnapshot(),
    );
    expect(response.status).toBe(200);
    const { state_snapshots: rows } = putStateSnapshotsResponse.parse(response.body);
    expect(rows.map((row) => [row.asset_id, row.effective_at, row.stored_energy.amount, row.reading_quality])).toEqual([
      [second, '2026-01-15T10:00:00Z', '12.5', 'ESTIMATED'],
      [asset, '2026-01-15T11:00:00.500Z', '12.5', 'VALID'],
      [asset, '2026-01-15T10:00:00Z', '12.5', 'VALID'],
    ]);
  });

  test('again replaces energy, quality and updated_at, and never created_at', async () => {
    const one = async (different: object) =>
      putStateSnapshotsResponse.parse((await putSnapshots(aSnapshot(different))).body).state_snapshots[0];
    const first = await one({ reading_quality: 'INVALID' });
    const again = await one({ stored_energy: mwh(3) });
    expect(again).toMatchObject({ stored_energy: mwh('3'), reading_quality: 'VALID', created_at: first?.created_at });
    expect(again?.updated_at).not.toBe(first?.updated_at);
  });

  test('of unknown assets is 422 with one entry for each id, and stores nothing', async () => {
    const response = await putSnapshots(
      aSnapshot(),
      aSnapshot({ asset_id: 'NOBODY' }),
      aSnapshot({ asset_id: foreign }),
      aSnapshot({ asset_id: 'NOBODY', effective_at: '2026-01-15T11:00:00Z' }),
    );
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([
      'body state_snapshots 1 asset_id unknown_asset',
      'body state_snapshots 2 asset_id unknown_asset',
    ]);
    expect(await stored('select 1 from app.state_snapshot where asset_id = $1', asset)).toEqual([]);
  });

  test('refuses the same key twice', async () => {
    const response = await putSnapshots(aSnapshot(), aSnapshot({ effective_at: '2026-01-15T11:00:00+01:00' }));
    expect(complaintsOf(response.body)).toEqual(['body state_snapshots 1 duplicate_key']);
  });

  test.each([
    ['charged energy', { charged_energy: mwh(1) }, 'body state_snapshots 0 charged_energy extra_forbidden'],
    ['power', { stored_energy: mw(1) }, 'body state_snapshots 0 stored_energy unit unit_mismatch'],
    [
      'an instant without offset',
      { effective_at: '2026-01-15T10:00:00' },
      'body state_snapshots 0 effective_at datetime_parsing',
    ],
    ['a quality that is none', { reading_quality: 'GOOD' }, 'body state_snapshots 0 reading_quality literal_error'],
  ])('refuses %s', async (_case, different, complaint) => {
    const response = await putSnapshots(aSnapshot(different));
    expect(response.status).toBe(422);
    expect(complaintsOf(response.body)).toEqual([complaint]);
  });
});

describe('deleting an asset', () => {
  test('ends what is agreed about its periods, and keeps it known', async () => {
    const before = await patchLimits(aLimit());
    await putForecasts(aForecast());
    await putReservations(aReservation());
    await putSnapshots(aSnapshot());
    expect((await api.delete(`${BASE}/assets/${asset}`, operator())).status).toBe(204);
    for (const [table, versions] of [
      ['period_limit', 4],
      ['forecast', 1],
      ['reservation', 1],
      ['state_snapshot', 1],
    ] as const) {
      expect(await stored(`select 1 from app.${table} where asset_id = $1`, asset)).toEqual([]);
      expect(await stored(`select 1 from app.${table}_history where asset_id = $1`, asset)).toHaveLength(versions);
    }
    const { json } = await api.read.read([ours.id], (trx) =>
      listLimits(
        trx,
        {
          assetIds: [asset],
          from: parseInstant(HOUR.start_time),
          to: parseInstant(HOUR.end_time),
          order: 'asc',
          knownAt: parseInstant(String(before.headers['quarterhour-known-at'])),
          limit: 10,
          offset: 0,
        },
        {
          ofPeriod: [{ name: 'charge', column: 'power_charge_mw', as: 'decimal' }],
          ofSource: [{ name: 's', column: 'source', as: 'text' }],
        },
      ),
    );
    expect(JSON.parse(json)).toEqual(Array(4).fill({ charge: '-1' }));
    expect((await patchLimits(aLimit())).status).toBe(404);
  });

  test('while fifty write about it leaves nothing of it behind: who comes too late finds no asset', async () => {
    const spec = () =>
      api.send('put', `${BASE}/specs`, operator(), {
        asset_id: asset,
        valid_from: HOUR.start_time,
        rated_power: mw(1),
      });
    const writers = [
      () => patchLimits(aLimit()),
      () => putForecasts(aForecast()),
      () => putReservations(aReservation()),
      () => putSnapshots(aSnapshot()),
      spec,
    ];
    const writes = Array.from({ length: 10 }, () => writers.map((write) => write())).flat();
    const deleted = api.delete(`${BASE}/assets/${asset}`, operator());
    const answers = await Promise.all(writes);
    expect((await deleted).status).toBe(204);
    for (const answer of answers) expect([200, 204, 404, 422]).toContain(answer.status);
    for (const table of ['period_limit', 'forecast', 'reservation', 'state_snapshot', 'asset_spec']) {
      expect(await stored(`select 1 from app.${table} where asset_id = $1`, asset)).toEqual([]);
    }
  });
});

describe('whoever writes', () => {
  test.each([
    ['patch', 'limits', () => ({ limits: [aLimit()] })],
    ['put', 'forecasts', () => ({ forecasts: [aForecast()] })],
    ['put', 'reservations', () => ({ reservations: [aReservation()] })],
    ['put', 'state-snapshots', () => ({ state_snapshots: [aSnapshot()] })],
  ] as const)('is an operator or an admin, of one organisation (%s %s)', async (method, path, body) => {
    const send = (claims: TokenClaims) => api.send(method, `${BASE}/${path}`, claims, body());
    for (const role of ['partner', 'trader', 'auditor']) {
      expect((await send({ orgs: [ours.id], roles: [role] })).status).toBe(403);
    }
    expect((await send({ orgs: [ours.id, theirs.id], roles: ['operator'] })).status).toBe(403);
    expect((await send({ orgs: [ours.id], roles: ['admin'] })).status).toBeLessThan(300);
  });
});
