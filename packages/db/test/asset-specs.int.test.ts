import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { overlapsAmong, type Span, type UtcInstant } from '@quarterhour/domain';
import { anAsset, anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import fc from 'fast-check';
import { z } from 'zod';
import {
  displaceSpecs,
  exportSpecs,
  insertSpec,
  listSpecs,
  lockSpecs,
  replaceSpec,
  SpecOverlapError,
  type AssetSpec,
  type Database,
  type Projection,
  type SpecColumn,
  type SpecKey,
  type SpecQuery,
} from '@quarterhour/db';
import { at, connect, query, stamped } from './fixtures.js';
import { branchOf, explained } from './plans.js';

const SHOWN: Projection<SpecColumn> = [
  { name: 'asset', column: 'asset_id', as: 'text' },
  { name: 'from', column: 'valid_from', as: 'instant' },
  { name: 'to', column: 'valid_to', as: 'instant' },
  { name: 'power', column: 'rated_power_mw', as: 'decimal' },
];

let server: TestDatabase;
let control: Database;
let read: Database;
let orgId: string;
let asset: string;
let other: string;

beforeAll(async () => {
  server = await testDatabase();
  control = connect(server.controlUrl, 8);
  read = connect(server.readUrl);
});
beforeEach(async () => {
  const organisation = await anOrganisation(server.admin);
  orgId = organisation.id;
  asset = await anAsset(server.admin, organisation);
  other = await anAsset(server.admin, organisation);
});
afterAll(async () => {
  await control.close();
  await read.close();
  await server.drop();
});

const day = (number: number): UtcInstant => at(`2026-01-${String(number).padStart(2, '0')}T00:00:00Z`);

function aSpec(different: Partial<AssetSpec> = {}): AssetSpec {
  return {
    validFrom: day(1),
    validTo: null,
    ratedPowerMw: '10',
    gridConnectionMaxPowerMw: null,
    maxCapacityMwh: '20.5',
    rampRateMwPerMinute: '0.000001',
    rampType: 'LINEAR',
    chargeEfficiency: '0.95',
    dischargeEfficiency: '1',
    dailyCycleEnergyLimitMwh: null,
    prequalifiedFcrMw: null,
    prequalifiedAfrrChargeMw: '-5',
    prequalifiedAfrrDischargeMw: '5',
    ...different,
  };
}

/** @returns the stamp that the version bears */
const inserted = (assetId: string, different: Partial<AssetSpec> = {}): Promise<UtcInstant> =>
  stamped(control, orgId, async (trx, stamp) => {
    await insertSpec(trx, { orgId, assetId }, aSpec(different), stamp);
    return stamp;
  });
const replaced = (assetId: string, spec: AssetSpec): Promise<UtcInstant> =>
  stamped(control, orgId, async (trx, stamp) => {
    await replaceSpec(trx, { orgId, assetId }, spec, stamp);
    return stamp;
  });

const asked = (different: Partial<SpecQuery> = {}): SpecQuery => ({
  assetIds: [asset, other],
  latestOnly: false,
  limit: 100,
  offset: 0,
  ...different,
});
const rows = z.array(z.record(z.string(), z.string().nullable()));
const rowsOf = async (different: Partial<SpecQuery> = {}, scope = [orgId]) => {
  const page = await read.read(scope, (trx) => listSpecs(trx, asked(different), SHOWN));
  return rows.parse(JSON.parse(page.json));
};

describe('a version of technical data', () => {
  test('is read back to the digit', async () => {
    await inserted(asset);
    const standing = await stamped(control, orgId, (trx) => lockSpecs(trx, { orgId, assetId: asset }, day(1)));
    expect(standing).toEqual({ same: aSpec(), active: aSpec() });
  });

  test('is found by its beginning, and the active one by having no end', async () => {
    await inserted(asset, { validTo: day(5) });
    await inserted(asset, { validFrom: day(5) });
    const find = (from: UtcInstant) =>
      stamped(control, orgId, (trx) => lockSpecs(trx, { orgId, assetId: asset }, from));
    const [first, active] = [aSpec({ validTo: day(5) }), aSpec({ validFrom: day(5) })];
    expect(await find(day(1))).toEqual({ same: first, active });
    expect(await find(day(3))).toEqual({ same: null, active });
  });

  test('may touch another one of its asset, and overlap those of other assets', async () => {
    await inserted(asset, { validTo: day(5) });
    await inserted(asset, { validFrom: day(5), validTo: day(6) });
    await inserted(other, { validFrom: day(2) });
    expect(await rowsOf()).toHaveLength(3);
  });

  test.each([
    ['reaches into a later one', { validFrom: day(1), validTo: day(11) }],
    ['lies within another one', { validFrom: day(12), validTo: day(13) }],
    ['has no end and a later one stands', { validFrom: day(1), validTo: null }],
    ['begins within another one, without an end', { validFrom: day(19), validTo: null }],
  ])('is refused when it %s (EXCLUDE over [valid_from, valid_to), an open end is infinity)', async (_case, window) => {
    await inserted(asset, { validFrom: day(10), validTo: day(20) });
    await expect(inserted(asset, window)).rejects.toBeInstanceOf(SpecOverlapError);
    expect(await rowsOf()).toHaveLength(1);
  });

  test('is refused when its new end reaches into another one, and stays what it was', async () => {
    await inserted(asset, { validTo: day(5) });
    await inserted(asset, { validFrom: day(10) });
    await expect(replaced(asset, aSpec({ validTo: day(11) }))).rejects.toBeInstanceOf(SpecOverlapError);
    expect(await rowsOf()).toMatchObject([{ from: day(10) }, { from: day(1), to: day(5) }]);
  });

  test('is refused exactly when it overlaps another one, as the domain has it', async () => {
    const windows = fc.array(
      fc.record({ start: fc.integer({ min: 1, max: 20 }), length: fc.option(fc.integer({ min: 1, max: 6 })) }),
      { minLength: 2, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(windows, async (offered) => {
        const assetId = await anAsset(server.admin, { id: orgId });
        let kept: Span[] = [];
        for (const { start, length } of offered) {
          const validTo = length === null ? null : day(start + length);
          const all = [...kept, { start: day(start), end: validTo ?? at('9999-12-31T00:00:00Z') }];
          const isApart = overlapsAmong(all).length === 0;
          const isKept = await inserted(assetId, { validFrom: day(start), validTo }).then(
            () => true,
            () => false,
          );
          expect(isKept).toBe(isApart);
          if (isKept) kept = all;
        }
      }),
      { numRuns: 20 },
    );
  });

  test('overlaps no other, whoever tries at the same time', async () => {
    const windows = Array.from({ length: 50 }, (_, index) => ({
      validFrom: at(`2026-01-05T00:00:${String(index).padStart(2, '0')}Z`),
      validTo: day(12 + (index % 15)),
    }));
    const tried = await Promise.allSettled(windows.map((window) => inserted(asset, window)));
    const refused = tried.filter((one) => one.status === 'rejected');
    expect(refused).toHaveLength(49);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(SpecOverlapError);
    expect(await rowsOf()).toHaveLength(1);
  });
});

describe('a list of versions', () => {
  beforeEach(async () => {
    await inserted(asset, { validFrom: day(1), validTo: day(10), ratedPowerMw: '1' });
    await inserted(asset, { validFrom: day(10), validTo: day(20), ratedPowerMw: '2' });
    await inserted(asset, { validFrom: day(20), ratedPowerMw: '3' });
    await inserted(other, { validFrom: day(15), ratedPowerMw: '4' });
  });

  const powers = async (different: Partial<SpecQuery> = {}) => (await rowsOf(different)).map(({ power }) => power);

  test('is by asset, and of each asset the one that begins last first', async () => {
    expect(await powers()).toEqual(['3', '2', '1', '4']);
    expect(await powers({ assetIds: [other, asset, other, 'nobody'] })).toEqual(['3', '2', '1', '4']);
  });

  test('is bounded by valid_from, both bounds included', async () => {
    expect(await powers({ from: day(10), to: day(20) })).toEqual(['3', '2', '4']);
    expect(await powers({ from: at('2026-01-10T00:00:00.000001Z') })).toEqual(['3', '4']);
    expect(await powers({ to: at('2026-01-09T23:59:59.999999Z') })).toEqual(['1']);
  });

  test('keeps of each asset the greatest valid_from inside the bounds', async () => {
    expect(await powers({ latestOnly: true })).toEqual(['3', '4']);
    expect(await powers({ latestOnly: true, to: day(12) })).toEqual(['2']);
    expect(await powers({ latestOnly: true, from: day(16) })).toEqual(['3']);
  });

  test.each([false, true])('goes on after any row, and skips as asked (latest only: %s)', async (latestOnly) => {
    const all = await powers({ latestOnly });
    let after: SpecKey | undefined;
    for (let place = 0; place < all.length; place += 1) {
      const start = after === undefined ? {} : { after };
      const page = await read.read([orgId], (trx) => listSpecs(trx, asked({ ...start, latestOnly, limit: 1 }), SHOWN));
      expect(page.json).toContain(`"power":"${all[place] ?? ''}"`);
      expect(page.hasMore).toBe(place < all.length - 1);
      expect(await powers({ latestOnly, limit: 1, offset: place })).toEqual([all[place]]);
      after = page.lastKey ?? undefined;
    }
  });

  test('shows nothing of another organisation', async () => {
    const stranger = await anOrganisation(server.admin);
    expect(await rowsOf({}, [stranger.id])).toEqual([]);
  });

  test('is the same, line by line, as a file', async () => {
    const parts = exportSpecs({ assetIds: [asset, other], latestOnly: false }, SHOWN, 'csv');
    const first = await read.read([orgId], (trx) => parts(trx, undefined, 3));
    expect(first).toMatchObject({ size: 3, hasMore: true });
    const rest = await read.read([orgId], (trx) => parts(trx, first.lastKey ?? undefined, 3));
    expect(rest).toMatchObject({ size: 1, hasMore: false });
    expect(rest.pieces[0]?.text).toBe(`"${other}",2026-01-15T00:00:00Z,,4`);
  });
});

describe('what was known', () => {
  test('is told byte for byte: before a change, after it, after another, and after the asset is gone', async () => {
    const first = await inserted(asset, { ratedPowerMw: '1' });
    const answers = [[first, await rowsOf()] as const];
    const keep = async (stamp: UtcInstant): Promise<void> => {
      answers.push([stamp, await rowsOf()]);
    };
    await keep(await replaced(asset, aSpec({ ratedPowerMw: '2' })));
    await keep(
      await stamped(control, orgId, async (trx, stamp) => {
        await replaceSpec(trx, { orgId, assetId: asset }, aSpec({ ratedPowerMw: '2', validTo: day(9) }), stamp);
        await insertSpec(trx, { orgId, assetId: asset }, aSpec({ validFrom: day(9), ratedPowerMw: '3' }), stamp);
        return stamp;
      }),
    );
    await keep(
      await stamped(control, orgId, async (trx, stamp) => {
        await displaceSpecs(trx, { orgId, assetId: asset }, stamp);
        return stamp;
      }),
    );
    expect(answers.map(([, rows]) => rows.length)).toEqual([1, 1, 2, 0]);
    await server.admin.transaction([orgId], (trx) => trx.query(query('delete from app.asset where id = $1', [asset])));
    for (const [knownAt, rows] of answers) expect(await rowsOf({ knownAt })).toEqual(rows);
    expect(await rowsOf({ knownAt: at('2020-01-01T00:00:00Z') })).toEqual([]);
  });

  test('has one version of each key at any instant, after 50 writers at once', async () => {
    await inserted(asset, { ratedPowerMw: '0' });
    const stamps = await Promise.all(
      Array.from({ length: 50 }, (_, index) => replaced(asset, aSpec({ ratedPowerMw: String(index + 1) }))),
    );
    for (const [index, knownAt] of stamps.entries()) {
      expect(await rowsOf({ knownAt })).toMatchObject([{ power: String(index + 1) }]);
    }
    const [counted] = await server.admin.read([orgId], (trx) =>
      trx.query(query('select count(*)::int as n from app.asset_spec_history where org_id = $1', [orgId])),
    );
    expect(counted).toEqual({ n: 50 });
  });
});

test.each([
  ['as they are', {}],
  ['as they were', { knownAt: at('2100-01-01T00:00:00Z') }],
  ['after a row', { after: { assetId: 'A', validFrom: day(5) } }],
])('versions %s come out of an index in order, without a sort per asset', async (_case, different) => {
  await server.admin.transaction([orgId], async (trx) => {
    await trx.query(query('truncate app.asset_spec, app.asset_spec_history'));
    for (const [table, more, values] of [
      ['asset_spec', '', ''],
      ['asset_spec_history', ', displaced_at', ", t + interval '300 years'"],
    ]) {
      await trx.query(
        query(
          `insert into app.${table ?? ''} (org_id, asset_id, valid_from, valid_to, created_at, received_at${more ?? ''})
           select $1, $2, t, t + interval '1 hour', t, t${values ?? ''}
           from generate_series('2020-01-01'::timestamptz, '2020-12-01'::timestamptz, interval '1 hour') t`,
          [orgId, asset],
        ),
      );
      await trx.query(query(`analyze app.${table ?? ''}`));
    }
  });
  const plan = await read.read([orgId], (trx) =>
    explained(trx, (recorder) => listSpecs(recorder, asked({ limit: 50, ...different }), SHOWN)),
  );
  expect(branchOf(plan)).toContain('asset_spec_pkey');
  expect(branchOf(plan)).not.toMatch(/->  Sort|Seq Scan|Bitmap/);
});
