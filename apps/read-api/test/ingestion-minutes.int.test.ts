import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listIngestionMinutesResponse, ownProblem } from '@quarterhour/contracts';
import { NO_ORGANISATION } from '@quarterhour/db';
import type { OrganisationRow } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { anOrganisation } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { countMinutes } from './facts.js';

const LIST = '/quarterhour/v1/ingestion/minutes';
const SPAN = 'from=2026-01-15T10:00:00Z&to=2026-01-15T11:00:00Z';
const minute = (n: number) => parseInstant(`2026-01-15T10:0${n}:00Z`);

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  const stored = { outcome: 'stored', redelivered: false };
  await countMinutes(api.worker, [
    { stream: 'dispatch', orgId: ours.id, minute: minute(0), ...stored, n: 5 },
    { stream: 'dispatch', orgId: ours.id, minute: minute(0), outcome: 'duplicate', redelivered: true, n: 2 },
    { stream: 'dispatch', orgId: ours.id, minute: minute(1), ...stored, n: 7 },
    { stream: 'dispatch', orgId: theirs.id, minute: minute(1), ...stored, n: 100 },
    { stream: 'dispatch', orgId: NO_ORGANISATION, minute: minute(1), outcome: 'quarantined', redelivered: false, n: 3 },
  ]);
}, 60_000);
afterAll(() => api.close());

const partner = () => ({ orgs: [ours.id], roles: ['partner'] });
const minutes = async (search: string, claims = partner()) => {
  const { status, body } = await api.get(`${LIST}?${search}`, claims);
  expect(status).toBe(200);
  return listIngestionMinutesResponse.parse(body).minutes;
};

describe('ingestion by the minute', () => {
  test('counts one’s own deliveries', async () => {
    const row = { stream: 'dispatch', redelivered: false };
    expect(await minutes(SPAN)).toEqual([
      { ...row, minute: '2026-01-15T10:00:00Z', outcome: 'duplicate', redelivered: true, n: 2 },
      { ...row, minute: '2026-01-15T10:00:00Z', outcome: 'stored', n: 5 },
      { ...row, minute: '2026-01-15T10:01:00Z', outcome: 'stored', n: 7 },
    ]);
  });

  test('adds up the organisations of the token, and what belongs to nobody for an admin', async () => {
    const claims = { orgs: [ours.id, theirs.id], roles: ['admin'] };
    const last = await minutes('from=2026-01-15T10:01:00Z&to=2026-01-15T10:02:00Z', claims);
    expect(last.map(({ outcome, n }) => [outcome, n])).toEqual([
      ['quarantined', 3],
      ['stored', 107],
    ]);
  });

  test('is narrowed by stream and span', async () => {
    expect(await minutes(`${SPAN}&stream=plant-telemetry`)).toEqual([]);
    expect(await minutes('from=2026-01-15T10:01:00Z&to=2026-01-15T10:01:00Z')).toEqual([]);
  });

  test('goes on by cursor', async () => {
    const first = await api.get(`${LIST}?${SPAN}&limit=1`, partner());
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers['link'] ?? '')?.[1] ?? '';
    const second = await api.get(next.replace('limit=1', 'limit=5'), partner());
    expect(listIngestionMinutesResponse.parse(second.body).minutes.map(({ n }) => n)).toEqual([5, 7]);
  });

  test.each([
    ['no span', '', 'missing'],
    ['a span of 31 days and a second', 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:01Z', 'window_too_long'],
    ['to before from', 'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'window_reversed'],
  ])('refuses %s', async (_what, search, code) => {
    const { status, body } = await api.get(`${LIST}?${search}`, partner());
    expect(status).toBe(400);
    expect(ownProblem.parse(body).errors?.[0]).toMatchObject({ code });
  });

  test('takes a span of exactly 31 days', async () => {
    await minutes('from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z');
  });
});
