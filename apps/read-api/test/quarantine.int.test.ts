import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listQuarantineResponse, ownProblem, quarantineDetail } from '@quarterhour/contracts';
import { discardQuarantined, NO_ORGANISATION, openDatabase, recordAttempts } from '@quarterhour/db';
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
    waitsFor: 'plant 1',
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
    ['message_id=m-1', ['late', 'schema']],
    ['message_id=m-2', []],
    ['waits_for=plant+1', ['unknown']],
    ['waits_for=plant', []],
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
    const { body } = await api.get(LIST, admin());
    const unowned = listQuarantineResponse.parse(body).quarantine.find(({ id }) => id === ids.unowned);
    expect(unowned?.organisation_id).toBeNull();
  });

  test('is limited to what belongs to nobody by an admin, and by no one else', async () => {
    const nobodys = { 'x-org-id': NO_ORGANISATION };
    const asAdmin = await api.get(LIST, admin(), nobodys);
    expect(listQuarantineResponse.parse(asAdmin.body).quarantine.map(({ id }) => id)).toEqual([ids.unowned]);
    for (const role of ['partner', 'operator', 'trader', 'auditor']) {
      const claims = { orgs: [ours.id, NO_ORGANISATION], roles: [role] };
      expect((await api.get(LIST, claims, nobodys)).status).toBe(403);
      expect((await api.get(`${LIST}/${ids.unowned}`, claims, nobodys)).status).toBe(404);
    }
  });

  test('says of each what was tried and decided since', async () => {
    const at = parseInstant('2026-02-01T10:00:00Z');
    const db = openDatabase({ url: api.controlUrl, applicationName: 'test', maxConnections: 1 });
    const other = await anOrganisation(api.admin);
    const [tried, discarded] = [await quarantine(api.worker, other.id), await quarantine(api.worker, other.id)];
    const attempt = { orgId: other.id, replayedAs: null, reason: 'schema', path: 'a.b', detail: 'no', waitsFor: null };
    await db.transaction([other.id], async (trx) => {
      await recordAttempts(trx, [{ id: tried, ...attempt }], { at, by: 'ada' });
      await discardQuarantined(trx, [{ id: discarded, orgId: other.id }], { at, by: 'ada', note: 'a test' });
    });
    await db.close();

    const claims = { orgs: [other.id], roles: ['operator'] };
    const { body } = await api.get(LIST, claims);
    const shown = new Map(listQuarantineResponse.parse(body).quarantine.map((one) => [one.id, one]));
    const untouched = { body_dropped: false, waits_for: null, replayed_as: null };
    const expected = [
      [
        tried,
        {
          ...untouched,
          state: 'open',
          attempts: 1,
          last_attempt: { at, reason: 'schema', path: 'a.b', detail: 'no' },
          decided_at: null,
          decided_by: null,
          decision_note: null,
        },
      ],
      [
        discarded,
        {
          ...untouched,
          state: 'discarded',
          attempts: 0,
          last_attempt: null,
          decided_at: at,
          decided_by: 'ada',
          decision_note: 'a test',
        },
      ],
    ] as const;
    for (const [id, members] of expected) {
      expect(shown.get(id)).toMatchObject(members);
      expect(quarantineDetail.parse((await api.get(`${LIST}/${id}`, claims)).body)).toMatchObject(members);
    }
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
    expect((await one(ids.unowned, admin())).organisation_id).toBeNull();
    expect((await api.get(`${LIST}/${ids.foreign}`, admin())).status).toBe(404);
  });
});
