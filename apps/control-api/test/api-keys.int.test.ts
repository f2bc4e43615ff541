import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { API_KEY_SCOPES, mintedApiKey, partnerQueues, partnerVhost, tradingError } from '@quarterhour/contracts';
import type { MintedApiKey } from '@quarterhour/contracts';
import { findApiKey, firstBrokenAudit, signingKeyPlace, type OrganisationRow } from '@quarterhour/db';
import { apiKeyDigest, isApiKey } from '@quarterhour/http';
import { keyIdOf } from '@quarterhour/runtime';
import { rabbitApi } from '@quarterhour/messaging';
import { anOrganisation, eventually } from '@quarterhour/testkit';
import { connect, type ChannelModel } from 'amqplib';
import { CA, openTestApi, PEPPER } from './api.js';
import type { TestApi } from './api.js';

const KEYS = '/api/v1/partner/api-keys';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
afterAll(() => api.close());
beforeEach(async () => {
  ours = await anOrganisation(api.admin, { tradingState: null });
  theirs = await anOrganisation(api.admin, { tradingState: null });
});

const trader = (orgs = [ours.id]) => ({ sub: 'tess', orgs, roles: ['trader'] });
const mint = (body: object, claims = trader(), headers: Readonly<Record<string, string>> = {}) =>
  api.post(KEYS, { name: 'Gateway', scopes: ['vcp:connect', 'vcp:read'], ...body }, claims, headers);
const minted = async (body: object = {}): Promise<MintedApiKey> => {
  const { status, body: answered } = await mint(body);
  expect([status, answered.details]).toEqual([201, undefined]);
  return mintedApiKey.parse(answered);
};
const rows = <R extends object>(text: string, values: readonly unknown[]) =>
  api.admin.read([ours.id, theirs.id], (trx) => trx.query<R>({ text, values }));
const findKey = (key: string) => findApiKey(api.read, apiKeyDigest(PEPPER, key));
const auditOf = (orgId: string) =>
  rows<{ actor: string; action: string; subject: string; detail: Record<string, unknown> }>(
    'select actor, action, subject, detail from app.audit where org_id = $1 order by seq',
    [orgId],
  );
const versionOf = async (orgId: string): Promise<number> => {
  const [found] = await rows<{ n: number }>(
    'select wanted_version::int as n from app.trading_config where org_id = $1',
    [orgId],
  );
  return found?.n ?? 0;
};

describe('making a key', () => {
  test('answers all that a client needs, once', async () => {
    const before = await versionOf(ours.id);
    const made = await minted({ allowedIps: ['203.0.113.0/24'], expiresAt: '2100-01-01T01:00:00+01:00' });
    expect(isApiKey(made.key)).toBe(true);
    expect(made).toMatchObject({
      name: 'Gateway',
      keyPrefix: made.key.slice(0, 15),
      scopes: ['vcp:connect', 'vcp:read'],
      allowedIps: ['203.0.113.0/24'],
      vhost: `partner-${made.id}`,
      partnerId: ours.id,
      organizationId: ours.id,
      isActive: true,
      expiresAt: '2100-01-01T00:00:00Z',
      lastUsedAt: null,
      createdBy: 'tess',
      creator: { id: 'tess' },
    });
    const { connectionBundle } = made;
    expect(connectionBundle).toMatchObject({
      orgSlug: ours.slug,
      username: ours.slug,
      keyId: made.id,
      host: 'broker.example',
      port: 5671,
      vhost: partnerVhost(made.id),
      exchange: 'vcp',
      tls: { ca: CA },
      queuePrefix: ours.queuePrefix,
      restBaseUrl: 'https://api.example',
    });
    const names = partnerQueues(ours.queuePrefix ?? '').map(({ name }) => name);
    expect(Object.values(connectionBundle.queues)).toEqual(names);
    expect(await findKey(made.key)).toMatchObject({ id: made.id, orgId: ours.id });
    expect(await versionOf(ours.id)).toBe(before + 1);
  });

  test('is not kept by a proxy or a browser', async () => {
    expect((await mint({})).headers['cache-control']).toBe('no-store');
  });

  test('keeps the signing key sealed for its row, and the key nowhere', async () => {
    const made = await minted();
    const [kept] = await rows<{ sealed: string }>('select signing_key as sealed from app.api_key where id = $1', [
      made.id,
    ]);
    const sealed = kept?.sealed ?? '';
    expect(keyIdOf(sealed)).toBe(api.keyRing.newestKeyId());
    expect(api.keyRing.open(sealed, signingKeyPlace(ours.id, made.id))).toBe(made.signingKey);
    expect(() => api.keyRing.open(sealed, signingKeyPlace(ours.id, randomUUID()))).toThrow();
  });

  test('tells nobody else the secrets: neither log, audit, any table, nor any later answer', async () => {
    const made = await minted();
    await api.delete(`${KEYS}/${made.id}`, trader());
    await mint({ name: made.key, scopes: [made.key], expiresAt: made.signingKey });
    const tables = await rows<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c
        where c.relnamespace in ('app'::regnamespace, 'ops'::regnamespace) and c.relkind in ('r', 'p')`,
      [],
    );
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const told = await rows<{ text: string }>(`select t::text as text from ${name} t`, []);
      for (const secret of [made.key, made.signingKey])
        expect(told.filter(({ text }) => text.includes(secret))).toEqual([]);
    }
    const log = api.lines.join('');
    expect(log).toContain('mintApiKey');
    for (const secret of [made.key, made.signingKey]) expect(log).not.toContain(secret);
    expect(JSON.stringify(await auditOf(ours.id))).not.toContain(made.key.slice(15));
  });

  test('is written down with who did it', async () => {
    const { id, keyPrefix } = await minted({ allowedIps: ['2001:db8::/32'] });
    const detail = {
      name: 'Gateway',
      scopes: ['vcp:connect', 'vcp:read'],
      allowed_ips: ['2001:db8::/32'],
      expires_at: null,
      key_prefix: keyPrefix,
    };
    expect(await auditOf(ours.id)).toEqual([{ actor: 'tess', action: 'key.mint', subject: id, detail }]);
    expect(await api.read.read([ours.id], (trx) => firstBrokenAudit(trx, ours.id))).toBeNull();
  });

  test('takes every scope of the contract, each once', async () => {
    const { scopes } = await minted({ scopes: [...API_KEY_SCOPES, 'vcp:read'] });
    expect(scopes).toEqual([...API_KEY_SCOPES]);
  });

  test('takes networks of both versions, and a bare address as itself', async () => {
    const { allowedIps } = await minted({ allowedIps: ['203.0.113.5', '2001:db8::1', '10.0.0.0/8', '::/0'] });
    expect(allowedIps).toEqual(['203.0.113.5/32', '2001:db8::1/128', '10.0.0.0/8', '::/0']);
  });

  test.each([
    ['no scope', { scopes: [] }, 'API_KEY_SCOPES_EMPTY'],
    ['an unknown scope', { scopes: ['vcp:read', 'vcp:everything'] }, 'API_KEY_SCOPE_INVALID'],
    ['a scope in capitals', { scopes: ['VCP:READ'] }, 'API_KEY_SCOPE_INVALID'],
    ['scopes that are no list', { scopes: 'vcp:read' }, 'VALIDATION_ERROR'],
    ['no name', { name: '' }, 'VALIDATION_ERROR'],
    ['a name of 81 characters', { name: 'x'.repeat(81) }, 'VALIDATION_ERROR'],
    ['a name that steers a terminal', { name: 'a\u001b[31m' }, 'VALIDATION_ERROR'],
    ['a network that is none', { allowedIps: ['203.0.113.0/33'] }, 'VALIDATION_ERROR'],
    ['an address that is none', { allowedIps: ['203.0.113.256'] }, 'VALIDATION_ERROR'],
    ['an address with leading zeros', { allowedIps: ['203.0.113.05'] }, 'VALIDATION_ERROR'],
    ['an IPv4 network in IPv6 clothes', { allowedIps: ['::ffff:203.0.113.0/120'] }, 'VALIDATION_ERROR'],
    ['a host name', { allowedIps: ['localhost'] }, 'VALIDATION_ERROR'],
    ['too many networks', { allowedIps: Array.from({ length: 51 }, () => '10.0.0.0/8') }, 'VALIDATION_ERROR'],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'VALIDATION_ERROR'],
    ['an end that is no instant', { expiresAt: 'tomorrow' }, 'VALIDATION_ERROR'],
    ['an end without an offset', { expiresAt: '2100-01-01T00:00:00' }, 'VALIDATION_ERROR'],
    ['another organisation', { organizationId: randomUUID() }, 'VALIDATION_ERROR'],
    ['a key of its own choosing', { key: 'vcp_live_mine' }, 'VALIDATION_ERROR'],
  ])('with %s is refused', async (_case, body, code) => {
    const { status, body: answered } = await mint(body);
    expect([status, tradingError.parse(answered).code]).toEqual([400, code]);
    expect(await auditOf(ours.id)).toEqual([]);
  });

  test('is for one organisation, which has to be named among several', async () => {
    const both = trader([ours.id, theirs.id]);
    const unnamed = await mint({}, both);
    expect([unnamed.status, unnamed.body.code]).toEqual([403, 'ORG_CONTEXT_REQUIRED']);
    const named = await mint({}, both, { 'x-org-id': theirs.id });
    expect(mintedApiKey.parse(named.body).organizationId).toBe(theirs.id);
    expect((await mint({}, trader(), { 'x-org-id': theirs.id })).status).toBe(403);
  });

  test('is not for an organisation that a token names and nobody registered', async () => {
    expect((await mint({}, trader([randomUUID()]))).status).toBe(403);
  });

  test('gives an organisation without a prefix the one that it will have', async () => {
    ours = await anOrganisation(api.admin, { tradingState: null, queuePrefix: null, slug: `a-${randomUUID()}` });
    const { connectionBundle } = await minted();
    expect(connectionBundle).toMatchObject({ queuePrefix: ours.slug, queues: { command: `vcp.${ours.slug}.command` } });
  });

  test('ends at twenty that can be used, also when many are asked for at once', async () => {
    const made = await Promise.all(Array.from({ length: 22 }, () => mint({})));
    expect(made.map(({ status }) => status).toSorted()).toEqual([...Array.from({ length: 20 }, () => 201), 409, 409]);
    const { id } = mintedApiKey.parse(made.find(({ status }) => status === 201)?.body);
    await api.delete(`${KEYS}/${id}`, trader());
    expect((await mint({})).status).toBe(201);
  });
});

describe('revoking a key', () => {
  test.each([
    ['DELETE', (id: string) => api.delete(`${KEYS}/${id}`, trader())],
    ['POST …/revoke', (id: string) => api.post(`${KEYS}/${id}/revoke`, {}, trader())],
  ])('by %s ends it at once', async (_form, revoke) => {
    const made = await minted();
    const before = await versionOf(ours.id);
    const { status, text } = await revoke(made.id);
    expect([status, text]).toEqual([204, '']);
    expect(await findKey(made.key)).toBeNull();
    expect(await versionOf(ours.id)).toBe(before + 1);
    expect((await auditOf(ours.id)).at(-1)).toEqual({
      actor: 'tess',
      action: 'key.revoke',
      subject: made.id,
      detail: { name: 'Gateway' },
    });
  });

  test('again answers the same, and writes nothing down', async () => {
    const { id } = await minted();
    const revoke = () => api.delete(`${KEYS}/${id}`, trader());
    const first = await Promise.all([revoke(), revoke()]);
    expect([...first, await revoke()].map(({ status }) => status)).toEqual([204, 204, 204]);
    expect((await auditOf(ours.id)).map(({ action }) => action)).toEqual(['key.mint', 'key.revoke']);
  });

  test.each([
    ['that is not there', () => Promise.resolve(randomUUID())],
    ['of another organisation', async () => mintedApiKey.parse((await mint({}, trader([theirs.id]))).body).id],
  ])('%s is 404 with nothing done', async (_case, idOf) => {
    const id = await idOf();
    const { status, body } = await api.delete(`${KEYS}/${id}`, trader());
    expect([status, tradingError.parse(body).code]).toEqual([404, 'API_KEY_NOT_FOUND']);
    expect(await auditOf(ours.id)).toEqual([]);
  });

  test('by something that is no id is refused', async () => {
    const { status, body } = await api.delete(`${KEYS}/vcp_live_x`, trader());
    expect([status, body.code]).toEqual([400, 'INVALID_UUID']);
  });
});

describe('on the broker', () => {
  beforeEach(async () => {
    ours = await anOrganisation(api.admin);
  });

  test('a new key has its virtual host when it is answered', async () => {
    const { connectionBundle } = await minted();
    const { exchanges, queues } = await api.vhost.api.exportDefinitions(connectionBundle.vhost);
    expect(exchanges.map(({ name }) => name)).toContain(connectionBundle.exchange);
    expect(queues.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.values(connectionBundle.queues)));
  });

  test('what a revoked key has open is closed within 5 seconds, and closed again when the broker lets it in late', async () => {
    const [{ id, vhost }, other] = [await minted(), await minted()];
    const partner = await aBrokerUser([vhost, other.vhost]);
    const [open, untouched] = [await partner.connect(vhost), await partner.connect(other.vhost)];
    const own = await connect(within(api.vhost.amqpUrl, vhost));
    const seen = () => api.vhost.api.listConnections(vhost);
    await eventually(async () => expect((await seen()).map(({ user }) => user)).toContain(ours.slug));
    const start = performance.now();
    expect((await api.delete(`${KEYS}/${id}`, trader())).status).toBe(204);
    await eventually(() => expect(open.isClosed()).toBe(true), { withinMs: 5_000 });
    expect(performance.now() - start).toBeLessThan(5_000);
    expect([untouched.isClosed(), await isOpen(own)]).toEqual([false, true]);

    const late = await partner.connect(vhost);
    await eventually(async () => {
      await api.aProvisioner().round();
      expect(late.isClosed()).toBe(true);
    });
    await own.close();
    await partner.remove();
  });

  /** As partners are to the broker, for whoever has no key: a user of its own name. */
  async function aBrokerUser(vhosts: readonly string[]) {
    const password = randomUUID();
    const opened: ChannelModel[] = [];
    await api.vhost.api.putUser(ours.slug, password);
    for (const vhost of vhosts) {
      await api.vhost.api.putPermissions(vhost, ours.slug, { configure: '', write: '', read: '' });
    }
    return {
      async connect(vhost: string) {
        const url = new URL(within(api.vhost.amqpUrl, vhost));
        Object.assign(url, { username: ours.slug, password });
        const connection = await connect(url.href);
        opened.push(connection);
        let isClosed = false;
        connection.on('error', () => undefined).on('close', () => (isClosed = true));
        return { isClosed: () => isClosed };
      },
      async remove() {
        await Promise.allSettled(opened.map((connection) => connection.close()));
        await api.vhost.api.deleteUser(ours.slug);
      },
    };
  }

  const within = (url: string, vhost: string): string => Object.assign(new URL(url), { pathname: `/${vhost}` }).href;
  const isOpen = async (connection: ChannelModel): Promise<boolean> => {
    await (await connection.createChannel()).close();
    return true;
  };
});

describe('a broker that does not answer', () => {
  let silent: Server;
  let stuck: TestApi;
  beforeAll(async () => {
    silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    stuck = await openTestApi({ rabbit: rabbitApi({ url: `http://a:b@127.0.0.1:${port}` }) });
  }, 60_000);
  afterAll(async () => {
    await stuck.close();
    silent.close();
  });

  test('keeps neither a new key nor a revocation back', async () => {
    const { id: orgId } = await anOrganisation(stuck.admin);
    const claims = { orgs: [orgId], roles: ['admin'] };
    const start = performance.now();
    const made = await stuck.post(KEYS, { name: 'Gateway', scopes: ['vcp:connect'] }, claims);
    const { id, key } = mintedApiKey.parse(made.body);
    expect(await findApiKey(stuck.read, apiKeyDigest(PEPPER, key))).toMatchObject({ id });
    expect((await stuck.delete(`${KEYS}/${id}`, claims)).status).toBe(204);
    expect(await findApiKey(stuck.read, apiKeyDigest(PEPPER, key))).toBeNull();
    expect(performance.now() - start).toBeLessThan(8_000);
  });
});
