import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { assetValidationProblem, tradingError } from '@quarterhour/contracts';
import { type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { compareInstants, parseInstant } from '@quarterhour/domain';
import {
  aDispatch,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  recentQuarterHour,
  sentDispatch,
  sentTelemetry,
  takeIn,
  takeStamp,
} from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const FUTURE = '2999-01-01T00:00:00Z';

let api: TestApi;
let ours: OrganisationRow;
let other: OrganisationRow;
let asset: string;
let plant: PlantRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  other = await anOrganisation(api.admin);
  asset = await anAsset(api.admin, ours);
  plant = await aPlant(api.admin, ours);
}, 60_000);
afterAll(() => api.close());

const measuredAt = recentQuarterHour();
const operator = () => ({ orgs: [ours.id], roles: ['operator'] });
const dispatches = () =>
  `/asset-api/v1/dispatches?asset_ids=${asset}&from=2020-01-01T00:00:00Z&to=2999-01-01T00:00:00Z`;
const latest = () => `/api/v1/trading/plants/${plant.id}/telemetry/latest`;
const command = () => takeIn(api.worker, sentDispatch(aDispatch({ asset_id: asset })));
const sample = (socPercent: number) =>
  takeIn(
    api.worker,
    sentTelemetry(ours.slug, aRealtimeEnvelope({ siteId: plant.id, timestamp: measuredAt, payload: { socPercent } })),
  );
const asked = async (url: string, claims = operator()) => {
  const { status, text, headers } = await api.get(url, claims);
  expect([status, text]).toEqual([200, expect.anything()]);
  return { text, knownAt: headers['quarterhour-known-at'] ?? 'no header', headers };
};
const asOf = (url: string, instant: string): string => `${url}${url.includes('?') ? '&' : '?'}as_of=${instant}`;

describe.each([
  ['dispatches', dispatches, command],
  [
    'the newest telemetry',
    latest,
    (() => {
      let soc = 10;
      return () => sample((soc += 1));
    })(),
  ],
])('%s as of an instant', (_what, url, happen) => {
  test('are those of the answer that carried it, byte for byte, whatever came since', async () => {
    await happen();
    const before = await asked(url());
    await happen();
    expect((await asked(url())).text).not.toBe(before.text);
    const again = await asked(asOf(url(), before.knownAt));
    expect([again.text, again.knownAt]).toEqual([before.text, before.knownAt]);
  });

  test('know no more than is settled, and say so, when asked for an instant after the mark', async () => {
    await happen();
    const { knownAt } = await asked(url());
    const now = new Date().toISOString();
    const bounded = await asked(asOf(url(), now));
    expect(bounded.knownAt <= now).toBe(true);
    expect(bounded.knownAt >= knownAt).toBe(true);
  });

  test('are nothing before anything was known', async () => {
    const { text, knownAt } = await asked(asOf(url(), '2001-01-01T00:00:00Z'));
    expect([text.includes(asset) || text.includes(plant.id), knownAt]).toEqual([false, '2001-01-01T00:00:00Z']);
  });
});

describe('an instant that has not come yet', () => {
  test('is refused by the asset API, which says what time it is', async () => {
    const { status, body } = await api.get(asOf(dispatches(), FUTURE), operator());
    expect(status).toBe(422);
    expect(assetValidationProblem.parse(body).detail).toEqual([
      expect.objectContaining({ loc: ['query', 'as_of'], type: 'instant_in_future', ctx: { now: expect.any(String) } }),
    ]);
  });

  test('is refused by the trading API', async () => {
    const { status, body } = await api.get(asOf(latest(), FUTURE), operator());
    expect([status, tradingError.parse(body).code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(tradingError.parse(body).details?.issues?.[0]).toMatch(/^query\.as_of: .*database's clock/);
  });

  test.each(['yesterday', '2026-01-15', '1960-01-01T00:00:00Z'])('is refused as %s', async (text) => {
    expect((await api.get(asOf(dispatches(), text), operator())).status).toBe(422);
  });
});

test('a cursor keeps to the bound of its first page, not to what is settled by then', async () => {
  await command();
  await command();
  const before = await asked(dispatches());
  await command();
  const first = await asked(`${asOf(dispatches(), before.knownAt)}&limit=1`);
  const next = /^<([^>]+)>/.exec(first.headers['link'] ?? '')?.[1] ?? '';
  await command();
  const second = await asked(next);
  expect([first.knownAt, second.knownAt]).toEqual([before.knownAt, before.knownAt]);
});

test('while somebody writes, no answer knows more than what was there before, whatever it is asked for', async () => {
  await sample(90);
  await command();
  const both = { orgs: [ours.id, other.id], roles: ['operator'] };
  await api.worker.transaction([ours.id], async (trx) => {
    const stamp = await takeStamp(trx);
    const now = new Date(Date.now() + 1).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const [url, claims] of [
      [latest(), operator()],
      [dispatches(), both],
    ] as const) {
      const { knownAt } = await asked(asOf(url, now), claims);
      expect(compareInstants(parseInstant(knownAt), stamp)).toBeLessThan(0);
      expect(compareInstants(parseInstant(knownAt), parseInstant(now))).toBeLessThan(0);
    }
  });
});

test('of several organisations the answer of an instant can be asked for again, too', async () => {
  const both = { orgs: [ours.id, other.id], roles: ['operator'] };
  await command();
  const before = await asked(dispatches(), both);
  await command();
  expect((await asked(asOf(dispatches(), before.knownAt), both)).text).toBe(before.text);
});

test('a page that was read while commands came in is the page of its mark', async () => {
  const pages: { readonly text: string; readonly knownAt: string }[] = [];
  const written = new AbortController();
  const writing = (async () => {
    for (let n = 0; n < 40; n += 1) await command();
    written.abort();
  })();
  while (!written.signal.aborted) pages.push(await asked(dispatches()));
  await writing;
  expect(new Set(pages.map(({ text }) => text)).size).toBeGreaterThan(2);
  for (const { text, knownAt } of pages) expect((await asked(asOf(dispatches(), knownAt))).text).toBe(text);
});
