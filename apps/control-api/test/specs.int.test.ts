import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assetProblem, assetValidationProblem } from '@quarterhour/contracts';
import type { OrganisationRow } from '@quarterhour/db';
import { anAsset, anOrganisation } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const SPECS = '/asset-api/v1/specs';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let asset: string;
let foreign: string;
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

const operator = () => ({ orgs: [ours.id], roles: ['operator'], sub: 'ada' });
const day = (number: number): string => `2026-01-${String(number).padStart(2, '0')}T00:00:00Z`;
const mw = (amount: string | number) => ({ amount, unit: 'MW' });
const put = (body: object) => api.send('put', SPECS, operator(), { asset_id: asset, ...body });
const keep = async (body: object): Promise<void> => {
  const { status, text } = await put(body);
  expect([status, text]).toEqual([204, '']);
};
/** What is wrong, as `path type`. */
const faultsOf = async (body: object): Promise<string[]> => {
  const answer = await put(body);
  expect([answer.status, answer.text]).toEqual([422, expect.anything()]);
  return assetValidationProblem.parse(answer.body).detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);
};

interface Version {
  readonly from: string;
  readonly to: string | null;
  readonly power: string | null;
  readonly ramp: string | null;
  readonly isNew: boolean;
}
const VERSIONS = `
  select app.instant_text(valid_from) as from, app.instant_text(valid_to) as to, rated_power_mw::text as power,
    ramp_type as ramp, created_at = received_at as "isNew"
  from app.asset_spec where asset_id = $1 order by valid_from`;
const rowsOf = <R extends object>(text: string, ...values: unknown[]): Promise<R[]> =>
  api.admin.read([ours.id, theirs.id], (trx) => trx.query<R>({ text, values }));
const versions = () => rowsOf<Version>(VERSIONS, asset);
const auditOf = () =>
  rowsOf<{ actor: string; action: string; subject: string; detail: unknown }>(
    'select actor, action, subject, detail from app.audit where org_id = $1 order by seq',
    ours.id,
  );

describe('a version that begins where none does', () => {
  test('is inserted; what is left out is null', async () => {
    await keep({ valid_from: day(1), rated_power: mw('10.50') });
    expect(await versions()).toEqual([{ from: day(1), to: null, power: '10.5', ramp: null, isNew: true }]);
  });

  test('keeps every field, from numbers and from strings', async () => {
    await keep({
      valid_from: '2026-01-01T01:00:00.5+01:00',
      valid_to: day(2),
      rated_power: mw(10.5),
      grid_connection_max_power: mw('12'),
      max_capacity: { amount: '20.000001', unit: 'MWh' },
      ramp_rate: 0.5,
      ramp_type: 'LINEAR',
      charge_efficiency: '0.95',
      discharge_efficiency: 1,
      daily_cycle_energy_limit: { amount: '40', unit: 'MWh' },
      prequalified_fcr: mw('1'),
      prequalified_afrr_charge: mw('-2'),
      prequalified_afrr_discharge: mw('+3.0'),
    });
    const [kept] = await rowsOf('select * from app.asset_spec where asset_id = $1', asset);
    expect(kept).toMatchObject({
      rated_power_mw: '10.5',
      grid_connection_max_power_mw: '12',
      max_capacity_mwh: '20.000001',
      ramp_rate_mw_per_minute: '0.5',
      ramp_type: 'LINEAR',
      charge_efficiency: '0.95',
      discharge_efficiency: '1',
      daily_cycle_energy_limit_mwh: '40',
      prequalified_fcr_mw: '1',
      prequalified_afrr_charge_mw: '-2',
      prequalified_afrr_discharge_mw: '3',
    });
    expect(await versions()).toMatchObject([{ from: '2026-01-01T00:00:00.500Z', to: day(2) }]);
  });
});

describe('a version without an end (BESS style)', () => {
  beforeEach(() => keep({ valid_from: day(5), rated_power: mw('5'), ramp_type: 'STEP' }));

  test('closes the active one on the instant at which it begins, and inherits nothing', async () => {
    await keep({ valid_from: day(9), rated_power: mw('9') });
    expect(await versions()).toEqual([
      { from: day(5), to: day(9), power: '5', ramp: 'STEP', isNew: false },
      { from: day(9), to: null, power: '9', ramp: null, isNew: true },
    ]);
  });

  test('is 422 spec_order when that is not strictly later than the beginning of the active one', async () => {
    expect(await faultsOf({ valid_from: day(4) })).toEqual(['body.valid_from spec_order']);
    expect(await versions()).toMatchObject([{ from: day(5), to: null }]);
  });

  test('is a change when it begins on the very same instant', async () => {
    await keep({ valid_from: day(5), rated_power: mw('6') });
    expect(await versions()).toEqual([{ from: day(5), to: null, power: '6', ramp: 'STEP', isNew: false }]);
  });

  test('closes and inserts together or not at all', async () => {
    await keep({ valid_from: day(1), valid_to: day(2) });
    await keep({ valid_from: day(5), valid_to: day(6) });
    await keep({ valid_from: day(8), valid_to: day(20) });
    const before = await versions();
    expect(await faultsOf({ valid_from: day(7) })).toEqual(['body.valid_from spec_overlap']);
    expect(await versions()).toEqual(before);
  });

  test('is closed by exactly one of fifty who begin at once on fifty instants, in any order', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_one, index) =>
        put({ valid_from: `2026-02-01T00:00:${String(index).padStart(2, '0')}Z` }),
      ),
    );
    expect(answers.filter(({ status }) => status !== 204 && status !== 422)).toEqual([]);
    const kept = await versions();
    expect(kept).toHaveLength(1 + answers.filter(({ status }) => status === 204).length);
    expect(kept.map(({ to }) => to)).toEqual([...kept.slice(1).map(({ from }) => from), null]);
  });
});

describe('a version with an end (vBat style)', () => {
  beforeEach(() => keep({ valid_from: day(10), valid_to: day(20) }));

  test('may touch others, and lie anywhere between', async () => {
    await keep({ valid_from: day(5), valid_to: day(10) });
    await keep({ valid_from: day(20), valid_to: day(21) });
    await keep({ valid_from: day(25) });
    expect(await versions()).toHaveLength(4);
  });

  test.each([
    ['reaches into another one', day(9), '2026-01-10T00:00:00.000001Z'],
    ['lies within another one', day(12), day(13)],
    ['holds another one', day(9), day(21)],
  ])('is 422 spec_overlap when it %s', async (_case, valid_from, valid_to) => {
    expect(await faultsOf({ valid_from, valid_to })).toEqual(['body.valid_to spec_overlap']);
    expect(await versions()).toHaveLength(1);
  });

  test('is 422 spec_overlap when it begins within the active one, whose end is infinity', async () => {
    await keep({ valid_from: day(25) });
    const valid_to = '2030-01-01T00:00:00Z';
    expect(await faultsOf({ valid_from: day(26), valid_to })).toEqual(['body.valid_to spec_overlap']);
  });

  test('overlaps nothing, when fifty overlapping ones are tried at once: one is kept', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_one, index) =>
        put({ valid_from: `2026-03-01T00:00:${String(index).padStart(2, '0')}Z`, valid_to: '2026-03-02T00:00:00Z' }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      204,
      ...Array.from({ length: 49 }, () => 422),
    ]);
    expect(await versions()).toHaveLength(2);
  });

  test.each([
    ['before', day(9)],
    ['at', day(10)],
  ])('is 422 when it ends %s its beginning (valid_to > valid_from)', async (_case, valid_to) => {
    expect(await faultsOf({ valid_from: day(10), valid_to })).toEqual(['body.valid_to window_reversed']);
  });
});

describe('a version that is there', () => {
  beforeEach(() => keep({ valid_from: day(1), valid_to: day(9), rated_power: mw('5'), ramp_type: 'STEP' }));

  test('changes in what is given; left out and null keep their value', async () => {
    await keep({ valid_from: day(1), rated_power: null, ramp_type: 'LINEAR' });
    expect(await versions()).toEqual([{ from: day(1), to: day(9), power: '5', ramp: 'LINEAR', isNew: false }]);
  });

  test('is not opened again by a null valid_to', async () => {
    await keep({ valid_from: day(1), valid_to: null, rated_power: mw('6') });
    expect(await versions()).toMatchObject([{ to: day(9), power: '6' }]);
  });

  test('gets another end, as long as that overlaps nothing', async () => {
    await keep({ valid_from: day(15) });
    await keep({ valid_from: day(1), valid_to: day(15) });
    expect(await versions()).toMatchObject([{ to: day(15) }, { from: day(15) }]);
    expect(await faultsOf({ valid_from: day(1), valid_to: day(16) })).toEqual(['body.valid_to spec_overlap']);
  });

  test('keeps created_at, and what it was', async () => {
    await keep({ valid_from: day(1), rated_power: mw('6') });
    const [same] = await rowsOf<object>(
      `select h.rated_power_mw::text as was, h.displaced_at = s.received_at as "isSeamless", h.created_at = s.created_at as same
       from app.asset_spec s join app.asset_spec_history h using (org_id, asset_id, valid_from) where s.asset_id = $1`,
      asset,
    );
    expect(same).toEqual({ was: '5', isSeamless: true, same: true });
  });

  test('stays untouched, and unwritten in the audit, when it says what it says already', async () => {
    const before = [await versions(), await auditOf()];
    await keep({ valid_from: day(1), rated_power: mw('5.0'), valid_to: '2026-01-09T01:00:00+01:00' });
    await keep({ valid_from: day(1) });
    expect([await versions(), await auditOf()]).toEqual(before);
  });
});

describe('a version is refused', () => {
  test.each<[string, object, string[]]>([
    ['without its beginning', { valid_from: undefined }, ['body.valid_from missing']],
    ['with a beginning without offset', { valid_from: '2026-01-01T00:00:00' }, ['body.valid_from datetime_parsing']],
    ['with a field that is not known', { delivery_day: '2026-01-01' }, ['body.delivery_day extra_forbidden']],
    ['with power in MWh', { rated_power: { amount: 1, unit: 'MWh' } }, ['body.rated_power.unit unit_mismatch']],
    ['with energy in MW', { max_capacity: mw(1) }, ['body.max_capacity.unit unit_mismatch']],
    ['with a quantity without unit', { rated_power: { amount: 1 } }, ['body.rated_power.unit missing']],
    ['with an exponent', { rated_power: mw('1e3') }, ['body.rated_power.amount decimal_parsing']],
    ['with seven fraction digits', { ramp_rate: '0.1234567' }, ['body.ramp_rate decimal_max_places']],
    ['with an efficiency of zero', { charge_efficiency: 0 }, ['body.charge_efficiency efficiency_range']],
    [
      'with an efficiency above one',
      { discharge_efficiency: '1.000001' },
      ['body.discharge_efficiency efficiency_range'],
    ],
    ['with an empty ramp type', { ramp_type: '' }, ['body.ramp_type string_too_short']],
  ])('%s', async (_case, different, expected) => {
    expect(await faultsOf({ valid_from: day(1), ...different })).toEqual(expected);
    expect(await versions()).toEqual([]);
  });

  test.each([
    ['that nobody has', () => 'DE_50HZ_NOBODY_1'],
    ['of another organisation', () => foreign],
  ])('with 404 that names it, for an asset %s', async (_case, idOf) => {
    const { status, body } = await put({ asset_id: idOf(), valid_from: day(1) });
    expect([status, assetProblem.parse(body).detail]).toEqual([404, expect.stringContaining(idOf())]);
    expect(await auditOf()).toEqual([]);
  });
});

describe('the audit', () => {
  test('has who did what, before and after, in the transaction of the write', async () => {
    await keep({ valid_from: day(1), rated_power: mw('1') });
    await keep({ valid_from: day(1), rated_power: mw('2') });
    await keep({ valid_from: day(3), rated_power: mw('3') });
    expect(await auditOf()).toMatchObject([
      { actor: 'ada', action: 'spec.create', subject: asset, detail: { before: null, after: { ratedPowerMw: '1' } } },
      { action: 'spec.change', detail: { before: { ratedPowerMw: '1' }, after: { ratedPowerMw: '2' } } },
      {
        action: 'spec.create',
        detail: { after: { validFrom: day(3) }, ended: { validFrom: day(1), validTo: day(3) } },
      },
    ]);
  });

  test('has nothing of what was refused', async () => {
    await keep({ valid_from: day(5) });
    await faultsOf({ valid_from: day(4) });
    expect(await auditOf()).toHaveLength(1);
  });
});

test('an asset that is deleted takes its versions along, and its history keeps them', async () => {
  await keep({ valid_from: day(1) });
  await keep({ valid_from: day(2) });
  const { status } = await api.delete(`/asset-api/v1/assets/${asset}`, operator());
  expect([status, await versions()]).toEqual([204, []]);
  const [kept] = await rowsOf('select count(*)::int as n from app.asset_spec_history where asset_id = $1', asset);
  expect(kept).toEqual({ n: 3 });
});
