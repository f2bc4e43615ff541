import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { tradingConfig, tradingError } from '@quarterhour/contracts';
import { firstBrokenAudit, type OrganisationRow } from '@quarterhour/db';
import { anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const CONFIG = '/api/v1/trading/config';
const COMPLETE = {
  esmApiUrl: 'https://esm.partner.example/api/v1/voke-esm',
  esmClientId: 'client-7',
  esmClientSecret: 'correct horse battery staple',
};

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
beforeEach(async () => {
  ours = await anOrganisation(api.admin, { tradingState: null, queuePrefix: null });
  theirs = await anOrganisation(api.admin, { tradingState: null });
});
afterAll(() => api.close());

const trader = (): TokenClaims => ({ sub: 'tom', orgs: [ours.id], roles: ['trader'] });
const save = (body: object, claims = trader(), headers = {}) => api.post(CONFIG, body, claims, headers);
const step = (name: string, claims = trader(), body = {}) => api.post(`${CONFIG}/${name}`, body, claims);
async function saved(body: object) {
  const response = await save(body);
  expect([response.status, response.text]).toEqual([200, expect.anything()]);
  return tradingConfig.parse(response.body);
}
async function refused(sending: ReturnType<typeof save>) {
  const { status, body } = await sending;
  const error = tradingError.parse(body);
  expect(error.statusCode).toBe(status);
  return { status, code: error.code, issues: error.details?.issues ?? [], message: error.message };
}

const rowsOf = <R extends object>(text: string): Promise<R[]> =>
  api.admin.read([ours.id, theirs.id], (trx) => trx.query<R>({ text, values: [ours.id] }));
const eventsOf = () =>
  rowsOf<{ kind: string; actor: string; origin: string; payload: Record<string, unknown>; message: string }>(
    `select kind, actor, origin, payload, message_id as message from app.trading_config_event where org_id = $1 order by place, received_at`,
  );

describe('saving', () => {
  test('keeps what is given and answers it without the secret', async () => {
    const config = await saved({ ...COMPLETE, queuePrefix: 'windhof' });
    expect(config).toMatchObject({
      organizationId: ours.id,
      status: 'DISABLED',
      queuePrefix: 'windhof',
      esmApiUrl: COMPLETE.esmApiUrl,
      esmClientId: COMPLETE.esmClientId,
      hasEsmCredentials: true,
    });
    expect(JSON.stringify(config)).not.toContain(COMPLETE.esmClientSecret);
  });

  test('seals the secret for its row, and opens nowhere else', async () => {
    const { id } = await saved(COMPLETE);
    const [row] = await rowsOf<{ secret: string }>(
      'select esm_client_secret as secret from app.trading_config where org_id = $1',
    );
    const sealed = row?.secret ?? '';
    expect(sealed).not.toContain(COMPLETE.esmClientSecret);
    const place = { orgId: ours.id, table: 'app.trading_config', column: 'esm_client_secret', rowId: id };
    expect(api.keyRing.open(sealed, place)).toBe(COMPLETE.esmClientSecret);
    expect(() => api.keyRing.open(sealed, { ...place, orgId: theirs.id })).toThrow();
  });

  test('lets stay what is left out', async () => {
    const before = await saved({ ...COMPLETE, queuePrefix: 'windhof-2' });
    const after = await saved({ esmClientId: 'client-8' });
    expect(after).toEqual({ ...before, esmClientId: 'client-8', updatedAt: expect.anything() });
    expect(after.hasEsmCredentials).toBe(true);
  });

  test('writes nothing down when nothing changes', async () => {
    const { esmClientSecret: _secret, ...open } = COMPLETE;
    await saved(open);
    const before = await eventsOf();
    await saved(open);
    await saved({});
    expect(await eventsOf()).toEqual(before);
  });

  test('keeps who changed what in event, outbox and audit, and the secret in none of them', async () => {
    await saved({ ...COMPLETE, queuePrefix: 'windhof-3' });
    const [event, ...others] = await eventsOf();
    expect(others).toEqual([]);
    expect(event).toMatchObject({ kind: 'updated', actor: 'tom', origin: 'control-plane' });
    expect(event?.payload).toMatchObject({
      queue_prefix: 'windhof-3',
      details: { changed: ['esmApiUrl', 'esmClientId', 'esmClientSecret', 'queuePrefix'] },
    });
    const outbox = await rowsOf<{ vhost: string; exchange: string; key: string; message: string; body: Buffer }>(
      'select vhost, exchange, routing_key as key, message_id as message, body from app.outbox where org_id = $1',
    );
    expect(outbox).toMatchObject([
      { vhost: 'quarterhour', exchange: 'trading', key: 'trading.config.updated', message: event?.message },
    ]);
    const audit = await rowsOf<{ actor: string; action: string; detail: unknown }>(
      'select actor, action, detail from app.audit where org_id = $1',
    );
    expect(audit).toMatchObject([{ actor: 'tom', action: 'trading.configure' }]);
    const everything = JSON.stringify([event, outbox.map(({ body }) => body.toString()), audit]);
    expect(everything).not.toContain(COMPLETE.esmClientSecret);
    expect(await api.read.read([ours.id], (trx) => firstBrokenAudit(trx, ours.id))).toBeNull();
  });

  test('keeps the bytes of the event: what comes back from the broker is a copy', async () => {
    await saved(COMPLETE);
    const [same] = await rowsOf<{ same: boolean }>(
      `select r.body = o.body and r.message_id = o.message_id and r.outcome = 'stored' as same
       from app.receipt r, app.outbox o where r.org_id = $1 and o.org_id = $1`,
    );
    expect(same).toEqual({ same: true });
  });

  test.each([
    ['an unknown member', { esmApiUrl: COMPLETE.esmApiUrl, status: 'ENABLED' }, 'status'],
    ['another organisation’s id', { organizationId: randomUUID() }, 'organizationId'],
    ['null', { esmClientId: null }, 'esmClientId'],
    ['an empty client id', { esmClientId: '' }, 'esmClientId'],
    ['a client id with a line end', { esmClientId: 'a\r\nHost: b' }, 'esmClientId'],
    ['an empty secret', { esmClientSecret: '' }, 'esmClientSecret'],
    ['a prefix of one character', { queuePrefix: 'a' }, 'queuePrefix'],
    ['a prefix of 51 characters', { queuePrefix: 'a'.repeat(51) }, 'queuePrefix'],
    ['a prefix with a hyphen at its start', { queuePrefix: '-a' }, 'queuePrefix'],
    ['a prefix of two words', { queuePrefix: 'a.b' }, 'queuePrefix'],
    ['no URL', { esmApiUrl: 'esm.partner.example' }, 'esmApiUrl'],
    ['another scheme', { esmApiUrl: 'ftp://esm.partner.example' }, 'esmApiUrl'],
  ])('refuses %s', async (_what, body, member) => {
    const { status, code, issues } = await refused(save(body));
    expect([status, code, issues.join()]).toEqual([400, 'VALIDATION_ERROR', expect.stringContaining(member)]);
  });

  test.each([
    'http://esm.partner.example/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://[::ffff:169.254.169.254]/',
    'https://localhost/',
    'https://metadata.google.internal/',
    'https://esm.partner.example:8443/',
    'https://user:word@esm.partner.example/',
    'https://api.quarterhour.example/',
  ])('refuses to call %s, and keeps nothing', async (esmApiUrl) => {
    const { status, code, issues } = await refused(save({ ...COMPLETE, esmApiUrl }));
    expect([status, code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(issues).toEqual([expect.stringMatching(/^body\.esmApiUrl: ESM_URL_NOT_ALLOWED: /)]);
    expect((await saved({})).esmApiUrl).toBeNull();
  });

  test('refuses a prefix that is in use, without telling whose it is', async () => {
    const before = await saved({});
    const { status, code, message } = await refused(save({ ...COMPLETE, queuePrefix: theirs.queuePrefix ?? '' }));
    expect([status, code]).toEqual([409, 'CONFLICT']);
    for (const told of [theirs.id, theirs.slug]) expect(message).not.toContain(told);
    expect(await saved({})).toEqual(before);
  });

  test('by two at once gives a prefix to one of them', async () => {
    const both = await Promise.all([
      save({ queuePrefix: 'only-one' }),
      save({ queuePrefix: 'only-one' }, { sub: 'tim', orgs: [theirs.id], roles: ['trader'] }),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  });
});

describe('whose configuration it is', () => {
  test('has to be said when a token has several organisations', async () => {
    const both = { ...trader(), orgs: [ours.id, theirs.id] };
    for (const sending of [save({}, both), step('enable', both), step('disable', both)]) {
      expect(await refused(sending)).toMatchObject({ status: 403, code: 'ORG_CONTEXT_REQUIRED' });
    }
    const { status, body } = await save({ esmClientId: 'c' }, both, { 'x-org-id': theirs.id });
    expect([status, tradingConfig.parse(body).organizationId]).toEqual([200, theirs.id]);
    expect((await saved({})).esmClientId).toBeNull();
  });

  test('is clear for an admin of one organisation, who may see what belongs to nobody as well', async () => {
    expect((await save({}, { sub: 'ada', orgs: [ours.id], roles: ['admin'] })).status).toBe(200);
  });

  test('is never another’s', async () => {
    const { status, code } = await refused(save({}, trader(), { 'x-org-id': theirs.id }));
    expect([status, code]).toEqual([403, 'FORBIDDEN']);
  });

  test('is nobody’s when the organisation is not registered', async () => {
    const { status, code } = await refused(save({}, { ...trader(), orgs: [randomUUID()] }));
    expect([status, code]).toEqual([403, 'FORBIDDEN']);
  });
});

describe('enabling', () => {
  test.each([
    ['nothing', {}, 'esmApiUrl, esmClientId, esmClientSecret'],
    ['no URL', { esmClientId: 'c', esmClientSecret: 's' }, 'esmApiUrl'],
    ['no secret', { esmApiUrl: COMPLETE.esmApiUrl, esmClientId: 'c' }, 'esmClientSecret'],
  ])('with %s says what is missing', async (_what, body, missing) => {
    await saved(body);
    const { status, code, message } = await refused(step('enable'));
    expect([status, code]).toEqual([400, 'TRADING_CONFIG_INCOMPLETE']);
    expect(message).toContain(`without ${missing}.`);
    expect((await saved({})).status).toBe('DISABLED');
  });

  test('without a token, role or organisation is refused', async () => {
    expect(await refused(step('enable', { ...trader(), exp: 1 }))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect(await refused(step('enable', { ...trader(), roles: ['operator'] }))).toMatchObject({ code: 'FORBIDDEN' });
  });
});

test.each(['pause', 'resume', 'drain'])('%s makes no sense before trading is enabled', async (name) => {
  const { status, body } = await api.post(`/quarterhour/v1/trading/${name}`, {}, trader());
  expect([status, body]).toMatchObject([400, { code: 'TRADING_NOT_ENABLED' }]);
});
