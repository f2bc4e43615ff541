import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  ensurePartitions,
  insertRealtimeSamples,
  openDatabase,
  takeStamp,
  type OrganisationRow,
} from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { listen } from '@quarterhour/http';
import { anAsset, anOrganisation, aPlant } from '@quarterhour/testkit';
import { z } from 'zod';
import { openTestApi, readApiOver, type TestApi } from './api.js';
import { countMinutes, quarantine, storeDispatches } from './facts.js';

const DISPATCHES = '/asset-api/v1/dispatches';
const SPAN = 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z';
const CSV = { accept: 'text/csv' };
const NDJSON = { accept: 'application/x-ndjson' };
/** More than two parts of an export. */
const MANY = 9_000;

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let asset: string;
let plantId: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  asset = await anAsset(api.admin, ours);
  plantId = (await aPlant(api.admin, ours)).id;
  const foreign = await anAsset(api.admin, theirs);
  const at = (second: number) => new Date(Date.UTC(2026, 0, 15) + second * 1_000).toISOString();
  await storeDispatches(
    api.worker,
    ours.id,
    Array.from({ length: MANY }, (_, n) => ({
      assetId: asset,
      at: at(n),
      periodStart: at(0),
      mw: String(n / 8 - 100),
    })),
  );
  await storeDispatches(api.worker, theirs.id, [{ assetId: foreign, at: at(0) }]);
  await quarantine(api.worker, ours.id, { messageId: '=cmd|"/c calc"!A1', path: '-1+1', detail: 'a, "b"\r\nřeka' });
  await quarantine(api.worker, ours.id, {
    messageId: null,
    path: null,
    firstSeen: parseInstant('2026-01-14T00:00:00.5Z'),
  });
  await quarantine(api.worker, theirs.id);
  const count = { stream: 'dispatch', minute: parseInstant('2026-01-15T10:00:00Z'), redelivered: false };
  await countMinutes(api.worker, [
    { ...count, orgId: ours.id, outcome: 'stored', n: 7 },
    { ...count, orgId: ours.id, outcome: 'duplicate', n: 2 },
    { ...count, orgId: theirs.id, outcome: 'quarantined', n: 1 },
  ]);
  await ensurePartitions(api.worker, 'plant-telemetry', [HOUR.toISOString().slice(0, 10)]);
  await storeHour(1);
}, 60_000);
afterAll(() => api.close());

const HOUR = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000);

async function storeHour(gridKw: number): Promise<void> {
  await api.worker.transaction([ours.id], async (trx) => {
    const receivedAt = await takeStamp(trx);
    const rows = Array.from({ length: 4 }, (_, n) => {
      const measuredAt = parseInstant(new Date(HOUR.getTime() + n * 900_000).toISOString());
      return {
        orgId: ours.id,
        plantId,
        measuredAt,
        gridKw: gridKw + n,
        pvKw: n === 1 ? null : 2.5,
        batteryKw: -0.5,
        consumptionKw: 1,
        socPercent: 50,
        batteryEnergyKwh: null,
        batteryTemperatureCelsius: null,
        operatingMode: null,
        dataQuality: 'GOOD',
        devices: null,
        messageId: `sample ${gridKw} ${n}`,
        publishedAt: measuredAt,
        bodySha256: '00'.repeat(32),
        arrivedAt: null,
        receivedAt,
      };
    });
    await insertRealtimeSamples(trx, rows);
  });
}

const operator = () => ({ orgs: [ours.id], roles: ['operator'] });

async function exported(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const response = await api.get(url, operator(), headers);
  expect(response.status).toBe(200);
  return response.text;
}

const lineShape = z.looseObject({ cursor: z.string().nullable() });
type Line = z.infer<typeof lineShape>;

const ndjson = async (url: string): Promise<Line[]> =>
  (await exported(url, NDJSON))
    .split('\n')
    .slice(0, -1)
    .map((line) => lineShape.parse(JSON.parse(line)));

/** RFC 4180, as strictly as our own writer: records end with CRLF, quotes are doubled. */
function recordsOf(csv: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    record.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}

const withoutCursor = (lines: readonly Line[]): object[] => lines.map(({ cursor: _cursor, ...row }) => row);

describe('an export', () => {
  const hour = () => `from=${HOUR.toISOString()}&to=${new Date(HOUR.getTime() + 3_600_000).toISOString()}&bucket=15`;
  const lists: [string, () => string, string][] = [
    ['dispatches', () => `${DISPATCHES}?asset_ids=${asset}&${SPAN}&limit=500`, 'dispatches'],
    ['quarantine', () => '/quarterhour/v1/quarantine', 'quarantine'],
    ['minutes', () => `/quarterhour/v1/ingestion/minutes?${SPAN}`, 'minutes'],
    ['telemetry', () => `/api/v1/trading/plants/${plantId}/telemetry?${hour()}`, 'data'],
  ];

  test.each(lists)('of %s has the rows of the page, in its order, and nobody else’s', async (_name, url, member) => {
    const page = await api.get(url(), operator());
    expect(page.status).toBe(200);
    const body: unknown = page.body;
    const rows: unknown = Array.isArray(body) ? body : Object.getOwnPropertyDescriptor(body, member)?.value;
    const lines = await ndjson(url());
    expect(withoutCursor(lines)).toEqual(rows);
    expect(lines.length).toBeGreaterThan(0);
    const [header = [], ...records] = recordsOf(await exported(url(), CSV));
    expect(header.at(-1)).toBe('cursor');
    expect(records).toHaveLength(lines.length);
    for (const record of records) expect(record).toHaveLength(header.length);
  });

  test('as CSV is a file that a spreadsheet takes for text where it is text, and for numbers where it is numbers', async () => {
    const { headers, text } = await api.get('/quarterhour/v1/quarantine?reason=schema', operator(), CSV);
    expect(headers['content-type']).toMatch(/^text\/csv/);
    expect(headers['content-disposition']).toMatch(/^attachment; filename="[\w-]+\.csv"$/);
    expect(headers['vary']).toContain('Accept');
    const [header = [], ...records] = recordsOf(text);
    const cells = (name: string) => records.map((record) => record[header.indexOf(name)]);
    expect(cells('message_id')).toEqual([`'=cmd|"/c calc"!A1`, '']);
    expect(cells('path')).toEqual([`'-1+1`, '']);
    expect(cells('detail')).toContain('a, "b"\r\nřeka');

    const [names = [], first = []] = recordsOf(await exported(`${DISPATCHES}?asset_ids=${asset}&${SPAN}&limit=1`, CSV));
    expect(first[names.indexOf('target_power_mw')]).toBe('-100');
    expect(first[names.indexOf('dispatch_time')]).toBe('2026-01-15T00:00:00Z');
  });

  test.each(['asc', 'desc'])(
    'without a limit has everything, and can be taken up after each cursor in it (%s)',
    async (order) => {
      const url = `${DISPATCHES}?asset_ids=${asset}&${SPAN}&order=${order}`;
      const whole = await ndjson(url);
      expect(whole).toHaveLength(MANY);
      expect(new Set(whole.map(({ event_id: id }) => id)).size).toBe(MANY);
      const cuts = whole.flatMap(({ cursor }, index) => (cursor === null ? [] : [{ cursor, index }]));
      expect(cuts.length).toBeGreaterThanOrEqual(2);
      for (const { cursor, index } of [cuts[0], cuts.at(cuts.length / 2), cuts.at(-1)].flatMap((cut) => cut ?? [])) {
        expect(withoutCursor(await ndjson(`${url}&cursor=${cursor}`))).toEqual(withoutCursor(whole.slice(index + 1)));
      }
      const page = await api.get(`${url}&limit=3&cursor=${cuts[0]?.cursor ?? ''}`, operator());
      const following = whole.slice((cuts[0]?.index ?? 0) + 1).slice(0, 3);
      expect(page.body).toMatchObject({ dispatches: withoutCursor(following) });
    },
  );

  test('with a limit says after its last line how it goes on', async () => {
    const url = `${DISPATCHES}?asset_ids=${asset}&${SPAN}`;
    const whole = await ndjson(url);
    const begun = await ndjson(`${url}&limit=4321`);
    expect(begun).toHaveLength(4_321);
    const rest = await ndjson(`${url}&cursor=${begun.at(-1)?.cursor ?? ''}`);
    expect(withoutCursor([...begun, ...rest])).toEqual(withoutCursor(whole));
  });

  test('goes on as of the mark that it began with, whatever is corrected meanwhile', async () => {
    const url = `/api/v1/trading/plants/${plantId}/telemetry?${hour()}`;
    const before = await ndjson(url);
    const begun = await ndjson(`${url}&limit=2`);
    await storeHour(70);
    const rest = await ndjson(`${url}&cursor=${begun.at(-1)?.cursor ?? ''}`);
    expect(withoutCursor([...begun, ...rest])).toEqual(withoutCursor(before));
    expect(withoutCursor(await ndjson(url))).not.toEqual(withoutCursor(before));
  });

  test.each([
    ['text/csv;q=0.5, application/json;q=0.4', 200, /^text\/csv/],
    ['text/csv;q=0.5, application/json', 200, /^application\/json/],
    ['*/*', 200, /^application\/json/],
    ['application/xml', 406, /json/],
  ])('is had by Accept: %s', async (accept, status, type) => {
    const response = await api.get(`${DISPATCHES}?asset_ids=${asset}&${SPAN}&limit=1`, operator(), { accept });
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toMatch(type);
  });

  test('that cannot begin is refused in the words of its surface', async () => {
    const { status, headers } = await api.get(`${DISPATCHES}?asset_ids=${asset}&limit=0`, operator(), CSV);
    expect(status).toBe(422);
    expect(headers['content-type']).toMatch(/json/);
  });
});

describe('a client of an export', () => {
  /** A socket that asks and does with the answer what the test wants. */
  async function asking(run: (socket: ReturnType<typeof connect>) => Promise<void>): Promise<number> {
    const db = openDatabase({ url: api.readUrl, applicationName: 'export-client', maxConnections: 1 });
    const listener = await listen(await readApiOver(db, api.issuer), { host: '127.0.0.1', port: 0 });
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
    const token = await api.issuer.token(operator());
    try {
      socket.write(
        `GET ${DISPATCHES}?asset_ids=${asset}&${SPAN} HTTP/1.1\r\nhost: x\r\naccept: text/csv\r\nauthorization: Bearer ${token}\r\n\r\n`,
      );
      await run(socket);
      const began = performance.now();
      await db.ping();
      return performance.now() - began;
    } finally {
      socket.destroy();
      await listener.close();
      await db.close();
    }
  }

  test('that hangs up leaves the only connection to the next', async () => {
    const waited = await asking(async (socket) => {
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
    });
    expect(waited).toBeLessThan(5_000);
  });

  test('that does not read holds no connection of the database', async () => {
    const waited = await asking(async (socket) => {
      await new Promise((resolve) => socket.once('data', resolve));
      socket.pause();
    });
    expect(waited).toBeLessThan(5_000);
  });
});
