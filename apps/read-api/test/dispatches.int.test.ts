import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { assetValidationProblem, listDispatchesResponse, ownDispatch } from '@quarterhour/contracts';
import type { OrganisationRow } from '@quarterhour/db';
import { anAsset, anOrganisation } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { storeDispatches } from './facts.js';

const LIST = '/asset-api/v1/dispatches';
const DAY = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';

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
  asset = await anAsset(api.admin, ours);
  second = await anAsset(api.admin, ours);
  foreign = await anAsset(api.admin, theirs);
}, 60_000);
afterAll(() => api.close());

const operator = () => ({ orgs: [ours.id], roles: ['operator'] });
const page = async (search: string, claims = operator()) => {
  const response = await api.get(`${LIST}?${search}`, claims);
  expect(response.status).toBe(200);
  return { response, ...listDispatchesResponse.parse(response.body) };
};
const nextOf = (headers: Record<string, string | undefined>): string | undefined =>
  /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];

describe('the list of dispatches', () => {
  const quarter = (n: number): string => new Date(Date.UTC(2026, 0, 15, 0, 15 * n)).toISOString();
  let events: string[];
  beforeAll(async () => {
    events = await storeDispatches(
      api.worker,
      ours.id,
      Array.from({ length: 20 }, (_, n) => ({ assetId: n % 2 === 0 ? asset : second, at: quarter(n) })),
    );
    await storeDispatches(api.worker, theirs.id, [{ assetId: foreign, at: quarter(3) }]);
  });

  test('shows exactly the contract’s members, decimals as text without trailing zeros', async () => {
    const { response, dispatches } = await page(`asset_ids=${asset}&${DAY}&limit=1`);
    expect(response.text).toMatch(/^\{"dispatches":\[\{.*\}\],"limit":1,"offset":0\}$/);
    expect(dispatches[0]).toEqual({
      source: 'optimiser',
      event_id: events[0],
      published_at: '2026-01-01T00:00:00.500Z',
      asset_id: asset,
      dispatch_time: '2026-01-15T00:00:00Z',
      delivery_period_start: '2026-01-15T00:00:00Z',
      target_power: { amount: '10.5', unit: 'MW' },
      nominal_power: { amount: '20', unit: 'MW' },
      power_imbalance: null,
      soc_imbalance: { amount: '-0.25', unit: 'MWh' },
    });
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(response.headers['quarterhour-known-at']).toMatch(/Z$/);
  });

  test('merges assets in order of time, either way', async () => {
    const both = `asset_ids=${asset},${second}&${DAY}`;
    expect((await page(both)).dispatches.map((one) => one.event_id)).toEqual(events);
    const newestFirst = (await page(`${both}&order=desc`)).dispatches.map((one) => one.event_id);
    expect(newestFirst).toEqual(events.toReversed());
  });

  test.each(['asc', 'desc'])('goes on by cursor without gap or overlap (%s)', async (order) => {
    const seen: string[] = [];
    let url: string | undefined = `${LIST}?asset_ids=${asset}&asset_ids=${second}&${DAY}&limit=7&order=${order}`;
    for (let pages = 0; url !== undefined && pages < 5; pages += 1) {
      const response = await api.get(url, operator());
      expect(response.status).toBe(200);
      seen.push(...listDispatchesResponse.parse(response.body).dispatches.map((one) => one.event_id));
      url = nextOf(response.headers);
    }
    expect(seen).toEqual(order === 'asc' ? events : events.toReversed());
  });

  test('by cursor keeps to what was known on the first page', async () => {
    const late = await anAsset(api.admin, ours, { code: 'LATE' });
    await storeDispatches(
      api.worker,
      ours.id,
      [0, 1, 2].map((n) => ({ assetId: late, at: quarter(n) })),
    );
    const first = await page(`asset_ids=${late}&${DAY}&limit=2`);
    await storeDispatches(api.worker, ours.id, [{ assetId: late, at: quarter(9) }]);
    const rest = await api.get(nextOf(first.response.headers) ?? '', operator());
    expect(rest.body).toMatchObject({ dispatches: [{ dispatch_time: '2026-01-15T00:30:00Z' }] });
    expect(rest.headers['quarterhour-known-at']).toBe(first.response.headers['quarterhour-known-at']);
    expect(rest.headers).not.toHaveProperty('link');
  });

  test('goes on by offset as well, and echoes it', async () => {
    const { dispatches, limit, offset } = await page(`asset_ids=${asset},${second}&${DAY}&limit=5&offset=15`);
    expect([limit, offset]).toEqual([5, 15]);
    expect(dispatches.map((one) => one.event_id)).toEqual(events.slice(15));
  });

  test('takes the start of the window and leaves out its end', async () => {
    const found = await page(`asset_ids=${asset}&from=2026-01-15T00:30:00Z&to=2026-01-15T01:00:00Z`);
    expect(found.dispatches.map((one) => one.dispatch_time)).toEqual(['2026-01-15T00:30:00Z']);
    const sameInOffset = 'from=2026-01-15T01:30:00%2B01:00&to=2026-01-15T02:00:00%2B01:00';
    expect((await page(`asset_ids=${asset}&${sameInOffset}`)).dispatches).toEqual(found.dispatches);
  });

  test('is empty for an empty window, an unknown asset and another organisation’s asset', async () => {
    const none = 'from=2026-01-15T00:00:00Z&to=2026-01-15T00:00:00Z';
    expect((await page(`asset_ids=${asset}&${none}`)).dispatches).toEqual([]);
    const { response, dispatches } = await page(`asset_ids=NOBODY_1,${foreign}&${DAY}`);
    expect(dispatches).toEqual([]);
    expect(response.headers).not.toHaveProperty('link');
  });

  test('lets strangers’ assets contribute nothing beside one’s own', async () => {
    const { dispatches } = await page(`asset_ids=${foreign},${asset},NOBODY_1&${DAY}`);
    expect(new Set(dispatches.map((one) => one.asset_id))).toEqual(new Set([asset]));
  });

  test('finds a delivery day by the market’s calendar, alone or within a window', async () => {
    const night = await anAsset(api.admin, ours, { code: 'NIGHT' });
    await storeDispatches(api.worker, ours.id, [
      { assetId: night, at: '2026-06-30T21:45:00Z' },
      { assetId: night, at: '2026-06-30T22:00:00Z' },
      { assetId: night, at: '2026-07-01T21:45:00Z' },
      { assetId: night, at: '2026-07-01T22:00:00Z' },
    ]);
    const times = async (search: string) =>
      (await page(`asset_ids=${night}&${search}`)).dispatches.map((d) => d.dispatch_time);
    expect(await times('delivery_day=2026-07-01')).toEqual(['2026-06-30T22:00:00Z', '2026-07-01T21:45:00Z']);
    expect(await times('delivery_day=2026-07-01&from=2026-07-01T00:00:00Z')).toEqual(['2026-07-01T21:45:00Z']);
    expect(await times('delivery_day=2026-07-01&from=2026-07-02T00:00:00Z&to=2026-07-03T00:00:00Z')).toEqual([]);
  });

  test.each([
    ['2026-03-29', '2026-03-28T22:45:00Z', 92],
    ['2026-10-25', '2026-10-24T21:45:00Z', 100],
  ])('has every delivery period of the clock change on %s', async (day, quarterBefore, periods) => {
    const changing = await anAsset(api.admin, ours, { code: 'CLOCK' });
    const times = Array.from({ length: periods + 2 }, (_, n) =>
      new Date(Date.parse(quarterBefore) + n * 900_000).toISOString().replace('.000', ''),
    );
    await storeDispatches(
      api.worker,
      ours.id,
      times.map((at) => ({ assetId: changing, at })),
    );
    const { dispatches } = await page(`asset_ids=${changing}&delivery_day=${day}&limit=1000`);
    expect(dispatches.map((one) => one.dispatch_time)).toEqual(times.slice(1, -1));
  });

  test('shows microseconds when there are some', async () => {
    const precise = await anAsset(api.admin, ours, { code: 'PRECISE' });
    await storeDispatches(api.worker, ours.id, [
      { assetId: precise, at: '2026-01-15T00:00:00.000001Z', periodStart: '2026-01-15T00:00:00Z' },
      { assetId: precise, at: '2026-01-15T00:00:00.250Z', periodStart: '2026-01-15T00:00:00Z' },
    ]);
    const { dispatches } = await page(`asset_ids=${precise}&${DAY}`);
    expect(dispatches.map((one) => one.dispatch_time)).toEqual([
      '2026-01-15T00:00:00.000001Z',
      '2026-01-15T00:00:00.250Z',
    ]);
  });

  test('separates rows of one instant by event id, across pages', async () => {
    const busy = await anAsset(api.admin, ours, { code: 'BUSY' });
    const ids = await storeDispatches(
      api.worker,
      ours.id,
      Array.from({ length: 5 }, () => ({ assetId: busy, at: quarter(0) })),
    );
    const seen: string[] = [];
    let url: string | undefined = `${LIST}?asset_ids=${busy}&${DAY}&limit=2`;
    while (url !== undefined) {
      const response = await api.get(url, operator());
      seen.push(...listDispatchesResponse.parse(response.body).dispatches.map((one) => one.event_id));
      url = nextOf(response.headers);
    }
    expect(seen).toEqual(ids.toSorted());
  });

  test.each([
    ['to before from', 'from=2026-01-16T00:00:00Z&to=2026-01-15T00:00:00Z', ['query', 'to'], 'window_reversed'],
    [
      'a year before 1970',
      'from=1960-01-01T00:00:00Z&to=2026-01-15T00:00:00Z',
      ['query', 'from'],
      'instant_out_of_range',
    ],
    ['a delivery day before 1970', 'delivery_day=1960-01-01', ['query', 'delivery_day'], 'invalid_delivery_day'],
    ['no window', '', ['query', 'from'], 'missing'],
    ['a page too deep', `${DAY}&limit=1000&offset=99001`, ['query', 'offset'], 'offset_too_deep'],
    ['a cursor that was made up', `${DAY}&cursor=AAAA`, ['query', 'cursor'], 'invalid_cursor'],
  ])('refuses %s with 422', async (_what, search, loc, type) => {
    const { status, body } = await api.get(`${LIST}?asset_ids=${asset}&${search}`, operator());
    expect(status).toBe(422);
    expect(assetValidationProblem.parse(body).detail[0]).toMatchObject({ loc, type });
  });

  test('refuses a cursor with other filters, other organisations or an offset', async () => {
    const { response } = await page(`asset_ids=${asset}&${DAY}&limit=2`);
    const next = nextOf(response.headers) ?? '';
    const status = async (url: string, claims = operator()) => (await api.get(url, claims)).status;
    expect(await status(next)).toBe(200);
    expect(await status(next.replace('limit=2', 'limit=3'))).toBe(200);
    expect(await status(next.replace(asset, second))).toBe(422);
    expect(await status(`${next}&order=desc`)).toBe(422);
    expect(await status(`${next}&offset=0`)).toBe(422);
    expect(await status(next, { orgs: [ours.id, theirs.id], roles: ['operator'] })).toBe(422);
  });
});

describe('one dispatch', () => {
  test('says when it was stored, and how often it came', async () => {
    const eventId = randomUUID();
    const fact = { eventId, assetId: asset, at: '2026-02-01T00:00:00Z', messageId: 'm-1' };
    await storeDispatches(api.worker, ours.id, [fact]);
    await storeDispatches(api.worker, ours.id, [fact, { ...fact, messageId: 'm-2' }]);
    const { status, body } = await api.get(`/quarterhour/v1/dispatches/${eventId.toUpperCase()}`, operator());
    expect(status).toBe(200);
    const found = ownDispatch.parse(body);
    expect(found).toMatchObject({ event_id: eventId, organisation_id: ours.id, outcome: 'stored', copies: 3 });
    expect(found.delivery_day).toBe('2026-02-01');
    expect(found.receipts.map((receipt) => [receipt.message_id, receipt.outcome, receipt.copies])).toEqual([
      ['m-1', 'stored', 2],
      ['m-2', 'duplicate', 1],
    ]);
  });

  test('was stored by one of the messages that came together', async () => {
    const fact = { eventId: randomUUID(), assetId: asset, at: '2026-02-01T00:00:00Z' };
    await storeDispatches(api.worker, ours.id, [
      { ...fact, messageId: 'm-2' },
      { ...fact, messageId: 'm-1' },
    ]);
    const { body } = await api.get(`/quarterhour/v1/dispatches/${fact.eventId}`, operator());
    const { outcome, receipts } = ownDispatch.parse(body);
    expect(outcome).toBe('stored');
    expect(receipts.map((receipt) => [receipt.message_id, receipt.outcome])).toEqual([
      ['m-2', 'stored'],
      ['m-1', 'duplicate'],
    ]);
  });

  test('of another organisation with the same event id is its own', async () => {
    const eventId = randomUUID();
    await storeDispatches(api.worker, ours.id, [{ eventId, assetId: asset, at: '2026-02-01T00:00:00Z' }]);
    await storeDispatches(api.worker, theirs.id, [{ eventId, assetId: foreign, at: '2026-02-01T00:00:00Z' }]);
    const seen = async (...orgs: string[]) =>
      ownDispatch.parse((await api.get(`/quarterhour/v1/dispatches/${eventId}`, { orgs, roles: ['operator'] })).body)
        .asset_id;
    expect(await seen(ours.id)).toBe(asset);
    expect(await seen(theirs.id)).toBe(foreign);
    expect(await seen(theirs.id, ours.id)).toBe(ours.id < theirs.id ? asset : foreign);
  });

  test('of another organisation is not there, like one that does not exist', async () => {
    const [eventId = ''] = await storeDispatches(api.worker, theirs.id, [
      { assetId: foreign, at: '2026-02-01T00:00:00Z' },
    ]);
    const there = await api.get(`/quarterhour/v1/dispatches/${eventId}`, operator());
    const nowhere = await api.get(`/quarterhour/v1/dispatches/${randomUUID()}`, operator());
    expect([there.status, nowhere.status]).toEqual([404, 404]);
    expect({ ...there.body, request_id: '' }).toEqual({ ...nowhere.body, request_id: '' });
  });
});
