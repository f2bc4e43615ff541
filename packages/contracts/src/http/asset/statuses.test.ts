import { describe, expect, test } from '@jest/globals';
import { assetStatusMessage, MAX_STATUS_REASONS } from '../../messages/asset-status.js';
import { listStatusesQuery } from './statuses.js';

const issuesOf = (query: Record<string, unknown>) =>
  (listStatusesQuery.safeParse({ asset_ids: 'A', ...query }).error?.issues ?? []).map((issue) => [
    issue.path.join('.'),
    issue.code === 'custom' ? String(issue.params?.['type']) : issue.code,
  ]);

describe('a query for statuses', () => {
  test.each([
    ['the newest', { latest: 'true' }],
    ['a window', { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }],
    ['a window that ends now', { from: '2026-01-01T00:00:00Z' }],
    ['the newest within a window', { latest: 'true', from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }],
    ['the newest before an instant', { latest: 'true', to: '2026-01-02T00:00:00Z' }],
    ['two kinds of status', { latest: 'true', status: ['ONLINE', 'FAULT'] }],
    ['two kinds of status, by comma', { latest: 'true', status: 'ONLINE,FAULT' }],
  ])('may ask for %s', (_what, query) => {
    expect(issuesOf(query)).toEqual([]);
  });

  test.each([
    ['neither the newest nor a window', {}, [['from', 'missing']]],
    ['an end alone', { to: '2026-01-02T00:00:00Z' }, [['from', 'missing']]],
    ['an end alone beside latest=false', { latest: 'false', to: '2026-01-02T00:00:00Z' }, [['from', 'missing']]],
    ['latest in other words', { latest: '1', from: '2026-01-01T00:00:00Z' }, [['latest', 'bool_parsing']]],
    ['a status that there is not', { latest: 'true', status: 'BROKEN' }, [['status.0', 'invalid_value']]],
    ['no asset', { latest: 'true', asset_ids: undefined }, [['asset_ids', 'invalid_type']]],
    ['a page beyond 1,000 rows', { latest: 'true', limit: '1001' }, [['limit', 'too_big']]],
  ])('may not ask for %s', (_what, query, issues) => {
    expect(issuesOf(query)).toEqual(issues);
  });
});

describe('a status message', () => {
  const message = {
    source: 'monitor',
    event_id: '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10',
    published_at: '2026-03-29T00:59:58.5Z',
    asset_id: 'DE_50HZ_WU_1',
    status: 'FAULT',
    effective_at: '2026-03-29T01:00:00Z',
  };

  test('needs no reasons, and of a reason its category alone', () => {
    expect(assetStatusMessage.safeParse(message).success).toBe(true);
    expect(assetStatusMessage.safeParse({ ...message, reasons: [{ category: 'GRID' }] }).success).toBe(true);
  });

  test.each([
    ['another status', { status: 'BROKEN' }],
    ['another category', { reasons: [{ category: 'WEATHER' }] }],
    ['an instant without offset', { effective_at: '2026-03-29T01:00:00' }],
    ['too many reasons', { reasons: Array.from({ length: MAX_STATUS_REASONS + 1 }, () => ({ category: 'GRID' })) }],
    ['attributes that are no object', { reasons: [{ category: 'GRID', attributes: [1] }] }],
  ])('is refused with %s', (_what, different) => {
    expect(assetStatusMessage.safeParse({ ...message, ...different }).success).toBe(false);
  });
});
