import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listTradingConfigEventsResponse, ownProblem } from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import {
  aConfigEnvelope,
  anOrganisation,
  aPlant,
  aTradingChange,
  sentConfig,
  sentTradingEvent,
  takeIn,
} from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const LIST = '/quarterhour/v1/trading-config-events';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let plant: PlantRow;
const enabled = randomUUID();
const paused = randomUUID();
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  plant = await aPlant(api.admin, ours);
  await change('enabled', ours, { event_id: enabled, details: { queues: 4 }, queue_prefix: ours.slug });
  await config('constraints', 'c-1', { correlationId: 'k-1' });
  await config('topology', 'c-2');
  await change('paused', ours, { event_id: paused });
  await change('enabled', theirs);
}, 60_000);
afterAll(() => api.close());

const change = async (kind: string, { id }: OrganisationRow, different = {}): Promise<void> => {
  const message = aTradingChange({ organisation_id: id, ...different });
  expect(await takeIn(api.worker, sentTradingEvent(kind, message))).toBe('stored');
};
const config = async (subject: string, messageId: string, different = {}): Promise<void> => {
  const payload = { socMinPercent: 10, socMaxPercent: 90, devices: [], mode: 'HOLD', afterSeconds: 60 };
  const envelope = aConfigEnvelope({ siteId: plant.id, messageId, payload, ...different });
  expect(await takeIn(api.worker, sentConfig(ours.slug, subject, envelope))).toBe('stored');
};

const auditor = () => ({ orgs: [ours.id], roles: ['auditor'] });
const page = async (search: string, claims = auditor()) => {
  const response = await api.get(search.startsWith('/') ? search : `${LIST}?${search}`, claims);
  expect([response.status, response.text]).toEqual([200, expect.anything()]);
  return { headers: response.headers, ...listTradingConfigEventsResponse.parse(response.body) };
};
const ids = async (search: string): Promise<string[]> =>
  (await page(search)).events.map(({ message_id }) => message_id);
const nextOf = (headers: Record<string, string | undefined>): string | undefined =>
  /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];

describe('the list of trading config events', () => {
  test('is in the order in which they became known, or against it', async () => {
    const oldestFirst = [enabled, 'c-1', 'c-2', paused];
    expect(await ids('')).toEqual(oldestFirst);
    expect(await ids('order=desc')).toEqual(oldestFirst.toReversed());
  });

  test('shows each event whole', async () => {
    const { events } = await page('');
    expect(events[0]).toMatchObject({
      organisation_id: ours.id,
      message_id: enabled,
      correlation_id: null,
      origin: 'control-plane',
      kind: 'enabled',
      plant_id: null,
      source: 'control-plane',
      actor: 'ada',
      reason: 'a new partner',
      routing_key: 'trading.config.enabled',
      payload: { queue_prefix: ours.slug, details: { queues: 4 } },
    });
    expect(events[1]).toMatchObject({
      message_id: 'c-1',
      correlation_id: 'k-1',
      origin: 'partner',
      kind: 'constraints',
      plant_id: plant.id,
      actor: null,
      payload: { socMinPercent: 10, socMaxPercent: 90 },
    });
  });

  test.each<[string, () => string, () => string[]]>([
    ['one kind', () => 'kind=topology', () => ['c-2']],
    ['several kinds', () => 'kind=topology,paused&kind=enabled', () => [enabled, 'c-2', paused]],
    ['an origin', () => 'origin=partner', () => ['c-1', 'c-2']],
    ['a plant', () => `plant_id=${plant.id.toUpperCase()}`, () => ['c-1', 'c-2']],
    ['a message', () => 'message_id=c-2', () => ['c-2']],
    ['several of these', () => `origin=partner&kind=constraints&plant_id=${plant.id}`, () => ['c-1']],
    ['nothing that there is', () => `plant_id=${randomUUID()}`, () => []],
  ])('is narrowed by %s', async (_what, search, expected) => {
    expect(await ids(search())).toEqual(expected());
  });

  test('takes the start of its window and leaves out the end', async () => {
    const { events } = await page('');
    const [, second, third] = events.map(({ received_at }) => received_at);
    expect(await ids(`from=${second}&to=${third}`)).toEqual(['c-1']);
  });

  test.each(['asc', 'desc'])(
    'goes on by cursor without gap or overlap (%s), and knows no more than its first page',
    async (order) => {
      const all = await ids(`order=${order}`);
      const first = await page(`order=${order}&limit=3`);
      await config('fallback', `late-${order}`);
      const second = await page(nextOf(first.headers) ?? '');
      expect([...first.events, ...second.events].map(({ message_id }) => message_id)).toEqual(all);
      expect(second.headers['quarterhour-known-at']).toBe(first.headers['quarterhour-known-at']);
      expect(second.headers).not.toHaveProperty('link');
      expect((await api.get(`${nextOf(first.headers)}&origin=partner`, auditor())).status).toBe(400);
    },
  );

  test('can be asked as of an earlier answer, which it gives again', async () => {
    const before = await api.get(LIST, auditor());
    await config('fallback', 'later');
    const again = await api.get(`${LIST}?as_of=${before.headers['quarterhour-known-at']}`, auditor());
    expect(again.text).toBe(before.text);
    expect(again.headers['quarterhour-known-at']).toBe(before.headers['quarterhour-known-at']);
    expect((await api.get(LIST, auditor())).text).toContain('"later"');
  });

  test('merges the organisations of the token, and shows nobody else’s', async () => {
    const { events } = await page('', { orgs: [ours.id, theirs.id], roles: ['partner'] });
    expect(new Set(events.map((event) => event.organisation_id))).toEqual(new Set([ours.id, theirs.id]));
    expect((await page('')).events.every((event) => event.organisation_id === ours.id)).toBe(true);
  });

  test.each([
    'kind=closed',
    'kind=',
    'origin=us',
    'plant_id=x',
    'order=up',
    'limit=0',
    'limit=1001',
    'as_of=2999-01-01T00:00:00Z',
  ])('refuses %s', async (search) => {
    const { status, body } = await api.get(`${LIST}?${search}`, auditor());
    expect([status, ownProblem.parse(body).errors?.[0]?.path[0]]).toEqual([400, search.split('=')[0]]);
  });
});
