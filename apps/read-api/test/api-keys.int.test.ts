import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { listApiKeysResponse } from '@quarterhour/contracts';
import { openDatabase, recordApiKeyUses, type OrganisationRow } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { createLogger } from '@quarterhour/runtime';
import { anOrganisation, testDatabase } from '@quarterhour/testkit';
import { openApiKeyUses } from '../src/api-key-uses.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { aKeyOf, revoke } from './keys.js';

const LIST = '/api/v1/partner/api-keys';

let api: TestApi;
let ours: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
afterAll(() => api.close());
beforeEach(async () => {
  ours = await anOrganisation(api.admin);
});

const list = async (search = '', orgs = [ours.id]) => {
  const { status, body, headers } = await api.get(`${LIST}${search}`, { orgs, roles: ['trader'] });
  expect(status).toBe(200);
  return { ...listApiKeysResponse.parse(body), link: headers['link'] };
};

describe('the list of API keys', () => {
  test('shows of each what the contract names, and nothing that opens anything', async () => {
    const { id, key } = await aKeyOf(api.admin, ours, {
      scopes: ['vcp:connect', 'vcp:read'],
      allowedIps: ['203.0.113.0/24'],
      expiresAt: '2100-01-01T00:00:00Z',
    });
    const { data, meta, link } = await list();
    expect(data).toEqual([
      {
        id,
        name: 'A key',
        keyPrefix: key.slice(0, 15),
        scopes: ['vcp:connect', 'vcp:read'],
        allowedIps: ['203.0.113.0/24'],
        vhost: `partner-${id}`,
        partnerId: ours.id,
        isActive: true,
        expiresAt: '2100-01-01T00:00:00Z',
        lastUsedAt: null,
        createdBy: 'ada',
        creator: { id: 'ada' },
        organizationId: ours.id,
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ]);
    expect([meta, link]).toEqual([{ page: 1, limit: 20, total: 1, totalPages: 1 }, undefined]);
    expect(JSON.stringify(data)).not.toMatch(/sealed|digest|signing/i);
  });

  test('has pages with numbers, newest first, and says where the next one is', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await aKeyOf(api.admin, ours)).id);
    const first = await list('?limit=2');
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(first).toMatchObject({
      meta: { page: 1, limit: 2, total: 5, totalPages: 3 },
      link: `<${LIST}?limit=2&page=2>; rel="next"`,
    });
    const last = await list('?limit=2&page=3');
    expect([last.data.map(({ id }) => id), last.link]).toEqual([ids.slice(4), undefined]);
    expect((await list('?page=4')).data).toEqual([]);
  });

  test('keeps those that are over', async () => {
    const { id } = await aKeyOf(api.admin, ours);
    await aKeyOf(api.admin, ours, { expiresAt: '2020-01-01T00:00:00Z' });
    await revoke(api.admin, ours, id);
    expect((await list()).data.map(({ isActive }) => isActive)).toEqual([false, false]);
  });

  test('shows an organisation its own, and several theirs', async () => {
    const other = await anOrganisation(api.admin);
    await aKeyOf(api.admin, ours);
    await aKeyOf(api.admin, other);
    expect((await list()).meta.total).toBe(1);
    expect((await list('', [ours.id, other.id])).meta.total).toBe(2);
  });

  test.each(['page=0', 'page=5001', 'page=1001&limit=100', 'limit=0', 'limit=101', 'page=x', 'offset=1'])(
    'refuses %s',
    async (search) => {
      const { status, body } = await api.get(`${LIST}?${search}`, { orgs: [ours.id], roles: ['trader'] });
      expect([status, body.code]).toEqual([400, 'VALIDATION_ERROR']);
    },
  );
});

describe('when a key was last used', () => {
  test('is written beside the requests, and shown in the list', async () => {
    const database = await testDatabase();
    const log = createLogger({ name: 'test', level: 'fatal' });
    const uses = openApiKeyUses({ databaseUrl: database.usageUrl, log });
    const owner = await anOrganisation(database.admin);
    const { id } = await aKeyOf(database.admin, owner);
    const before = new Date().toISOString();
    uses.note({ id, orgId: owner.id });
    await uses.close();
    const [noted] = await database.admin.read([owner.id], (trx) =>
      trx.query<{ at: string }>({
        text: 'select app.instant_text(last_used_at) as at from app.api_key_use where key_id = $1',
        values: [id],
      }),
    );
    expect(noted!.at >= before).toBe(true);
    await database.drop();
  });

  test('that cannot be written costs a request nothing', async () => {
    const lines: string[] = [];
    const log = createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } });
    const uses = openApiKeyUses({ databaseUrl: 'postgres://nobody:hunter2@127.0.0.1:1/nothing', log });
    const start = performance.now();
    uses.note({ id: ours.id, orgId: ours.id });
    expect(performance.now() - start).toBeLessThan(50);
    await expect(uses.close()).resolves.toBeUndefined();
    expect(lines.join('')).toContain('could not be noted');
    expect(lines.join('')).not.toContain('hunter2');
  });

  test('is a matter of the usage role alone', async () => {
    const use = { orgId: ours.id, keyId: ours.id, at: parseInstant('2026-01-15T10:00:00Z') };
    const control = openDatabase({ url: api.controlUrl, applicationName: 'test', maxConnections: 1 });
    await expect(control.transaction([ours.id], (trx) => recordApiKeyUses(trx, [use]))).rejects.toMatchObject({
      code: '42501',
    });
    await control.close();
  });
});

test('a key lets nobody list keys', async () => {
  const { key } = await aKeyOf(api.admin, ours, { scopes: ['vcp:read', 'trading:read', 'trading:write'] });
  expect((await request(api.app).get(LIST).set('x-api-key', key)).status).toBe(401);
});
