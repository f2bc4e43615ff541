import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listQuarantineResponse, ownProblem, quarantineDetail } from '@quarterhour/contracts';
import { NO_ORGANISATION } from '@quarterhour/db';
import type { OrganisationRow } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { anOrganisation } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { quarantine } from './facts.js';

const LIST = '/quarterhour/v1/quarantine';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
const ids: Record<'schema' | 'unknown' | 'late' | 'foreign' | 'unowned', string> = {
  schema: '',
  unknown: '',
  late: '',
  foreign: '',
  unowned: '',
};
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  ids.schema = await quarantine(api.worker, ours.id);
  ids.unknown = await quarantine(api.worker, ours.id, {
    stream: 'plant-telemetry',
    reason: 'unknown_plant',
    path: null,
    messageId: null,
    firstSeen: parseInstant('2026-01-15T11:00:00Z'),
  });
  ids.late = await quarantine(api.worker, ours.id, { firstSeen: parseInstant('2026-01-16T00:00:00Z') });
  ids.foreign = await quarantine(api.worker, theirs.id);
  ids.unowned = await quarantine(api.worker, NO_ORGANISATION, { reason: 'syntax', replayable: false });
}, 60_000);
afterAll(() => api.close());

const partner = () => ({ orgs: [ours.id], roles: ['partner'] });
const admin = () => ({ orgs: [ours.id], roles: ['admin'] });
const listed = async (search: string, claims = partner()): Promise<string[]> => {
  const { status, body } = await api.get(`${LIST}?${search}`, claims);
  expect(status).toBe(200);
  return listQuarantineResponse.parse(body).quarantine.map(({ id }) => id);
};

describe('the list of quarantine', () => {
  test('is newest first and shows one’s own only', async () => {
    expect(await listed('')).toEqual([ids.late, ids.unknown, ids.schema]);
  });

  test.each([
    ['reason=schema', ['late', 'schema']],
    ['reason=too_old', []],
    ['stream=plant-telemetry', ['unknown']],
    ['state=open', ['late', 'unknown', 'schema']],
    ['state=discarded', []],
    ['from=2026-01-15T11:00:00Z&to=2026-01-16T00:00:00Z', ['unknown']],
    ['stream=dispatch&to=2026-01-16T00:00:00Z', ['schema']],
  ] as const)('is narrowed by %s', async (search, expected) => {
    expect(await listed(search)).toEqual(expected.map((name) => ids[name]));
  });

  test('goes on by cursor', async () => {
    const first = await api.get(`${LIST}?limit=2`, partner());
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers['link'] ?? '')?.[1] ?? '';
    expect(listQuarantineResponse.parse(first.body).quarantine).toHaveLength(2);
    const second = await api.get(next, partner());
    expect(listQuarantineResponse.parse(second.body).quarantine.map(({ id }) => id)).toEqual([ids.schema]);
    expect(second.headers).not.toHaveProperty('link');
    expect((await api.get(`${next}&reason=schema`, partner())).status).toBe(400);
  });

  test('includes what belongs to nobody for an admin only', async () => {
    expect(await listed('', admin())).toContain(ids.unowned);
    expect(await listed('', { orgs: [ours.id, NO_ORGANISATION], roles: ['operator'] })).not.toContain(ids.unowned);
    expect(await listed('', admin())).not.toContain(ids.foreign);
  });

  test.each(['reason=bad', 'stream=vcp', 'state=', 'offset=1', 'limit=0', 'limit=1001', 'from=yesterday'])(
    'refuses %s',
    async (search) => {
      const { status, body, headers } = await api.get(`${LIST}?${search}`, partner());
      expect(status).toBe(400);
      expect(headers['content-type']).toContain('application/problem+json');
      expect(ownProblem.parse(body)).toMatchObject({ code: 'VALIDATION_ERROR', errors: [{ in: 'query' }] });
    },
  );
});

describe('one quarantined delivery', () => {
  const one = async (id: string, claims = partner()) => {
    const { status, body } = await api.get(`${LIST}/${id}`, claims);
    expect(status).toBe(200);
    return quarantineDetail.parse(body);
  };

  test('is shown whole', async () => {
    expect(await one(ids.schema)).toMatchObject({
      id: ids.schema,
      organisation_id: ours.id,
      stream: 'dispatch',
      state: 'open',
      reason: 'schema',
      path: 'target_power.amount',
      detail: 'a decimal was expected',
      replayable: true,
      queue: 'ingest.dispatch',
      exchange: 'dispatch',
      routing_key: 'dispatch.DE_50HZ_WU_1',
      message_id: 'm-1',
      properties: { contentType: 'application/json', headers: { a: 1 } },
      body: { encoding: 'text' },
      first_seen: '2026-01-15T10:00:00Z',
      copies: 1,
    });
  });

  test.each([
    ['as text when it is text', Buffer.from('{"a":"ü\n"}'), { encoding: 'text', text: '{"a":"ü\n"}' }],
    ['with its byte order mark', Buffer.from('\ufeff{}'), { encoding: 'text', text: '\ufeff{}' }],
    ['in base64 when it is not UTF-8', Buffer.from([0xff, 0xfe]), { encoding: 'base64', base64: '//4=' }],
    ['in base64 when it holds NUL', Buffer.from('a\u0000b'), { encoding: 'base64', base64: 'YQBi' }],
    ['empty when it was empty', Buffer.alloc(0), { encoding: 'text', text: '' }],
  ])('has its body %s', async (_how, body, expected) => {
    const id = await quarantine(api.worker, ours.id, { body });
    expect((await one(id)).body).toEqual(expected);
  });

  test('of somebody else, or of nobody, is not there', async () => {
    for (const id of [ids.foreign, ids.unowned, randomUUID()]) {
      const { status, body } = await api.get(`${LIST}/${id}`, partner());
      expect([status, ownProblem.parse(body).code]).toEqual([404, 'DELIVERY_NOT_FOUND']);
    }
    expect((await one(ids.unowned, admin())).organisation_id).toBe(NO_ORGANISATION);
    expect((await api.get(`${LIST}/${ids.foreign}`, admin())).status).toBe(404);
  });
});
