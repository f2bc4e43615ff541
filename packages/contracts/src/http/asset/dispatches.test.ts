import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { assetDispatch, listDispatchesQuery, listDispatchesResponse } from './dispatches.js';

const valid = { asset_ids: 'DE_50HZ_WU_1', from: '2026-01-15T00:00:00Z', to: '2026-01-16T00:00:00Z' };
const kindOf = (issue: z.core.$ZodIssue): unknown => (issue.code === 'custom' ? issue.params?.['type'] : issue.code);
const faultsOf = (query: object): unknown[] =>
  (listDispatchesQuery.safeParse(query).error?.issues ?? []).map((issue) => [issue.path.join('.'), kindOf(issue)]);

describe('a query for dispatches', () => {
  test('has defaults for what may be left out', () => {
    expect(listDispatchesQuery.parse(valid)).toEqual({
      ...valid,
      asset_ids: ['DE_50HZ_WU_1'],
      limit: 50,
      order: 'asc',
    });
  });

  test.each([
    ['repeated', ['A', 'B'], ['A', 'B']],
    ['separated by commas', 'A,B', ['A', 'B']],
    ['both', ['A,B', 'C'], ['A', 'B', 'C']],
  ])('takes assets that are %s', (_how, asset_ids, expected) => {
    expect(listDispatchesQuery.parse({ ...valid, asset_ids }).asset_ids).toEqual(expected);
  });

  test.each([
    ['limit 1', { limit: '1' }],
    ['limit 1,000', { limit: '1000' }],
    ['offset 0', { offset: '0' }],
    ['the deepest page', { limit: '1000', offset: '99000' }],
    ['500 assets', { asset_ids: Array.from({ length: 500 }, (_, n) => `A${n}`).join() }],
    ['an id of 160 characters', { asset_ids: 'A'.repeat(160) }],
    ['an offset of time', { from: '2026-01-15T01:00:00+01:00' }],
    ['microseconds', { from: '2026-01-15T00:00:00.123456Z' }],
    ['newest first', { order: 'desc' }],
    ['a delivery day beside the window', { delivery_day: '2026-03-29' }],
    ['a delivery day instead of the window', { delivery_day: '2026-03-29', from: undefined, to: undefined }],
    ['a delivery day and one end', { delivery_day: '2026-03-29', to: undefined }],
    ['a cursor', { cursor: 'abc_-1' }],
  ])('may have %s', (_what, changes) => {
    expect(faultsOf({ ...valid, ...changes })).toEqual([]);
  });

  test.each([
    ['no assets', { asset_ids: undefined }, [['asset_ids', 'invalid_type']]],
    ['an empty list of assets', { asset_ids: '' }, [['asset_ids.0', 'too_small']]],
    ['an empty asset id', { asset_ids: 'A,' }, [['asset_ids.1', 'too_small']]],
    ['an asset id of 161 characters', { asset_ids: 'A'.repeat(161) }, [['asset_ids.0', 'too_big']]],
    ['an asset id with NUL', { asset_ids: 'A\u0000' }, [['asset_ids.0', undefined]]],
    ['501 assets', { asset_ids: Array.from({ length: 501 }, (_, n) => `A${n}`) }, [['asset_ids', 'too_big']]],
    ['limit 0', { limit: '0' }, [['limit', 'too_small']]],
    ['limit 1,001', { limit: '1001' }, [['limit', 'too_big']]],
    ['limit 1,000,000', { limit: '1000000' }, [['limit', 'too_big']]],
    ['a limit that is no integer', { limit: 'ten' }, [['limit', 'int_parsing']]],
    ['offset -1', { offset: '-1' }, [['offset', 'too_small']]],
    ['one row beyond the deepest page', { limit: '1', offset: '100000' }, [['offset', 'offset_too_deep']]],
    ['no from', { from: undefined }, [['from', 'missing']]],
    [
      'no window',
      { from: undefined, to: undefined },
      [
        ['from', 'missing'],
        ['to', 'missing'],
      ],
    ],
    [
      'nothing at all',
      { asset_ids: undefined, from: undefined, to: undefined },
      [
        ['asset_ids', 'invalid_type'],
        ['from', 'missing'],
        ['to', 'missing'],
      ],
    ],
    ['a time without offset', { from: '2026-01-15T00:00:00' }, [['from', 'invalid_format']]],
    ['a date as a time', { to: '2026-01-16' }, [['to', 'invalid_format']]],
    ['a date that is not in the calendar', { to: '2026-02-30T00:00:00Z' }, [['to', 'invalid_format']]],
    ['nanoseconds', { from: '2026-01-15T00:00:00.1234567Z' }, [['from', undefined]]],
    ['a delivery day that does not exist', { delivery_day: '2026-02-29' }, [['delivery_day', 'invalid_format']]],
    ['an unknown order', { order: 'newest' }, [['order', 'invalid_value']]],
    ['a cursor and an offset', { cursor: 'abc', offset: '0' }, [['offset', 'offset_with_cursor']]],
    ['an empty cursor', { cursor: '' }, [['cursor', 'too_small']]],
    ['a cursor with other characters', { cursor: 'a+b' }, [['cursor', 'invalid_format']]],
    ['an unknown name', { page: '1' }, [['', 'unrecognized_keys']]],
  ])('may not have %s', (_what, changes, expected) => {
    const query = Object.fromEntries(
      Object.entries({ ...valid, ...changes }).filter(([, value]) => value !== undefined),
    );
    expect(faultsOf(query)).toEqual(expected);
  });
});

describe('an answered dispatch', () => {
  const answered = {
    source: 'optimiser',
    event_id: '0198a0de-7a00-7000-8000-000000000001',
    published_at: '2026-01-15T10:00:00Z',
    asset_id: 'DE_50HZ_WU_1',
    dispatch_time: '2026-01-15T10:00:00.250Z',
    delivery_period_start: '2026-01-15T10:00:00Z',
    target_power: { amount: '-12.5', unit: 'MW' },
    nominal_power: null,
    power_imbalance: { amount: '0', unit: 'MW' },
    soc_imbalance: { amount: '1.25', unit: 'MWh' },
  };

  test('has every member, and no other', () => {
    expect(assetDispatch.safeParse(answered).error).toBeUndefined();
    for (const name of Object.keys(answered)) {
      const rest = Object.fromEntries(Object.entries(answered).filter(([other]) => other !== name));
      expect(assetDispatch.safeParse(rest).success).toBe(false);
    }
    expect(assetDispatch.safeParse({ ...answered, delivery_day: '2026-01-15' }).success).toBe(false);
  });

  test.each([
    ['an exponent', { target_power: { amount: '1e3', unit: 'MW' } }],
    ['a number', { target_power: { amount: 12.5, unit: 'MW' } }],
    ['another unit', { soc_imbalance: { amount: '1', unit: 'MW' } }],
    ['a local time', { dispatch_time: '2026-01-15T11:00:00+01:00' }],
    ['two digits of a second', { dispatch_time: '2026-01-15T11:00:00.25Z' }],
  ])('never shows %s', (_what, changes) => {
    expect(assetDispatch.safeParse({ ...answered, ...changes }).success).toBe(false);
  });

  test('stands in a page that echoes limit and offset', () => {
    const page = { dispatches: [answered], limit: 50, offset: 0 };
    expect(listDispatchesResponse.safeParse(page).error).toBeUndefined();
    expect(listDispatchesResponse.safeParse({ ...page, total: 1 }).success).toBe(false);
  });
});
