import { describe, expect, test } from '@jest/globals';
import { ASSET_ACTIONS, ASSET_LIFECYCLES, assetStep, mayBeDeleted } from './asset-lifecycle.js';

describe("an asset's life", () => {
  test('goes by single steps, each from one place only', () => {
    expect(ASSET_ACTIONS.map((action) => [action, assetStep(action).from, assetStep(action).to])).toEqual([
      ['commission', 'DRAFT', 'COMMISSIONING'],
      ['go-live', 'COMMISSIONING', 'LIVE'],
      ['suspend', 'LIVE', 'SUSPENDED'],
      ['resume', 'SUSPENDED', 'LIVE'],
      ['decommission', 'LIVE', 'DECOMMISSIONED'],
    ]);
  });

  test('has no way back from commissioning, none out of its end, and none from suspended but to live', () => {
    const after = (lifecycle: string) =>
      ASSET_ACTIONS.filter((action) => assetStep(action).from === lifecycle).map((action) => assetStep(action).to);
    expect(after('COMMISSIONING')).toEqual(['LIVE']);
    expect(after('SUSPENDED')).toEqual(['LIVE']);
    expect(after('DECOMMISSIONED')).toEqual([]);
  });

  test('begins with going live, not with being resumed', () => {
    expect(ASSET_ACTIONS.filter((action) => assetStep(action).startsLife)).toEqual(['go-live']);
  });

  test('can be deleted before it began and after it ended', () => {
    expect(ASSET_LIFECYCLES.filter(mayBeDeleted)).toEqual(['DRAFT', 'DECOMMISSIONED']);
  });
});
