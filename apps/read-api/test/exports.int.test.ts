import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensurePartitions, type OrganisationRow } from '@quarterhour/db';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import {
  aConfigEnvelope,
  aDispatch,
  anAsset,
  anOrganisation,
  aPlant,
  sentConfig,
  sentDispatch,
  takeIn,
} from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';
import { asRecord, readCsv, readNdjson, rowsOfPage, unsaid, type Exported, type Row } from './exported.js';
import { openPeriodFacts } from './period-facts.js';
import { countMinutes, fillDispatches, quarantine, storeDispatches, storeReading, storeSample } from './facts.js';

const CSV = { accept: 'text/csv' };
const NDJSON = { accept: 'application/x-ndjson' };
const DISPATCHES = '/asset-api/v1/dispatches';
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const YESTERDAY = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS;
const minute = (n: number): UtcInstant => instantFromEpochMillis(YESTERDAY + n * MINUTE_MS);

const HOSTILE = [
  '=cmd|"/C calc"!A0',
  '+1+1',
  '-2',
  '@SUM(A1)',
  '\t=1',
  "'quoted",
  "''=twice",
  '＝wide',
  'comma, "quote"\nline',
  'plain',
  'naïve ünïcode ✓',
] as const;

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let plantId: string;
let asset: string;
let foreign: string;
let messageId: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  plantId = (await aPlant(api.admin, ours)).id;
  asset = await anAsset(api.admin, ours);
  foreign = await anAsset(api.admin, theirs);
  await storeDispatches(
    api.worker,
    ours.id,
    HOSTILE.map((source, n) => ({ assetId: asset, at: `2026-01-15T10:00:0${n % 5}.00${n}Z`, source, mw: '-2.50' })),
  );
  await storeDispatches(api.worker, theirs.id, [{ assetId: foreign, at: '2026-01-15T10:00:00Z' }]);
  await fillPeriods();
  await fillMeasurements();
  for (const [n, detail] of HOSTILE.entries()) {
    await quarantine(api.worker, ours.id, { detail, firstSeen: minute(n), path: n % 2 === 0 ? null : 'a.b' });
  }
  await quarantine(api.worker, theirs.id, { detail: 'theirs' });
  await countMinutes(
    api.worker,
    [0, 1, 2, 3].map((n) => ({
      orgId: ours.id,
      stream: 'dispatch',
      minute: minute(Math.floor(n / 2)),
      outcome: n % 2 === 0 ? 'stored' : 'duplicate',
      redelivered: n === 3,
      n: n + 1,
    })),
  );
  messageId = randomUUID();
  const message = aDispatch({ asset_id: asset, event_id: messageId });
  expect(await takeIn(api.worker, sentDispatch(message))).toBe('stored');
  await quarantine(api.worker, ours.id, { messageId, detail: '=1+1' });
  for (const subject of ['constraints', 'topology', 'fallback']) {
    const envelope = aConfigEnvelope({
      siteId: plantId,
      messageId: `${subject} "1"`,
      payload: { note: '=1', of: [1, null], devices: [], mode: 'HOLD', afterSeconds: 60 },
    });
    expect(await takeIn(api.worker, sentConfig(ours.slug, subject, envelope))).toBe('stored');
  }
}, 120_000);
afterAll(() => api.close());

async function fillPeriods(): Promise<void> {
  const facts = openPeriodFacts(api.controlUrl, ours.id);
  const from = '2026-01-15T10:00:00Z';
  await facts.limits(
    { assetId: asset, from, quarters: 40, powerChargeMw: '-1.50', isTradingLocked: true },
    { assetId: asset, from, quarters: 4, source: 'PV', energyHighMwh: '3' },
  );
  await facts.forecasts(
    { assetId: asset, startTime: from },
    { assetId: asset, startTime: '2026-01-15T10:15:00Z', generationMw: null, consumptionMw: '-2.5' },
  );
  await facts.reservations(...HOSTILE.map((market) => ({ assetId: asset, startTime: from, market, powerMw: '-2.5' })));
  await facts.snapshots(
    ...['0', '1', '2'].map((n) => ({ assetId: asset, at: `2026-01-15T10:0${n}:00.5Z`, storedEnergyMwh: n })),
  );
  await facts.db.close();
}

async function fillMeasurements(): Promise<void> {
  const days = [-1, 0, 1].map((n) => new Date(YESTERDAY + n * DAY_MS).toISOString().slice(0, 10));
  await ensurePartitions(api.worker, 'plant-telemetry', days);
  for (const n of [0, 3, 700, 1_439, 1_440, 1_460]) {
    await storeSample(api.worker, ours.id, plantId, { measuredAt: minute(n), gridKw: n / 3, pvKw: 30, batteryKw: -20 });
  }
  for (const n of [-3, 0, 5, 10, 700, 1_437, 1_440, 1_443, 1_450]) {
    await storeReading(api.worker, ours.id, plantId, { readAt: minute(n), valueKwh: 100 + n / 3 });
    await storeReading(api.worker, ours.id, plantId, { register: 'export', readAt: minute(n), valueKwh: 5_000 - n });
  }
  await storeReading(api.worker, ours.id, plantId, { deviceId: 'PV', readAt: minute(1_455), valueKwh: 1 });
}

const operator = (...orgs: string[]) => ({ orgs: orgs.length === 0 ? [ours.id] : orgs, roles: ['operator'] });

const plantList = (what: string, search: string) => `/api/v1/trading/plants/${plantId}/${what}?${search}`;
const twoDays = () => `from=${minute(2)}&to=${minute(1_462)}`;
const PERIODS = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';
const LISTS: readonly [list: string, url: () => string, fewest: number][] = [
  ['dispatches', () => `${DISPATCHES}?asset_ids=${asset}&from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`, 11],
  [
    'dispatches of a delivery day',
    () => `${DISPATCHES}?asset_ids=${asset},${foreign}&delivery_day=2026-01-15&order=desc`,
    11,
  ],
  ['limits', () => `/asset-api/v1/limits?asset_ids=${asset},${foreign}&${PERIODS}`, 40],
  ['limits of a source', () => `/asset-api/v1/limits?asset_ids=${asset}&${PERIODS}&sources=PV&order=desc`, 4],
  ['forecasts', () => `/asset-api/v1/forecasts?asset_ids=${asset}&${PERIODS}`, 2],
  ['reservations', () => `/asset-api/v1/reservations?asset_ids=${asset}&${PERIODS}`, 11],
  ['snapshots', () => `/asset-api/v1/state-snapshots?asset_ids=${asset}&from=2026-01-15T00:00:00Z`, 3],
  ['the newest snapshots', () => `/asset-api/v1/state-snapshots?asset_ids=${asset}&latest=true`, 1],
  ['telemetry by 5 minutes', () => plantList('telemetry', twoDays()), 290],
  ['telemetry by 30 minutes', () => plantList('telemetry', `${twoDays()}&bucket=30`), 49],
  ['telemetry by 7 minutes', () => plantList('telemetry', `${twoDays()}&bucket=7`), 200],
  ['meters by 5 minutes', () => plantList('meters', twoDays()), 870],
  ['meters by 60 minutes', () => plantList('meters', `${twoDays()}&bucket=60`), 75],
  ['quarantine', () => '/quarterhour/v1/quarantine', 12],
  ['minutes', () => `/quarterhour/v1/ingestion/minutes?from=${minute(0)}&to=${minute(5)}`, 4],
  ['receipts of a message', () => `/quarterhour/v1/ingestion/receipts?message_id=${messageId}`, 2],
  [
    'receipts of an instant',
    () => `/quarterhour/v1/ingestion/receipts?plant_id=${plantId}&measured_at=${minute(0)}`,
    3,
  ],
  ['trading config events', () => '/quarterhour/v1/trading-config-events', 3],
];

const nextOf = (headers: Record<string, string | undefined>): string | undefined =>
  /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];

async function allPages(url: string): Promise<Row[]> {
  const found: Row[] = [];
  for (let next: string | undefined = url; next !== undefined;) {
    const { status, body, headers } = await api.get(next, operator());
    expect(status).toBe(200);
    found.push(...rowsOfPage(body));
    next = nextOf(headers);
  }
  return found;
}

async function exported(url: string, accept: Readonly<Record<string, string>>, claims = operator()): Promise<Exported> {
  const { status, text } = await api.get(url, claims, accept);
  expect(status).toBe(200);
  return accept === CSV ? readCsv(text) : readNdjson(text);
}

const withQuery = (url: string, query: string): string => `${url}${url.includes('?') ? '&' : '?'}${query}`;
/** What a reader does to each cell: leaves out the apostrophe, and reads JSON where there is some. */
const taken = (row: Row): Row => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, takenCell(cell)]));
const takenCell = (cell: unknown): unknown => {
  if (typeof cell !== 'string') return cell;
  return cell.startsWith('{') ? JSON.stringify(JSON.parse(cell)) : cell.replace(/^'/, '');
};

describe.each(LISTS)('an export of %s', (_list, urlOf, fewest) => {
  test('says as NDJSON what the pages of JSON say', async () => {
    const { rows, cursors } = await exported(urlOf(), NDJSON);
    expect(rows.length).toBeGreaterThanOrEqual(fewest);
    expect(rows).toEqual(await allPages(urlOf()));
    expect(cursors.at(-1)).toBeNull();
  });

  test('says as CSV what the pages of JSON say', async () => {
    const pages = await allPages(urlOf());
    const { rows } = await exported(urlOf(), CSV);
    const columns = Object.keys(rows[0] ?? {});
    expect(pages.flatMap((row) => unsaid(row, columns))).toEqual([]);
    expect(rows.map(taken)).toEqual(pages.map((row) => asRecord(row, columns)));
  });

  test('goes on after any line, without gap or repetition', async () => {
    const whole = await exported(urlOf(), NDJSON);
    const found: Row[] = [];
    const step = Math.ceil(whole.rows.length / 9);
    let cursor: string | null | undefined = null;
    do {
      const url: string = withQuery(urlOf(), `limit=${step}${cursor === null ? '' : `&cursor=${cursor}`}`);
      const part: Exported = await exported(url, NDJSON);
      expect(part.rows.length).toBeLessThanOrEqual(step);
      found.push(...part.rows);
      cursor = part.cursors.at(-1);
    } while (typeof cursor === 'string');
    expect(found).toEqual(whole.rows);
  });

  test('gives nothing of it to another organisation', async () => {
    const { status, text } = await api.get(urlOf(), operator(theirs.id), NDJSON);
    if (status !== 404) for (const row of readNdjson(text).rows) expect(JSON.stringify(row)).not.toContain(ours.id);
    expect([200, 404]).toContain(status);
    expect(text).not.toContain(plantId);
  });

  test('may be asked for by HEAD', async () => {
    const { status, headers, text } = await api.head(urlOf(), operator(), CSV);
    expect([status, text]).toEqual([200, undefined]);
    expect(headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(headers['content-disposition']).toMatch(/^attachment; filename="[a-z-]+(-\d{8}T\d{6,12}Z)?\.csv"$/);
  });
});

describe('text in CSV', () => {
  const sources = async (): Promise<string> =>
    (await api.get(`${DISPATCHES}?asset_ids=${asset}&delivery_day=2026-01-15`, operator(), CSV)).text;

  test('never begins as a formula does, and comes back when one leading apostrophe is left out', async () => {
    const cells = readCsv(await sources()).rows.map(({ source }) => String(source));
    for (const cell of cells) expect(cell).toMatch(/^'|^[^=+\-@\t\r\n＝＋－＠]/);
    expect(cells.map((cell) => cell.replace(/^'/, '')).toSorted()).toEqual([...HOSTILE].toSorted());
  });

  test('is quoted, numbers and instants are not, and null is nothing at all', async () => {
    const line = (await sources()).split('\r\n').find((one) => one.startsWith('"plain"'));
    expect(line).toMatch(
      /^"plain",[0-9a-f-]{36},2026-01-01T00:00:00\.500Z,"[A-Z0-9_]+",[^"]+Z,[^"]+Z,-2\.5,20,,-0\.25,$/,
    );
  });

  test('begins with the names of its columns, also when there is nothing to tell', async () => {
    const { text } = await api.get(`${DISPATCHES}?asset_ids=NOBODY_1&delivery_day=2026-01-15`, operator(), CSV);
    expect(text).toBe(
      'source,event_id,published_at,asset_id,dispatch_time,delivery_period_start,target_power_mw,nominal_power_mw,' +
        'power_imbalance_mw,soc_imbalance_mwh,cursor\r\n',
    );
    const none = await api.get(`${DISPATCHES}?asset_ids=NOBODY_1&delivery_day=2026-01-15`, operator(), NDJSON);
    expect([none.status, none.text]).toEqual([200, '']);
  });
});

describe('which form is answered', () => {
  const typeFor = async (accept: string): Promise<string> => {
    const { status, headers } = await api.get('/quarterhour/v1/quarantine', operator(), { accept });
    expect(headers['vary']).toContain('Accept');
    return `${status} ${String(headers['content-type']).split(';')[0]}`;
  };

  test.each([
    ['*/*', '200 application/json'],
    ['application/json, text/csv', '200 application/json'],
    ['text/csv, application/json', '200 text/csv'],
    ['application/json;q=0.5, text/csv;q=0.9', '200 text/csv'],
    ['text/csv;q=0.1, application/x-ndjson;q=0.2', '200 application/x-ndjson'],
    ['text/*', '200 text/csv'],
    ['text/csv;q=0, */*', '200 application/json'],
    ['text/html', '406 application/problem+json'],
    ['application/json;q=0', '406 application/problem+json'],
  ])('for Accept: %s is %s', async (accept, answer) => {
    expect(await typeFor(accept)).toBe(answer);
  });

  test('is JSON alone where there is no list', async () => {
    const { status } = await api.get(plantList('telemetry/latest', ''), operator(), CSV);
    expect(status).toBe(406);
  });
});

describe('a request for an export', () => {
  test.each([
    ['an offset', 'delivery_day=2026-01-15&offset=0', ['query', 'offset']],
    ['a limit of nothing', 'delivery_day=2026-01-15&limit=0', ['query', 'limit']],
    ['half a window', 'from=2026-01-15T00:00:00Z', ['query', 'to']],
    ['a cursor that was made up', 'delivery_day=2026-01-15&cursor=AAAA', ['query', 'cursor']],
  ])('with %s is refused in the words of its surface', async (_what, search, loc) => {
    const { status, body } = await api.get(`${DISPATCHES}?asset_ids=${asset}&${search}`, operator(), CSV);
    expect([status, body]).toMatchObject([422, { detail: [{ loc }] }]);
  });

  test('may have a larger limit than a page, and goes on where a page of JSON ended', async () => {
    const url = `${DISPATCHES}?asset_ids=${asset}&delivery_day=2026-01-15`;
    const { body, headers } = await api.get(`${url}&limit=4`, operator());
    const rest = await exported(withQuery(nextOf(headers) ?? '', 'limit=5000').replace('limit=4&', ''), NDJSON);
    expect([...rowsOfPage(body), ...rest.rows]).toEqual((await exported(url, NDJSON)).rows);

    const [first] = (await exported(`${url}&limit=3`, CSV)).cursors.slice(-1);
    const page = await api.get(`${url}&limit=1000&cursor=${first ?? ''}`, operator());
    expect(rowsOfPage(page.body)).toEqual((await exported(url, NDJSON)).rows.slice(3));
  });
});

describe('an export of many dispatches', () => {
  let busy: string;
  let burst: string;
  let rare: string;
  const url = (order: string) =>
    `${DISPATCHES}?asset_ids=${busy},${burst},${rare}&from=2025-01-01T00:00:00Z&to=2026-12-01T00:00:00Z&order=${order}`;
  beforeAll(async () => {
    busy = await anAsset(api.admin, ours, { code: 'BUSY' });
    burst = await anAsset(api.admin, ours, { code: 'BURST' });
    rare = await anAsset(api.admin, ours, { code: 'RARE' });
    const fill = (assetId: string, from: string, count: number, everyMs: number) =>
      fillDispatches(api.admin, ours.id, { assetId, from, count, everyMs });
    await fill(busy, '2026-02-01T00:00:00Z', 3_000, 60_000);
    await fill(burst, '2026-02-01T12:00:00Z', 6_000, 1);
    await fill(burst, '2026-02-01T12:00:03Z', 700, 0);
    await fill(rare, '2025-02-01T00:00:00Z', 20, 31 * DAY_MS);
  }, 60_000);

  test.each(['asc', 'desc'])(
    'has each once and in order, however unevenly they lie in time (%s)',
    async (order) => {
      const pages = await allPages(withQuery(url(order), 'limit=1000'));
      expect(pages).toHaveLength(9_720);
      expect((await exported(url(order), NDJSON)).rows).toEqual(pages);
    },
    60_000,
  );

  test('goes on after each of its cursors, as of the same mark, while more is being stored', async () => {
    const { text, headers } = await api.get(url('asc'), operator(), NDJSON);
    const whole = readNdjson(text);
    const checkpoints = whole.cursors.flatMap((cursor, line) => (cursor === null ? [] : [{ cursor, line }]));
    expect(checkpoints.length).toBeGreaterThan(30);
    for (const { cursor, line } of checkpoints.filter((_, n) => n % 6 === 0 || n > checkpoints.length - 3)) {
      await storeDispatches(api.worker, ours.id, [{ assetId: rare, at: '2026-02-01T12:00:02.5Z' }]);
      const rest = await api.get(withQuery(url('asc'), `cursor=${cursor}`), operator(), NDJSON);
      expect(rest.headers['quarterhour-known-at']).toBe(headers['quarterhour-known-at']);
      expect(readNdjson(rest.text).rows).toEqual(whole.rows.slice(line + 1));
    }
  }, 60_000);
});

describe('an export of measurements', () => {
  test('keeps to the span and the mark of its beginning when it is taken up again', async () => {
    const url = plantList('telemetry', 'bucket=60');
    const first = await api.get(`${url}&limit=7`, operator(), NDJSON);
    const { rows, cursors } = readNdjson(first.text);
    await storeSample(api.worker, ours.id, plantId, { measuredAt: minute(1_500), gridKw: 9_999 });
    const rest = await api.get(`${url}&cursor=${cursors.at(-1) ?? ''}`, operator(), NDJSON);
    const mark = String(first.headers['quarterhour-known-at']);
    expect(rest.headers['quarterhour-known-at']).toBe(mark);
    const all = [...rows, ...readNdjson(rest.text).rows];
    expect([24, 25]).toContain(all.length);
    expect(new Set(all.map(({ time }) => time)).size).toBe(all.length);
    expect(JSON.stringify(all)).not.toContain('9999');
  });

  test('does not fit another plant or another length of bucket', async () => {
    const { cursors } = await exported(plantList('meters', 'limit=1'), NDJSON);
    const cursor = cursors[0] ?? '';
    const other = (await aPlant(api.admin, ours)).id;
    const status = async (url: string) => (await api.get(url, operator(), NDJSON)).status;
    expect(await status(plantList('meters', `cursor=${cursor}`))).toBe(200);
    expect(await status(plantList('meters', `bucket=6&cursor=${cursor}`))).toBe(400);
    expect(await status(plantList('meters', `cursor=${cursor}`).replace(plantId, other))).toBe(400);
    expect(await status(plantList('telemetry', `cursor=${cursor}`))).toBe(400);
  });

  test('of meters has more points than an answer of JSON may have', async () => {
    const plant = (await aPlant(api.admin, ours)).id;
    for (const register of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await storeReading(api.worker, ours.id, plant, { register, readAt: minute(3), valueKwh: 1 });
    }
    const month = `from=${instantFromEpochMillis(YESTERDAY - 30 * DAY_MS)}&to=${minute(1_440)}&bucket=1`;
    const url = `/api/v1/trading/plants/${plant}/meters?${month}`;
    expect((await api.get(url, operator())).status).toBe(400);
    const { text } = await api.get(url, operator(), CSV);
    expect(text.split('\r\n')).toHaveLength(31 * 1_440 * 6 + 2);
  }, 60_000);
});
