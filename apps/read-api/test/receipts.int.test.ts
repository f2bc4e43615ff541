import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listReceiptsResponse, ownProblem, type VcpRealtimePayload } from '@quarterhour/contracts';
import { NO_ORGANISATION, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import {
  aDispatch,
  aMeterEnvelope,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  recentQuarterHour,
  sentDispatch,
  sentTelemetry,
  takeIn,
} from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { quarantine } from './facts.js';

const LIST = '/quarterhour/v1/ingestion/receipts';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let asset: string;
let plant: PlantRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  asset = await anAsset(api.admin, ours);
  plant = await aPlant(api.admin, ours);
}, 60_000);
afterAll(() => api.close());

const partner = () => ({ orgs: [ours.id], roles: ['partner'] });
const receipts = async (search: string, claims = partner()) => {
  const { status, body } = await api.get(`${LIST}?${search}`, claims);
  expect(status).toBe(200);
  return listReceiptsResponse.parse(body).receipts;
};
const ofMessage = (id: string, claims = partner()) => receipts(`message_id=${encodeURIComponent(id)}`, claims);
const ofInstant = (measuredAt: string) => receipts(`plant_id=${plant.id}&measured_at=${measuredAt}`);

describe('receipts of a message', () => {
  test('say that a dispatch was stored, and how often it came', async () => {
    const message = aDispatch({ asset_id: asset });
    expect(await takeIn(api.worker, sentDispatch(message))).toBe('stored');
    expect(await takeIn(api.worker, sentDispatch(message))).toBe('duplicate');
    expect(await ofMessage(message.event_id)).toEqual([
      expect.objectContaining({
        organisation_id: ours.id,
        stream: 'dispatch',
        message_id: message.event_id,
        outcome: 'stored',
        copies: 2,
        quarantine: null,
        telemetry: null,
      }),
    ]);
  });

  test('say that another content under the same id was set aside, and why', async () => {
    const message = aDispatch({ asset_id: asset });
    await takeIn(api.worker, sentDispatch(message));
    const contradicting = { ...message, target_power: { amount: '-1', unit: 'MW' as const } };
    expect(await takeIn(api.worker, sentDispatch(contradicting))).toBe('quarantined');
    const [first, second, ...others] = await ofMessage(message.event_id);
    expect(others).toEqual([]);
    expect(first).toMatchObject({ outcome: 'stored', quarantine: null });
    expect(second).toMatchObject({
      outcome: 'quarantined',
      copies: 1,
      quarantine: { state: 'open', reason: 'conflict', path: null, replayed_as: null },
      telemetry: null,
    });
  });

  test('of nobody are shown to an admin only, without an owner', async () => {
    const id = await quarantine(api.worker, NO_ORGANISATION, { messageId: 'nobody’s' });
    expect(await ofMessage('nobody’s')).toEqual([]);
    expect(await ofMessage('nobody’s', { orgs: [ours.id], roles: ['admin'] })).toEqual([
      expect.objectContaining({ organisation_id: null, quarantine: expect.objectContaining({ id }) }),
    ]);
  });

  test('are those of one’s own, though another organisation uses the same message id', async () => {
    await quarantine(api.worker, ours.id, { messageId: 'shared' });
    await quarantine(api.worker, theirs.id, { messageId: 'shared' });
    expect((await ofMessage('shared')).map((one) => one.organisation_id)).toEqual([ours.id]);
  });

  test('go on by cursor', async () => {
    for (const n of [1, 2, 3])
      await quarantine(api.worker, ours.id, { messageId: 'thrice', routingKey: `dispatch.${n}` });
    const first = await api.get(`${LIST}?message_id=thrice&limit=2`, partner());
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers['link'] ?? '')?.[1] ?? '';
    const second = await api.get(next, partner());
    const seen = [first, second].flatMap(({ body }) => listReceiptsResponse.parse(body).receipts);
    expect(new Set(seen.map((one) => one.quarantine?.id)).size).toBe(3);
    expect(second.headers).not.toHaveProperty('link');
  });

  test('of an unknown id are none', async () => {
    expect(await ofMessage(randomUUID())).toEqual([]);
  });
});

describe('receipts of telemetry', () => {
  const measuredAt = recentQuarterHour();
  const publish = (messageId: string, timestamp: string, payload: Partial<VcpRealtimePayload> = {}) =>
    takeIn(
      api.worker,
      sentTelemetry(ours.slug, aRealtimeEnvelope({ siteId: plant.id, messageId, timestamp, payload })),
    );

  test('show every version of an instant, and which one stands', async () => {
    expect(await publish('v-1', measuredAt)).toBe('stored');
    expect(await publish('v-2', measuredAt, { socPercent: 51 })).toBe('revised');
    expect(await ofInstant(measuredAt)).toEqual([
      expect.objectContaining({
        stream: 'plant-telemetry',
        message_id: 'v-1',
        outcome: 'stored',
        copies: null,
        quarantine: null,
        telemetry: {
          kind: 'realtime',
          plant_id: plant.id,
          measured_at: measuredAt,
          published_at: measuredAt,
          rows: 1,
          current_rows: 0,
        },
      }),
      expect.objectContaining({
        message_id: 'v-2',
        outcome: 'revised',
        telemetry: expect.objectContaining({ rows: 1, current_rows: 1 }),
      }),
    ]);
  });

  test('count the registers of a meter message', async () => {
    const readingAt = new Date(Date.parse(measuredAt) - 60_000).toISOString().replace('.000', '');
    const envelope = aMeterEnvelope({ siteId: plant.id, messageId: 'meter-1', payload: { readingAt } });
    expect(await takeIn(api.worker, sentTelemetry(ours.slug, envelope))).toBe('stored');
    expect(await ofInstant(readingAt)).toEqual([
      expect.objectContaining({
        message_id: 'meter-1',
        telemetry: expect.objectContaining({ kind: 'meter', measured_at: readingAt, rows: 2, current_rows: 2 }),
      }),
    ]);
  });

  test('of another organisation’s plant are none', async () => {
    const found = await receipts(`plant_id=${plant.id}&measured_at=${measuredAt}`, {
      orgs: [theirs.id],
      roles: ['partner'],
    });
    expect(found).toEqual([]);
  });
});

describe('a question that is not one of the two forms', () => {
  test.each([
    ['asks for nothing', '', [['message_id', 'missing']]],
    ['leaves out the instant', `plant_id=${randomUUID()}`, [['measured_at', 'missing']]],
    ['leaves out the plant', 'measured_at=2026-01-15T10:00:00Z', [['plant_id', 'missing']]],
    ['mixes them', `message_id=a&plant_id=${randomUUID()}`, [['plant_id', 'two_forms']]],
    [
      'asks for both',
      `message_id=a&plant_id=${randomUUID()}&measured_at=2026-01-15T10:00:00Z`,
      [
        ['plant_id', 'two_forms'],
        ['measured_at', 'two_forms'],
      ],
    ],
  ])('is refused when it %s', async (_how, search, complaints) => {
    const { status, body } = await api.get(`${LIST}?${search}`, partner());
    expect(status).toBe(400);
    expect(ownProblem.parse(body).errors?.map(({ path, code }) => [path[0], code])).toEqual(complaints);
  });
});
