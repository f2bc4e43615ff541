import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  findApiKey,
  insertApiKey,
  listApiKeys,
  listLiveApiKeys,
  recordApiKeyUses,
  revokeApiKey,
  wantProvisioning,
  type ApiKeyColumn,
  type Database,
  type NewApiKey,
  type Projection,
} from '@quarterhour/db';
import { at, connect, query } from './fixtures.js';
import { branchOf, explained } from './plans.js';

let server: TestDatabase;
let control: Database;
let read: Database;
let usage: Database;
let ours: string;
let theirs: string;
beforeAll(async () => {
  server = await testDatabase();
  [control, read, usage] = [connect(server.controlUrl), connect(server.readUrl), connect(server.usageUrl)];
});
afterAll(async () => {
  await Promise.all([control, read, usage].map((db) => db.close()));
  await server.drop();
});
beforeEach(async () => {
  ours = (await anOrganisation(server.admin)).id;
  theirs = (await anOrganisation(server.admin)).id;
});

const aKey = (orgId: string, different: Partial<NewApiKey> = {}): NewApiKey => ({
  orgId,
  id: randomUUID(),
  name: 'Gateway "A"',
  keyPrefix: 'vcp_live_abcdef',
  keyDigest: randomBytes(32),
  sealedSigningKey: 'sealed',
  scopes: ['vcp:connect', 'vcp:read'],
  allowedIps: [],
  createdBy: 'ada',
  expiresAt: null,
  ...different,
});
const keep = async (key: NewApiKey): Promise<NewApiKey> => {
  await control.transaction([key.orgId], (trx) => insertApiKey(trx, key));
  return key;
};
const revoke = (id: string, scope = [ours]) =>
  control.transaction(scope, (trx) => revokeApiKey(trx, { id, by: 'bob' }));
const SHOWN: Projection<ApiKeyColumn> = [
  { name: 'id', column: 'id', as: 'uuid' },
  { name: 'name', column: 'name', as: 'text' },
  { name: 'scopes', column: 'scopes', as: 'json' },
  { name: 'allowedIps', column: 'allowed_ips', as: 'json' },
  { name: 'vhost', column: 'vhost', as: 'text' },
  { name: 'isActive', column: 'is_active', as: 'boolean' },
  { name: 'expiresAt', column: 'expires_at', as: 'instant' },
  { name: 'lastUsedAt', column: 'last_used_at', as: 'instant' },
];
const list = async (page: { offset?: number; limit?: number } = {}, scope = [ours]) => {
  const { json, total } = await read.read(scope, (trx) =>
    listApiKeys(trx, { offset: 0, limit: 20, vhostStart: 'partner-', ...page }, SHOWN),
  );
  const rows: readonly { readonly id: string }[] = JSON.parse(json);
  return { rows, total };
};

describe('a key', () => {
  test('is found by its digest from a scope without organisations, by the roles that may', async () => {
    const key = await keep(aKey(ours, { allowedIps: ['203.0.113.0/24'], expiresAt: at('2100-01-01T00:00:00Z') }));
    const { id, name, scopes, allowedIps, expiresAt } = key;
    const found = { orgId: ours, id, name, scopes, allowedIps, expiresAt };
    expect(await findApiKey(read, key.keyDigest)).toEqual(found);
    expect(await findApiKey(control, key.keyDigest)).toEqual(found);
    await expect(findApiKey(usage, key.keyDigest)).rejects.toMatchObject({ code: '42501' });
  });

  test('is not found by another digest, nor when it has expired, nor from the moment it is revoked', async () => {
    const [live, expired] = [await keep(aKey(ours)), await keep(aKey(ours, { expiresAt: at('2020-01-01T00:00:00Z') }))];
    expect(await findApiKey(read, createHash('sha256').update('guess').digest())).toBeNull();
    expect(await findApiKey(read, expired.keyDigest)).toBeNull();
    expect(await findApiKey(read, live.keyDigest)).toMatchObject({ id: live.id });
    await revoke(live.id);
    expect(await findApiKey(read, live.keyDigest)).toBeNull();
  });

  test('is revoked once, by its own organisation', async () => {
    const key = await keep(aKey(ours));
    expect(await revoke(key.id, [theirs])).toBeNull();
    expect(await findApiKey(read, key.keyDigest)).not.toBeNull();
    expect(await revoke(key.id)).toEqual({ name: key.name, isRevokedNow: true });
    expect(await revoke(key.id)).toMatchObject({ isRevokedNow: false });
    expect(await revoke(randomUUID())).toBeNull();
  });

  test('is revoked once by two who ask at the same time', async () => {
    const key = await keep(aKey(ours));
    const results = await Promise.all([revoke(key.id), revoke(key.id), revoke(key.id)]);
    expect(results.filter((result) => result?.isRevokedNow)).toHaveLength(1);
  });

  test('cannot be kept for another organisation than the scope’s', async () => {
    await expect(control.transaction([ours], (trx) => insertApiKey(trx, aKey(theirs)))).rejects.toMatchObject({
      code: '42501',
    });
  });
});

describe('the live keys of an organisation', () => {
  test('leave out what is revoked or expired, and other organisations’', async () => {
    const first = await keep(aKey(ours));
    const second = await keep(aKey(ours, { expiresAt: at('2100-01-01T00:00:00Z') }));
    const revoked = await keep(aKey(ours));
    await keep(aKey(ours, { expiresAt: at('2020-01-01T00:00:00Z') }));
    await keep(aKey(theirs));
    await revoke(revoked.id);
    const live = await control.read([ours], (trx) => listLiveApiKeys(trx));
    expect(live.map(({ id }) => id)).toEqual([first.id, second.id]);
  });
});

describe('the list of keys', () => {
  test('shows newest first, page by page, with the number of all, and what can be said of each', async () => {
    const keys: string[] = [];
    for (let n = 0; n < 5; n += 1) keys.unshift((await keep(aKey(ours))).id);
    await keep(aKey(theirs));
    expect((await list({ limit: 2 })).rows.map(({ id }) => id)).toEqual(keys.slice(0, 2));
    expect((await list({ offset: 4, limit: 2 })).rows.map(({ id }) => id)).toEqual(keys.slice(4));
    expect(await list({ offset: 5 })).toEqual({ rows: [], total: 5 });
    expect((await list({}, [ours, theirs])).total).toBe(6);
    expect((await list()).rows.at(-1)).toEqual({
      id: keys.at(-1),
      name: 'Gateway "A"',
      scopes: ['vcp:connect', 'vcp:read'],
      allowedIps: [],
      vhost: `partner-${String(keys.at(-1))}`,
      isActive: true,
      expiresAt: null,
      lastUsedAt: null,
    });
  });

  test('tells which are not active any more, and when each was last used', async () => {
    const [used, revoked, expired] = [
      await keep(aKey(ours)),
      await keep(aKey(ours)),
      await keep(aKey(ours, { expiresAt: at('2020-01-01T00:00:00Z') })),
    ];
    await revoke(revoked.id);
    const uses = ['2026-01-15T10:02:00Z', '2026-01-15T10:05:00Z', '2026-01-15T10:01:00Z'];
    for (const some of [uses.slice(0, 2), uses.slice(2)]) {
      const noted = some.map((text) => ({ orgId: ours, keyId: used.id, at: at(text) }));
      await usage.transaction([ours], (trx) => recordApiKeyUses(trx, noted));
    }
    expect((await list()).rows).toMatchObject([
      { id: expired.id, isActive: false, expiresAt: '2020-01-01T00:00:00Z' },
      { id: revoked.id, isActive: false },
      { id: used.id, isActive: true, lastUsedAt: '2026-01-15T10:05:00Z' },
    ]);
  });

  test('reads each organisation straight from the index that holds the order', async () => {
    await server.admin.transaction([ours], async (trx) => {
      await trx.query(
        query(
          `insert into app.api_key (id, org_id, name, key_prefix, key_digest, signing_key, scopes, created_by, created_at,
             updated_at)
           select gen_random_uuid(), $1, 'n', 'p', sha256(n::text::bytea || uuid_send($1)), 's', '{vcp:read}', 'c',
             now() - n * interval '1 second', now() from generate_series(1, 5000) n`,
          [ours],
        ),
      );
      await trx.query(query('analyze app.api_key'));
    });
    const plan = await read.read([ours], (trx) =>
      explained(trx, (recorder) => listApiKeys(recorder, { offset: 0, limit: 20, vhostStart: 'p-' }, SHOWN)),
    );
    expect(branchOf(plan)).toContain('api_key_by_organisation');
    expect(branchOf(plan)).not.toMatch(/Sort|Seq Scan|Bitmap/);
  });
});

describe('what the broker must look like', () => {
  const versionsOf = (orgId: string) =>
    control.read([orgId], (trx) =>
      trx.query(
        query(`select state, wanted_version as wanted, provisioned_version as provisioned from app.trading_config`),
      ),
    );

  test('is said to differ once more each time, also for an organisation that was never configured', async () => {
    const { id } = await anOrganisation(server.admin);
    const want = () => control.transaction([id], (trx) => wantProvisioning(trx, id));
    await server.admin.transaction([id], (trx) => trx.query(query('delete from app.trading_config')));
    await want();
    expect(await versionsOf(id)).toEqual([{ state: 'DISABLED', wanted: '1', provisioned: '0' }]);
    await Promise.all([want(), want()]);
    expect(await versionsOf(id)).toEqual([{ state: 'DISABLED', wanted: '3', provisioned: '0' }]);
  });
});
