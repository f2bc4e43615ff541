import { describe, expect, test } from '@jest/globals';
import { createAssetBody, listAssetsQuery, patchAssetBody } from './assets.js';

const body = {
  code: 'WU',
  name: 'A battery',
  type: 'BESS',
  region: 'DE',
  delivery_area: '50HZ',
  provider: 'ASSET_SIMULATOR',
};

describe('a new asset', () => {
  test.each([
    ['DE', '50HZ'],
    ['DE', 'AMPN'],
    ['DE', 'TNBW'],
    ['DE', 'TNNT'],
    ['PL', 'PSE'],
  ])('in %s may deliver to %s', (region, area) => {
    expect(createAssetBody.safeParse({ ...body, region, delivery_area: area }).success).toBe(true);
  });

  test.each([
    ['DE', 'PSE'],
    ['PL', '50HZ'],
  ])('in %s does not deliver to %s', (region, area) => {
    const { error } = createAssetBody.safeParse({ ...body, region, delivery_area: area });
    expect(error?.issues).toMatchObject([{ path: ['delivery_area'], params: { type: 'area_mismatch' } }]);
  });

  test.each(Object.keys(body))('needs %s', (name) => {
    const { error } = createAssetBody.safeParse({ ...body, [name]: undefined });
    expect(error?.issues.map(({ path }) => path)).toEqual([[name]]);
  });

  test.each(['id', 'lifecycle', 'go_live_date', 'created_at'])('takes no %s', (name) => {
    expect(createAssetBody.safeParse({ ...body, [name]: 'x' }).error?.issues).toMatchObject([{ keys: [name] }]);
  });
});

describe('a change of an asset', () => {
  test.each([
    ['nothing', {}],
    ['null for everything', { name: null, type: null, go_live_date: null, provider: null }],
    ['all that may change', { name: 'B', type: 'PV', go_live_date: '2026-01-15', provider: 'EBX' }],
  ])('may give %s', (_what, change) => {
    expect(patchAssetBody.safeParse(change).success).toBe(true);
  });

  test.each(['code', 'region', 'delivery_area', 'lifecycle', 'id'])('does not give %s', (name) => {
    expect(patchAssetBody.safeParse({ [name]: 'DE' }).error?.issues).toMatchObject([{ keys: [name] }]);
  });

  test.each([
    ['go_live_date', '2026-02-30'],
    ['go_live_date', '2026-01-15T00:00:00Z'],
    ['go_live_date', '0000-12-31'],
    ['type', 'WIND'],
    ['provider', 'NOBODY'],
    ['name', ''],
  ])('is refused where %s is %j', (name, value) => {
    expect(patchAssetBody.safeParse({ [name]: value }).error?.issues.map(({ path }) => path)).toEqual([[name]]);
  });
});

test('assets are listed by five filters, each given once', () => {
  const filters = { type: 'BESS', region: 'DE', lifecycle: 'LIVE', delivery_area: '50HZ', provider: 'EBX' };
  expect(listAssetsQuery.safeParse(filters).success).toBe(true);
  for (const name of Object.keys(filters)) {
    expect(listAssetsQuery.safeParse({ [name]: ['BESS', 'PV'] }).success).toBe(false);
  }
});
