import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { instantFromEpochSeconds, type UtcInstant } from '@quarterhour/domain';
import { anAsset, anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  changeConnectionPoint,
  changeInverter,
  connectionPointText,
  hasConnectionPoint,
  hasInverter,
  insertConnectionPoint,
  insertInverter,
  inverterText,
  keepConnectionLimits,
  listConnectionLimits,
  listConnectionPoints,
  lockConnectionPoint,
  lockInverter,
  removeConnectionPoint,
  removeInverters,
  type ConnectionLimit,
  type ConnectionLimitColumn,
  type ConnectionLimitQuery,
  type ConnectionPointProjection,
  type ConnectionPointQuery,
  type Database,
  type Limited,
  type NewConnectionPoint,
  type Projection,
} from '@quarterhour/db';
import { at, connect, query, stamped } from './fixtures.js';
import { branchOf, explained } from './plans.js';

const SHOWN: ConnectionPointProjection = {
  point: [
    { name: 'id', column: 'id', as: 'text' },
    { name: 'floor', column: 'floor_price', as: 'decimal' },
    { name: 'inverters', column: 'inverters', as: 'json' },
  ],
  inverter: [
    { name: 'id', column: 'id', as: 'text' },
    { name: 'assets', column: 'asset_ids', as: 'json' },
  ],
};
const LIMITS: Projection<ConnectionLimitColumn> = [
  { name: 'from', column: 'start_time', as: 'instant' },
  { name: 'to', column: 'end_time', as: 'instant' },
  { name: 'import', column: 'max_import_mw', as: 'decimal' },
];
const MODE = { name: 'PRICE_BASED', floorPrice: '-10.5', strikePrice: '80', priceUnit: 'EUR/MWh' } as const;

let server: TestDatabase;
let control: Database;
let read: Database;
let orgId: string;
let otherOrgId: string;
let asset: string;

beforeAll(async () => {
  server = await testDatabase();
  control = connect(server.controlUrl, 8);
  read = connect(server.readUrl);
});
beforeEach(async () => {
  const organisation = await anOrganisation(server.admin);
  orgId = organisation.id;
  asset = await anAsset(server.admin, organisation);
  otherOrgId = (await anOrganisation(server.admin)).id;
});
afterAll(async () => {
  await control.close();
  await read.close();
  await server.drop();
});

let codes = 0;
function aPoint(different: Partial<NewConnectionPoint> = {}): NewConnectionPoint {
  codes += 1;
  const place = { orgId, code: `site${codes}`, name: 'A site', region: 'DE', deliveryArea: 'AMPN' } as const;
  return { ...place, dispatchMode: MODE, ...different };
}
const made = (point: NewConnectionPoint): Promise<string> =>
  stamped(control, point.orgId, (trx, stamp) => insertConnectionPoint(trx, point, stamp));
const anInverter = (connectionPointId: string, assetIds = [asset]): Promise<string> =>
  stamped(control, orgId, (trx, stamp) =>
    insertInverter(
      trx,
      { orgId, connectionPointId, ratedPowerMw: '5', chargeEfficiency: '0.9', dischargeEfficiency: '1', assetIds },
      stamp,
    ),
  );
const shownPoint = async (id: string): Promise<unknown> => {
  const text = await read.read([orgId], (trx) => connectionPointText(trx, id, SHOWN));
  return text === null ? null : JSON.parse(text);
};

describe('a connection point', () => {
  test('has an id made of region, delivery area, code in upper case, and a number from 1', async () => {
    expect(await made(aPoint({ code: 'immst' }))).toBe('DE_AMPN_IMMST_SITE_1');
    expect(await made(aPoint({ code: 'IMMST' }))).toBe('DE_AMPN_IMMST_SITE_2');
    expect(await made(aPoint({ code: 'immst', deliveryArea: '50HZ' }))).toBe('DE_50HZ_IMMST_SITE_1');
    expect(await made(aPoint({ code: 'immst', orgId: otherOrgId }))).toBe('DE_AMPN_IMMST_SITE_3');
  });

  test('never gets a number again that one had which is gone', async () => {
    const id = await made(aPoint({ code: 'gone' }));
    await stamped(control, orgId, (trx, stamp) => removeConnectionPoint(trx, { orgId, id }, stamp));
    expect(await made(aPoint({ code: 'gone' }))).toBe('DE_AMPN_GONE_SITE_2');
  });

  test('gets a number of its own, whoever registers at the same time', async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        made(aPoint({ code: 'busy', orgId: index % 2 === 0 ? orgId : otherOrgId })),
      ),
    );
    expect(ids.map((id) => Number(id.split('_').at(-1))).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
  });

  test('is read back as it was kept, and changes', async () => {
    const point = aPoint();
    const id = await made(point);
    expect(await stamped(control, orgId, (trx) => lockConnectionPoint(trx, id))).toEqual({ ...point, id });
    const change = { name: 'Another', dispatchMode: { ...MODE, name: 'MANUAL', floorPrice: null } };
    await stamped(control, orgId, (trx, stamp) => changeConnectionPoint(trx, id, change, stamp));
    const changed = await stamped(control, orgId, (trx) => lockConnectionPoint(trx, id));
    expect(changed).toEqual({ ...point, ...change, id });
  });

  test.each([
    ['a floor above the strike price', { ...MODE, floorPrice: '81' }],
    ['zloty in Germany', { ...MODE, priceUnit: 'PLN/MWh' } as const],
    ['a price without a unit', { ...MODE, priceUnit: null }],
  ])('cannot have %s', async (_case, dispatchMode) => {
    await expect(made(aPoint({ dispatchMode }))).rejects.toMatchObject({ code: '23514' });
  });

  test('of another organisation is not there', async () => {
    const id = await made(aPoint({ orgId: otherOrgId }));
    expect(await shownPoint(id)).toBeNull();
    expect(await read.read([orgId], (trx) => hasConnectionPoint(trx, id))).toBe(false);
    expect(await stamped(control, orgId, (trx) => lockConnectionPoint(trx, id))).toBeNull();
  });
});

describe('inverters', () => {
  test('have an id made of that of their connection point and a number that is never used again', async () => {
    const point = await made(aPoint());
    const [first, second] = [await anInverter(point), await anInverter(point)];
    expect([first, second]).toEqual([`${point}_INV_1`, `${point}_INV_2`]);
    await stamped(control, orgId, (trx, stamp) => removeInverters(trx, { orgId, ids: [second] }, stamp));
    expect(await anInverter(point)).toBe(`${point}_INV_3`);
  });

  test('come with their connection point in the order in which they were made', async () => {
    const point = await made(aPoint());
    for (let made = 0; made < 11; made += 1) await anInverter(point);
    const shown = await shownPoint(point);
    expect(shown).toMatchObject({
      inverters: Array.from({ length: 11 }, (_, index) => ({ id: `${point}_INV_${index + 1}`, assets: [asset] })),
    });
  });

  test('list exactly the assets that they are given', async () => {
    const point = await made(aPoint());
    const more = await anAsset(server.admin, { id: orgId });
    const id = await anInverter(point, [asset, more].toSorted());
    const address = { id, connectionPointId: point };
    const standing = await stamped(control, orgId, (trx) => lockInverter(trx, address));
    expect(standing?.assetIds).toEqual([asset, more].toSorted());
    await stamped(control, orgId, (trx, stamp) => changeInverter(trx, { ...standing!, assetIds: [more] }, stamp));
    const text = await read.read([orgId], (trx) => inverterText(trx, id, SHOWN.inverter));
    expect(JSON.parse(text ?? '')).toEqual({ id, assets: [more] });
  });

  test('are only where they belong', async () => {
    const [point, another] = [await made(aPoint()), await made(aPoint())];
    const id = await anInverter(point);
    expect(await read.read([orgId], (trx) => hasInverter(trx, { id, connectionPointId: point }))).toBe(true);
    expect(await read.read([orgId], (trx) => hasInverter(trx, { id, connectionPointId: another }))).toBe(false);
    expect(await read.read([otherOrgId], (trx) => hasInverter(trx, { id, connectionPointId: point }))).toBe(false);
  });

  test('keep an asset from being deleted while they list it', async () => {
    await anInverter(await made(aPoint()));
    const deleting = server.admin.transaction([orgId], (trx) =>
      trx.query(query('delete from app.asset where id = $1', [asset])),
    );
    await expect(deleting).rejects.toMatchObject({ code: '23503' });
  });
});

describe('a list of connection points', () => {
  const idsOf = async (different: Partial<ConnectionPointQuery> = {}, scope = [orgId]): Promise<string[]> => {
    const asked = { withInverters: false, limit: 100, offset: 0, ...different };
    const { json } = await read.read(scope, (trx) => listConnectionPoints(trx, asked, SHOWN));
    return [...json.matchAll(/"id":"([^"]+_SITE_\d+)"/g)].map(([, id = '']) => id);
  };

  test('is by id, and filtered by region, area and asset', async () => {
    const first = await made(aPoint({ code: 'b' }));
    const second = await made(aPoint({ code: 'a' }));
    const polish = await made(aPoint({ region: 'PL', deliveryArea: 'PSE' }));
    await made(aPoint({ orgId: otherOrgId }));
    expect(await idsOf()).toEqual([second, first, polish]);
    expect(await idsOf({ region: 'PL' })).toEqual([polish]);
    expect(await idsOf({ deliveryArea: 'AMPN' })).toEqual([second, first]);
    expect(await idsOf({ region: 'PL', deliveryArea: 'AMPN' })).toEqual([]);
    await anInverter(first);
    await anInverter(first);
    expect(await idsOf({ assetId: asset })).toEqual([first]);
    expect(await idsOf({ assetId: 'nobody' })).toEqual([]);
    expect(await idsOf({ limit: 1, offset: 1 })).toEqual([first]);
    expect(await idsOf({ limit: 1, after: { id: second } })).toEqual([first]);
    expect(await idsOf({}, [orgId, otherOrgId])).toHaveLength(4);
  });

  test('has inverters only where they are asked for', async () => {
    const id = await made(aPoint());
    await anInverter(id);
    const shown = async (withInverters: boolean): Promise<unknown> => {
      const asked = { withInverters, limit: 10, offset: 0 };
      const { json } = await read.read([orgId], (trx) => listConnectionPoints(trx, asked, SHOWN));
      return JSON.parse(json);
    };
    expect(await shown(false)).toEqual([{ id, floor: '-10.5', inverters: null }]);
    expect(await shown(true)).toEqual([{ id, floor: '-10.5', inverters: [{ id: `${id}_INV_1`, assets: [asset] }] }]);
  });
});

describe.each(['connection-point', 'inverter'] as const)('limits of a %s', (of) => {
  let id: string;
  let point: string;
  beforeEach(async () => {
    point = await made(aPoint());
    id = of === 'inverter' ? await anInverter(point) : point;
  });

  const limit = (hour: number, maxImportMw = '1'): ConnectionLimit => ({
    startTime: hourOf(hour),
    endTime: hourOf(hour + 1),
    maxImportMw,
    maxExportMw: '2',
  });
  const hourOf = (hour: number): UtcInstant => at(`2026-01-15T${String(hour).padStart(2, '0')}:00:00Z`);
  const limited = (): Limited => ({ orgId, of, id });
  const kept = (limits: readonly ConnectionLimit[]) =>
    stamped(control, orgId, async (trx, stamp) => ({
      stamp,
      ...(await keepConnectionLimits(trx, limited(), limits, stamp)),
    }));
  const shown = async (different: Partial<ConnectionLimitQuery> = {}): Promise<string> => {
    const asked = { of, id, from: hourOf(0), to: hourOf(23), limit: 100, offset: 0, ...different };
    return (await read.read([orgId], (trx) => listConnectionLimits(trx, asked, LIMITS))).json;
  };

  test('of a known start are replaced, others are left alone, and equal ones change nothing', async () => {
    expect(await kept([limit(2), limit(1)])).toMatchObject({ stored: 2, revised: 0 });
    expect(await kept([limit(2, '9'), limit(3)])).toMatchObject({ stored: 1, revised: 1 });
    expect(await kept([limit(2, '9'), limit(1, '1.0')])).toMatchObject({ stored: 0, revised: 0 });
    expect((await shown()).match(/"import":"\d"/g)).toEqual(['"import":"1"', '"import":"9"', '"import":"1"']);
  });

  test('are those that start within [from, to), in order', async () => {
    await kept([limit(3), limit(1), limit(2)]);
    const starts = async (different: Partial<ConnectionLimitQuery>) =>
      [...(await shown(different)).matchAll(/"from":"2026-01-15T0(\d)/g)].map(([, hour]) => Number(hour));
    expect(await starts({ from: hourOf(1), to: hourOf(3) })).toEqual([1, 2]);
    expect(await starts({ from: hourOf(1), to: hourOf(1) })).toEqual([]);
    expect(await starts({ limit: 1, offset: 1 })).toEqual([2]);
    expect(await starts({ after: { startTime: hourOf(1) } })).toEqual([2, 3]);
  });

  test('as they were known are told byte for byte, also when they are gone', async () => {
    const answers = [[(await kept([limit(1)])).stamp, await shown()] as const];
    answers.push([(await kept([limit(1, '7'), limit(2)])).stamp, await shown()]);
    answers.push([(await kept([limit(1, '8')])).stamp, await shown()]);
    await stamped(control, orgId, (trx, stamp) => removeConnectionPoint(trx, { orgId, id: point }, stamp));
    expect(await shown()).toBe('[]');
    for (const [knownAt, json] of answers) expect(await shown({ knownAt })).toBe(json);
  });

  test('lose no version to 50 writers at once', async () => {
    const stamps = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => (await kept([limit(1, String(index)), limit(2)])).stamp),
    );
    for (const [index, knownAt] of stamps.entries()) {
      expect(await shown({ knownAt, limit: 1 })).toContain(`"import":"${index}"`);
    }
  });

  test('are each looked up by key when they are replaced, in a table that nobody analysed as well', async () => {
    const table = of === 'inverter' ? 'inverter_limit' : 'connection_point_limit';
    const year = Array.from({ length: 8_760 }, (_, n) => ({
      ...limit(0),
      startTime: instantFromEpochSeconds(n * 3_600),
      endTime: instantFromEpochSeconds((n + 1) * 3_600),
    }));
    await kept(year);
    const week = year.slice(0, 168).map((one) => ({ ...one, maxImportMw: '9' }));
    const plan = await stamped(control, orgId, (trx, stamp) =>
      explained(trx, (recorder) => keepConnectionLimits(recorder, limited(), week, stamp)),
    );
    expect(plan.match(new RegExp(`Index Scan using ${table}_pkey`, 'g'))).toHaveLength(2);
    expect(plan).not.toMatch(/(Hash|Merge) Cond: .*start_time/);
    expect(plan).not.toMatch(new RegExp(`(Bitmap Heap|Seq) Scan on ${table}`));
  });

  test('come out of an index in order', async () => {
    await kept([limit(1)]);
    const column = of === 'inverter' ? 'inverter' : 'connection_point';
    await server.admin.transaction([orgId], async (trx) => {
      await trx.query(
        query(
          `insert into app.${column}_limit (org_id, ${column}_id, start_time, end_time, max_import_mw, max_export_mw, received_at)
           select $1, $2, t, t + interval '1 hour', 1, 1, t
           from generate_series('2020-01-01'::timestamptz, '2020-12-01'::timestamptz, interval '1 hour') t`,
          [orgId, id],
        ),
      );
      await trx.query(query(`analyze app.${column}_limit`));
    });
    const asked = { of, id, from: at('2020-01-01T00:00:00Z'), to: at('2021-01-01T00:00:00Z'), limit: 50, offset: 0 };
    const plan = await read.read([orgId], (trx) =>
      explained(trx, (recorder) => listConnectionLimits(recorder, asked, LIMITS)),
    );
    expect(branchOf(plan)).toContain(`${column}_limit_pkey`);
    expect(branchOf(plan)).not.toMatch(/->  Sort|Seq Scan|Bitmap/);
  });
});
