import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import {
  assetEventMessage,
  assetOutput,
  assetProblem,
  assetValidationProblem,
  type AssetOutput,
} from '@quarterhour/contracts';
import { findAsset, firstBrokenAudit, type OrganisationRow } from '@quarterhour/db';
import { assetReply, entityTagOf, presentAsset, type Method } from '@quarterhour/http';
import { anOrganisation, aDispatch, sentDispatch, takeIn } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const ASSETS = '/asset-api/v1/assets';
const ACTIONS = ['commission', 'go-live', 'suspend', 'resume', 'decommission'] as const;
type Action = (typeof ACTIONS)[number];

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let codes = 0;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
}, 60_000);
afterAll(() => api.close());

const operator = (organisation = ours) => ({ orgs: [organisation.id], roles: ['operator'], sub: 'ada' });
const newCode = (): string => `C${(codes += 1)}`;
const aBody = (different: object = {}) => ({
  code: newCode(),
  name: 'A battery',
  type: 'BESS',
  region: 'DE',
  delivery_area: '50HZ',
  provider: 'ASSET_SIMULATOR',
  ...different,
});
const send = (method: Method, path: string, body?: object, headers = {}, claims = operator()) =>
  api.send(method, `${ASSETS}${path}`, claims, body, headers);
const anAsset = async (different: object = {}, claims = operator()): Promise<AssetOutput> => {
  const response = await send('post', '', aBody(different), {}, claims);
  expect([response.status, response.text]).toEqual([201, expect.anything()]);
  return assetOutput.parse(response.body);
};
const act = async (id: string, action: Action, headers = {}): Promise<number> =>
  (await send('post', `/${id}/actions/${action}`, undefined, headers)).status;
const anAssetThatIs = async (lifecycle: string): Promise<string> => {
  const { id } = await anAsset();
  const way: Record<string, Action[]> = {
    DRAFT: [],
    COMMISSIONING: ['commission'],
    LIVE: ['commission', 'go-live'],
    SUSPENDED: ['commission', 'go-live', 'suspend'],
    DECOMMISSIONED: ['commission', 'go-live', 'decommission'],
  };
  for (const action of way[lifecycle] ?? []) expect(await act(id, action)).toBe(204);
  return id;
};
const stored = (id: string) => api.admin.read([ours.id, theirs.id], (trx) => findAsset(trx, id));
const found = async (id: string) => {
  const asset = await stored(id);
  if (asset === null) throw new Error(`there is no asset ${id}`);
  return asset;
};
const rows = <R extends object>(text: string, ...values: unknown[]) =>
  api.admin.read([ours.id, theirs.id], (trx) => trx.query<R>({ text, values }));
const auditOf = (id: string) =>
  rows<{ actor: string; action: string; detail: Record<string, unknown> }>(
    'select actor, action, detail from app.audit where subject = $1 order by seq',
    id,
  );
const eventsOf = async (id: string) => {
  const sent = await rows<{ exchange: string; routing_key: string; body: Buffer; message_id: string }>(
    'select exchange, routing_key, body, message_id from app.outbox where order_key = $1 order by id',
    `asset ${id}`,
  );
  return sent.map(({ exchange, routing_key: key, body, message_id: messageId }) => {
    const message = assetEventMessage.parse(JSON.parse(body.toString()));
    expect([exchange, message.event_id]).toEqual(['fleet', messageId]);
    return { key, change: message.change, asset: message.asset, owner: message.organisation_id };
  });
};
const knownAt = async (): Promise<string | undefined> =>
  (await rows<{ at: string }>('select known_at::text as at from app.org_head where org_id = $1::uuid', ours.id))[0]?.at;

describe('registering an asset', () => {
  test('makes a draft without a date of going live, under an id of region, area, code in capitals and a number', async () => {
    const asset = await anAsset({ code: 'wu-x', region: 'PL', delivery_area: 'PSE', type: 'PV' });
    expect(asset).toMatchObject({
      id: 'PL_PSE_WU-X_1',
      code: 'wu-x',
      name: 'A battery',
      type: 'PV',
      region: 'PL',
      delivery_area: 'PSE',
      lifecycle: 'DRAFT',
      provider: 'ASSET_SIMULATOR',
      go_live_date: null,
    });
    expect(asset.updated_at).toBe(asset.created_at);
  });

  test('takes the same code again with the next number, in whatever letters and for whomever', async () => {
    const code = newCode();
    const first = await anAsset({ code });
    const second = await anAsset({ code: code.toLowerCase() }, operator(theirs));
    expect([first.id, second.id]).toEqual([`DE_50HZ_${code}_1`, `DE_50HZ_${code}_2`]);
  });

  test('counts by area, and never uses a number again', async () => {
    const code = newCode();
    const first = await anAsset({ code });
    expect((await anAsset({ code, delivery_area: 'AMPN' })).id).toBe(`DE_AMPN_${code}_1`);
    expect((await send('delete', `/${first.id}`)).status).toBe(204);
    expect((await anAsset({ code })).id).toBe(`DE_50HZ_${code}_2`);
  });

  test('gives fifty who come at once fifty numbers without a gap', async () => {
    const code = newCode();
    const made = await Promise.all(
      Array.from({ length: 50 }, (_one, index) => anAsset({ code }, operator(index % 2 === 0 ? ours : theirs))),
    );
    const numbers = made.map(({ id }) => Number(id.split('_').at(-1))).toSorted((left, right) => left - right);
    expect(numbers).toEqual(Array.from({ length: 50 }, (_one, index) => index + 1));
  });

  test('leaves nothing behind when the body breaks a rule, and says where', async () => {
    const before = await knownAt();
    const body = { ...aBody({ type: 'WIND', delivery_area: 'PSE', lifecycle: 'LIVE' }), code: undefined };
    const response = await send('post', '', body);
    expect(response.status).toBe(422);
    const { detail } = assetValidationProblem.parse(response.body);
    expect(detail.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['body.code', 'missing'],
      ['body.type', 'literal_error'],
      ['body.lifecycle', 'extra_forbidden'],
    ]);
    expect(await knownAt()).toBe(before);
  });

  test('refuses a JSON number that a double may have rounded, where it stands', async () => {
    const body = JSON.stringify(aBody()).replace(/}$/, ',"extra":[0.1000000000000000001]}');
    const claims = await api.issuer.token(operator());
    const response = await request(api.app)
      .post(ASSETS)
      .set({ authorization: `Bearer ${claims}`, 'content-type': 'application/json' })
      .send(body);
    expect([response.status, assetValidationProblem.parse(response.body).detail]).toMatchObject([
      422,
      [{ loc: ['body', 'extra', 0], type: 'decimal_max_digits' }],
    ]);
  });

  test('refuses an area of the other region at delivery_area', async () => {
    const response = await send('post', '', aBody({ delivery_area: 'PSE' }));
    expect([response.status, assetValidationProblem.parse(response.body).detail]).toMatchObject([
      422,
      [{ loc: ['body', 'delivery_area'], type: 'area_mismatch', input: 'PSE' }],
    ]);
  });

  test('releases what was parked for it: the worker sees that the register changed', async () => {
    const code = newCode();
    const message = sentDispatch(aDispatch({ asset_id: `DE_50HZ_${code}_1` }));
    expect(await takeIn(api.worker, message)).toBe('quarantined');
    const version = () => rows<{ version: string }>('select version::text from ops.register_version');
    const before = await version();
    await anAsset({ code });
    expect(await version()).not.toEqual(before);
    expect(await takeIn(api.worker, message)).toBe('stored');
  });
});

describe('changing an asset', () => {
  test('replaces what is given and leaves the rest', async () => {
    const asset = await anAsset();
    const change = { name: 'Another', type: 'VBAT', go_live_date: '2026-05-01', provider: 'EBX' };
    const response = await send('patch', `/${asset.id}`, change);
    expect([response.status, response.text]).toEqual([204, '']);
    const { updatedAt, ...changed } = (await stored(asset.id)) ?? { updatedAt: '' };
    expect(changed).toMatchObject({ name: 'Another', type: 'VBAT', goLiveDate: '2026-05-01', provider: 'EBX' });
    expect(changed).toMatchObject({ code: asset.code, lifecycle: 'DRAFT', createdAt: asset.created_at });
    expect(updatedAt > asset.updated_at).toBe(true);
    expect(response.headers['quarterhour-known-at']).toBe(updatedAt);
  });

  test.each([
    ['nothing', {}],
    ['null for everything', { name: null, type: null, go_live_date: null, provider: null }],
    ['what it is already', { name: 'A battery' }],
  ])('with %s changes nothing and tells nobody', async (_what, change) => {
    const { id, updated_at: before } = await anAsset();
    expect((await send('patch', `/${id}`, change)).status).toBe(204);
    expect((await stored(id))?.updatedAt).toBe(before);
    expect(await auditOf(id)).toHaveLength(1);
    expect(await eventsOf(id)).toHaveLength(1);
  });

  test('by fifty at once loses no change: each begins where the one before ended', async () => {
    const asset = await anAsset();
    const changes = Array.from({ length: 50 }, (_one, index) =>
      index % 2 === 0 ? { name: `name ${index}` } : { go_live_date: `20${10 + index}-01-01` },
    );
    const answers = await Promise.all(changes.map((change) => send('patch', `/${asset.id}`, change)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    const details = (await auditOf(asset.id)).map(({ detail }) => detail);
    expect(details).toHaveLength(51);
    for (const [index, { before }] of details.entries()) expect(before).toEqual(details[index - 1]?.['after'] ?? null);
    expect(details.at(-1)?.['after']).toEqual(presentAsset(await found(asset.id)));
    expect((await eventsOf(asset.id)).map((event) => event.asset)).toEqual(details.map(({ after }) => after));
  });

  test('does not clear the date of going live', async () => {
    const { id } = await anAsset();
    await send('patch', `/${id}`, { go_live_date: '2026-05-01' });
    await send('patch', `/${id}`, { go_live_date: null });
    expect((await stored(id))?.goLiveDate).toBe('2026-05-01');
  });

  test.each(['code', 'region', 'delivery_area', 'lifecycle', 'id', 'created_at'])('refuses %s', async (name) => {
    const { id } = await anAsset();
    const response = await send('patch', `/${id}`, { [name]: 'DE' });
    expect([response.status, assetValidationProblem.parse(response.body).detail]).toMatchObject([
      422,
      [{ loc: ['body', name], type: 'extra_forbidden' }],
    ]);
  });

  test('needs an object', async () => {
    const { id } = await anAsset();
    const response = await send('patch', `/${id}`, []);
    expect([response.status, assetValidationProblem.parse(response.body).detail[0]?.loc]).toEqual([422, ['body']]);
  });
});

describe("an asset's life", () => {
  const STEPS: Readonly<Record<Action, [from: string, to: string]>> = {
    commission: ['DRAFT', 'COMMISSIONING'],
    'go-live': ['COMMISSIONING', 'LIVE'],
    suspend: ['LIVE', 'SUSPENDED'],
    resume: ['SUSPENDED', 'LIVE'],
    decommission: ['LIVE', 'DECOMMISSIONED'],
  };
  const LIFECYCLES = ['DRAFT', 'COMMISSIONING', 'LIVE', 'SUSPENDED', 'DECOMMISSIONED'];

  test.each(LIFECYCLES)('goes on from %s by the steps that begin there, and by no other', async (lifecycle) => {
    for (const action of ACTIONS) {
      const id = await anAssetThatIs(lifecycle);
      const [from, to] = STEPS[action];
      const response = await send('post', `/${id}/actions/${action}`);
      const isAllowed = from === lifecycle;
      expect([action, response.status]).toEqual([action, isAllowed ? 204 : 409]);
      if (!isAllowed) expect(assetProblem.parse(response.body).detail).toContain(lifecycle);
      expect((await stored(id))?.lifecycle).toBe(isAllowed ? to : lifecycle);
    }
  });

  test('a step that was taken is not taken again', async () => {
    const { id } = await anAsset();
    expect([await act(id, 'commission'), await act(id, 'commission')]).toEqual([204, 409]);
  });

  test('going live fills an empty date with today in UTC', async () => {
    const id = await anAssetThatIs('COMMISSIONING');
    const before = new Date().toISOString().slice(0, 10);
    await act(id, 'go-live');
    const after = new Date().toISOString().slice(0, 10);
    expect([before, after]).toContain((await stored(id))?.goLiveDate);
  });

  test('going live keeps a date that is there, and so does being resumed', async () => {
    const id = await anAssetThatIs('COMMISSIONING');
    await send('patch', `/${id}`, { go_live_date: '2020-02-29' });
    for (const action of ['go-live', 'suspend', 'resume'] as const) expect(await act(id, action)).toBe(204);
    expect(await stored(id)).toMatchObject({ lifecycle: 'LIVE', goLiveDate: '2020-02-29' });
  });

  test('of twenty who take one step at once, one does and the others learn that it was taken', async () => {
    const { id } = await anAsset();
    const statuses = await Promise.all(Array.from({ length: 20 }, () => act(id, 'commission')));
    expect(statuses.toSorted()).toEqual([204, ...Array.from({ length: 19 }, () => 409)]);
    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['asset.create', 'asset.commission']);
  });

  test('of suspending and decommissioning at once, one wins', async () => {
    const id = await anAssetThatIs('LIVE');
    const statuses = await Promise.all([act(id, 'suspend'), act(id, 'decommission')]);
    expect(statuses.toSorted()).toEqual([204, 409]);
    expect((await stored(id))?.lifecycle).toBe(statuses[0] === 204 ? 'SUSPENDED' : 'DECOMMISSIONED');
  });
});

describe('deleting an asset', () => {
  test.each(['DRAFT', 'DECOMMISSIONED'])('takes one that is %s out of the register', async (lifecycle) => {
    const id = await anAssetThatIs(lifecycle);
    const response = await send('delete', `/${id}`);
    expect([response.status, response.text, await stored(id)]).toEqual([204, '', null]);
    expect((await send('delete', `/${id}`)).status).toBe(404);
  });

  test.each(['COMMISSIONING', 'LIVE', 'SUSPENDED'])('is refused for one that is %s', async (lifecycle) => {
    const id = await anAssetThatIs(lifecycle);
    const response = await send('delete', `/${id}`);
    expect([response.status, assetProblem.parse(response.body).detail]).toEqual([
      409,
      expect.stringContaining(lifecycle),
    ]);
    expect((await stored(id))?.lifecycle).toBe(lifecycle);
    expect(await eventsOf(id)).not.toContainEqual(expect.objectContaining({ change: 'deleted' }));
  });

  test('and taking its first step at once: one wins, and the other learns what became of it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await anAsset();
      const [step, removal] = await Promise.all([act(id, 'commission'), send('delete', `/${id}`)]);
      expect([
        [204, 409],
        [404, 204],
      ]).toContainEqual([step, removal.status]);
      expect((await stored(id))?.lifecycle).toBe(step === 204 ? 'COMMISSIONING' : undefined);
    }
  });

  test('leaves its dispatches where they are', async () => {
    const { id } = await anAsset();
    expect(await takeIn(api.worker, sentDispatch(aDispatch({ asset_id: id })))).toBe('stored');
    expect((await send('delete', `/${id}`)).status).toBe(204);
    expect(await rows('select 1 from app.dispatch where asset_id = $1', id)).toHaveLength(1);
    expect(await rows('select 1 from app.asset_owner where asset_id = $1', id)).toHaveLength(1);
  });
});

describe('an asset that is not there', () => {
  const asks: [
    string,
    (id: string, claims?: ReturnType<typeof operator>, headers?: object) => ReturnType<typeof send>,
  ][] = [
    ['change', (id, claims, headers) => send('patch', `/${id}`, { name: 'x' }, headers, claims)],
    ['delete', (id, claims, headers) => send('delete', `/${id}`, undefined, headers, claims)],
    ...ACTIONS.map((action): (typeof asks)[number] => [
      action,
      (id, claims, headers) => send('post', `/${id}/actions/${action}`, undefined, headers, claims),
    ]),
  ];

  test.each(asks)('is 404 to %s, and so is that of somebody else', async (_what, ask) => {
    const { id } = await anAsset({}, operator(theirs));
    for (const response of [
      await ask('DE_50HZ_NONE_1'),
      await ask(id),
      await ask(id, operator(), { 'x-org-id': theirs.id }),
    ]) {
      expect(response.status).toBe(404);
      expect(assetProblem.parse(response.body)).toEqual({ detail: 'There is no such asset.' });
    }
    expect((await stored(id))?.lifecycle).toBe('DRAFT');
  });

  test('a write for one of several organisations has to say for which', async () => {
    const claims = { orgs: [ours.id, theirs.id], roles: ['operator'], sub: 'ada' };
    const ambiguous = await api.send('post', ASSETS, claims, aBody());
    expect([ambiguous.status, assetProblem.parse(ambiguous.body).detail]).toEqual([
      403,
      expect.stringContaining('x-org-id'),
    ]);
    const clear = await api.send('post', ASSETS, claims, aBody(), { 'x-org-id': theirs.id });
    expect([
      clear.status,
      await rows('select 1 from app.asset where id = $1 and org_id = $2::uuid', clear.body.id, theirs.id),
    ]).toEqual([201, [expect.anything()]]);
  });

  test('an organisation that nobody registered may not write', async () => {
    const claims = { orgs: [randomUUID()], roles: ['operator'], sub: 'ada' };
    expect((await api.send('post', ASSETS, claims, aBody())).status).toBe(403);
  });
});

describe('what a write leaves behind', () => {
  test('an audit entry with who, what, before and after, in a whole chain', async () => {
    const asset = await anAsset();
    await send('patch', `/${asset.id}`, { name: 'Another' });
    await act(asset.id, 'commission');
    const entries = await auditOf(asset.id);
    expect(entries.map(({ actor, action }) => [actor, action])).toEqual([
      ['ada', 'asset.create'],
      ['ada', 'asset.change'],
      ['ada', 'asset.commission'],
    ]);
    expect(entries.map(({ detail }) => detail)).toMatchObject([
      { before: null, after: asset },
      { before: asset, after: { name: 'Another', lifecycle: 'DRAFT' } },
      { before: { name: 'Another', lifecycle: 'DRAFT' }, after: { lifecycle: 'COMMISSIONING' } },
    ]);
    expect(await api.admin.read([ours.id], (trx) => firstBrokenAudit(trx, ours.id))).toBeNull();
  });

  test('an event for whoever follows the register, in the order of what happened', async () => {
    const asset = await anAsset();
    await send('patch', `/${asset.id}`, { name: 'Another' });
    await send('delete', `/${asset.id}`);
    const events = await eventsOf(asset.id);
    expect(events.map(({ key, change, owner }) => [key, change, owner])).toEqual([
      ['asset.event.created', 'created', ours.id],
      ['asset.event.changed', 'changed', ours.id],
      ['asset.event.deleted', 'deleted', ours.id],
    ]);
    expect(events.map((event) => event.asset)).toMatchObject([asset, { name: 'Another' }, { name: 'Another' }]);
  });

  test('nothing at all when it was refused', async () => {
    const id = await anAssetThatIs('LIVE');
    const before = [await auditOf(id), await eventsOf(id), await knownAt()];
    await send('delete', `/${id}`);
    await act(id, 'commission');
    expect([await auditOf(id), await eventsOf(id), await knownAt()]).toEqual(before);
  });
});

describe('If-Match', () => {
  const tagOf = async (id: string): Promise<string> =>
    entityTagOf('getAsset', [ours.id], assetReply(await found(id)).text);

  test.each<[string, (id: string, headers: object) => ReturnType<typeof send>]>([
    ['a change', (id, headers) => send('patch', `/${id}`, { name: 'x' }, headers)],
    ['a step', (id, headers) => send('post', `/${id}/actions/commission`, undefined, headers)],
    ['a deletion', (id, headers) => send('delete', `/${id}`, undefined, headers)],
  ])('stops %s of what was changed meanwhile, and lets one through that saw it', async (_what, ask) => {
    const { id } = await anAsset();
    const stale = await tagOf(id);
    await send('patch', `/${id}`, { name: 'meanwhile' });
    const refused = await ask(id, { 'if-match': stale });
    expect([refused.status, assetProblem.parse(refused.body).detail]).toEqual([
      412,
      expect.stringContaining('If-Match'),
    ]);
    expect(await stored(id)).toMatchObject({ name: 'meanwhile', lifecycle: 'DRAFT' });
    expect((await ask(id, { 'if-match': await tagOf(id) })).status).toBe(204);
  });

  test('of ten who change what they all saw, one does', async () => {
    const { id } = await anAsset();
    const tag = await tagOf(id);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_one, index) =>
        send('patch', `/${id}`, { name: `name ${index}` }, { 'if-match': tag }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, ...Array.from({ length: 9 }, () => 412)]);
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string, body: object, claims = operator()) =>
    send('post', '', body, { 'idempotency-key': key }, claims);

  test('gives the same request the first answer again, and makes nothing twice', async () => {
    const [key, body] = [randomUUID(), aBody()];
    const first = await keyed(key, body);
    const again = await keyed(key, body);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers['quarterhour-known-at']).toBe(first.headers['quarterhour-known-at']);
    expect(await rows('select 1 from app.asset where code = $1', body.code)).toHaveLength(1);
  });

  test('holds when both come at once', async () => {
    const [key, body] = [randomUUID(), aBody()];
    const answers = await Promise.all(Array.from({ length: 10 }, () => keyed(key, body)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await rows('select 1 from app.asset where code = $1', body.code)).toHaveLength(1);
  });

  test('is refused with another body, another path, or in another form', async () => {
    const key = randomUUID();
    const { id } = assetOutput.parse((await keyed(key, aBody())).body);
    const others = [
      await keyed(key, aBody()),
      await send('post', `/${id}/actions/commission`, undefined, { 'idempotency-key': key }),
    ];
    for (const { status, body } of [...others, await keyed('not one key', aBody())]) {
      expect(status).toBe(422);
      expect(assetValidationProblem.parse(body).detail[0]?.loc).toEqual(['header', 'idempotency-key']);
    }
    expect((await stored(id))?.lifecycle).toBe('DRAFT');
  });

  test('repeats a step without taking it twice', async () => {
    const { id } = await anAsset();
    const headers = { 'idempotency-key': randomUUID() };
    expect([await act(id, 'commission', headers), await act(id, 'commission', headers)]).toEqual([204, 204]);
    expect(await act(id, 'commission')).toBe(409);
  });

  test('is each organisation’s own', async () => {
    const key = randomUUID();
    const [one, other] = [await keyed(key, aBody()), await keyed(key, aBody(), operator(theirs))];
    expect([one.status, other.status]).toEqual([201, 201]);
  });

  test('keeps no refusal: what was wrong may be put right', async () => {
    const key = randomUUID();
    const id = await anAssetThatIs('DRAFT');
    const headers = { 'idempotency-key': key };
    expect(await act(id, 'go-live', headers)).toBe(409);
    await act(id, 'commission');
    expect(await act(id, 'go-live', headers)).toBe(204);
  });

  test('is forgotten after 24 hours', async () => {
    const [key, body] = [randomUUID(), aBody()];
    const first = await keyed(key, body);
    await api.admin.transaction([ours.id], (trx) =>
      trx.query({
        text: `update app.answered_request set answered_at = now() - interval '24 hours' where key = $1`,
        values: [key],
      }),
    );
    const later = await keyed(key, body);
    expect([later.status, later.body.id === first.body.id]).toEqual([201, false]);
    expect(await rows('select 1 from app.answered_request where key = $1', key)).toHaveLength(1);
  });
});

test('a body may have 5 MB on this surface', async () => {
  const name = 'x'.repeat(1_000_000);
  const { id } = await anAsset();
  expect((await send('patch', `/${id}`, { name })).status).toBe(422);
  const tooMuch = await send('patch', `/${id}`, { name: 'x'.repeat(5 * 1_048_576) });
  expect([tooMuch.status, assetProblem.safeParse(tooMuch.body).success]).toEqual([413, true]);
});
