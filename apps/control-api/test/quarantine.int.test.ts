import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  discardQuarantineResponse,
  discardResult,
  ownProblem,
  replayQuarantineResponse,
  replayResult,
  type DispatchMessage,
  type Outcome,
} from '@quarterhour/contracts';
import {
  firstBrokenAudit,
  getDispatch,
  getQuarantined,
  listQuarantine,
  NO_ORGANISATION,
  type OrganisationRow,
  type QuarantinedRecord,
} from '@quarterhour/db';
import {
  aDispatch,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  sentDispatch,
  sentTelemetry,
  takeIn,
  type TokenClaims,
} from '@quarterhour/testkit';
import { z } from 'zod';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const QUARANTINE = '/quarterhour/v1/quarantine';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
beforeEach(async () => {
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
});
afterAll(() => api.close());

const operator = (): TokenClaims => ({ sub: 'olga', orgs: [ours.id], roles: ['operator'] });
const admin = (): TokenClaims => ({ sub: 'ada', orgs: [ours.id], roles: ['admin'] });
const replay = (id: string, claims = operator(), body = {}) => api.post(`${QUARANTINE}/${id}/replay`, body, claims);
const discard = (id: string, claims = operator(), body = {}) =>
  api.post(`${QUARANTINE}/${id}/discard`, { because: 'a test', ...body }, claims);
const replayed = async (id: string, claims = operator(), body = {}) => {
  const response = await replay(id, claims, body);
  expect([response.status, response.text]).toEqual([200, expect.anything()]);
  return replayResult.parse(response.body);
};

/** The newest delivery that was set aside. */
async function newest(orgId: string): Promise<string> {
  const page = await api.read.read([orgId], (trx) =>
    listQuarantine(trx, { limit: 1 }, [{ name: 'id', column: 'id', as: 'text' }]),
  );
  return (
    z
      .array(z.object({ id: z.string() }))
      .length(1)
      .parse(JSON.parse(page.json))[0]?.id ?? ''
  );
}

async function setAside(sent: Parameters<typeof takeIn>[1], orgId: string): Promise<string> {
  const outcome: Outcome = await takeIn(api.worker, sent);
  expect(outcome).toBe('quarantined');
  return newest(orgId);
}

const shown = async (id: string): Promise<QuarantinedRecord> => {
  const record = await api.read.read([ours.id, theirs.id, NO_ORGANISATION], (trx) => getQuarantined(trx, id));
  if (record === null) throw new Error('it is gone');
  return record;
};
const stored = (eventId: string) => api.read.read([ours.id, theirs.id], (trx) => getDispatch(trx, eventId));
const auditOf = (orgId: string) =>
  api.read.read([orgId], (trx) =>
    trx.query<{ actor: string; action: string; subject: string; detail: Record<string, unknown> }>({
      text: 'select actor, action, subject, detail from app.audit where org_id = $1 order by seq',
      values: [orgId],
    }),
  );
const brokenAudit = (orgId: string) => api.read.read([orgId], (trx) => firstBrokenAudit(trx, orgId));

/** A dispatch for an asset that is registered afterwards: nobody can be named when it comes. */
async function parkedDispatch(): Promise<{ id: string; message: DispatchMessage }> {
  const code = `T${randomUUID().slice(0, 8)}`.toUpperCase();
  const message = aDispatch({ asset_id: `DE_50HZ_${code}_1` });
  const id = await setAside(sentDispatch(message), NO_ORGANISATION);
  return { id, message };
}
const register = ({ message }: { message: DispatchMessage }, owner = ours): Promise<string> =>
  anAsset(api.admin, owner, { code: message.asset_id.split('_')[2] ?? '' });

/** Telemetry of a plant of ours that no schema allows. */
async function faultySample(owner = ours): Promise<string> {
  const plant = await aPlant(api.admin, owner);
  const envelope = aRealtimeEnvelope({ siteId: plant.id, payload: { socPercent: 101 } });
  return setAside(sentTelemetry(owner.slug, envelope), owner.id);
}

describe('replaying one delivery', () => {
  test('stores a parked dispatch and its receipt once its asset is registered', async () => {
    const parked = await parkedDispatch();
    await register(parked);
    expect(await replayed(parked.id, admin())).toEqual({ id: parked.id, result: 'replayed', outcome: 'stored' });
    const dispatch = await stored(parked.message.event_id);
    expect(dispatch).toMatchObject({ orgId: ours.id, receipts: [{ messageId: parked.message.event_id, copies: 1 }] });
    expect(await shown(parked.id)).toMatchObject({
      state: 'replayed',
      replayedAs: 'stored',
      decidedBy: 'ada',
      attempts: 1,
    });
  });

  test('says what would become of it in a dry run, and changes nothing', async () => {
    const parked = await parkedDispatch();
    await register(parked);
    const before = await shown(parked.id);
    const audited = await auditOf(NO_ORGANISATION);
    expect(await replayed(parked.id, admin(), { dry_run: true })).toEqual({
      id: parked.id,
      result: 'replayed',
      outcome: 'stored',
    });
    expect(await stored(parked.message.event_id)).toBeNull();
    expect(await shown(parked.id)).toEqual(before);
    expect(await auditOf(NO_ORGANISATION)).toEqual(audited);
  });

  test('leaves open what is still at fault, and keeps what stood in the way', async () => {
    const id = await faultySample();
    expect(await replayed(id)).toMatchObject({
      id,
      result: 'still_quarantined',
      reason: 'implausible',
      path: 'payload.socPercent',
    });
    expect(await shown(id)).toMatchObject({
      state: 'open',
      attempts: 1,
      decidedBy: null,
      lastAttempt: { reason: 'implausible', path: 'payload.socPercent' },
    });
    expect(await auditOf(ours.id)).toEqual([
      {
        actor: 'olga',
        action: 'quarantine.replay',
        subject: id,
        detail: expect.objectContaining({ reason: 'implausible' }),
      },
    ]);
  });

  test('refuses a delivery whose reason cannot end differently, and tries nothing', async () => {
    const id = await setAside({ ...sentDispatch(aDispatch()), body: Buffer.from('{"a":') }, NO_ORGANISATION);
    expect(await replayed(id, admin())).toMatchObject({ id, result: 'not_replayable' });
    expect((await shown(id)).attempts).toBe(0);
  });

  test('says that it was decided before', async () => {
    const id = await faultySample();
    await discard(id);
    expect(await replayed(id)).toEqual({ id, result: 'not_open', state: 'discarded' });
  });

  test('by two at once stores one fact, and writes one success down', async () => {
    const parked = await parkedDispatch();
    await register(parked);
    const both = await Promise.all([replayed(parked.id, admin()), replayed(parked.id, admin())]);
    expect(both.map(({ result }) => result).toSorted()).toEqual(['not_open', 'replayed']);
    expect((await stored(parked.message.event_id))?.receipts).toMatchObject([{ copies: 1 }]);
    const successes = (await auditOf(NO_ORGANISATION)).filter(({ subject }) => subject === parked.id);
    expect(successes).toEqual([expect.objectContaining({ detail: { replayed_as: 'stored' } })]);
  });

  test('does not store a fact of an organisation that is out of reach', async () => {
    const parked = await parkedDispatch();
    await register(parked, theirs);
    expect(await replayed(parked.id, admin())).toMatchObject({ result: 'still_quarantined', reason: 'schema' });
    expect(await stored(parked.message.event_id)).toBeNull();
    expect((await shown(parked.id)).waitsFor).toBe(`asset ${parked.message.asset_id}`);
  });

  test('keeps who did it to 200 characters', async () => {
    const id = await faultySample();
    await replayed(id, { ...operator(), sub: 'o'.repeat(255) });
    expect((await auditOf(ours.id))[0]?.actor).toBe('o'.repeat(200));
  });
});

describe('discarding one delivery', () => {
  test('puts it aside with who, when and why, and leaves it readable', async () => {
    const id = await faultySample();
    const { status, body } = await discard(id, operator(), { because: 'the inverter was replaced' });
    expect([status, discardResult.parse(body)]).toEqual([200, { id, result: 'discarded' }]);
    const record = await shown(id);
    expect(record).toMatchObject({ state: 'discarded', decidedBy: 'olga', decisionNote: 'the inverter was replaced' });
    expect(record.body.length).toBe(record.bodyBytes);
    expect(await auditOf(ours.id)).toEqual([
      {
        actor: 'olga',
        action: 'quarantine.discard',
        subject: id,
        detail: { because: 'the inverter was replaced', reason: 'implausible' },
      },
    ]);
  });

  test('in a dry run changes nothing', async () => {
    const id = await faultySample();
    const before = await shown(id);
    expect((await discard(id, operator(), { dry_run: true })).body).toEqual({ id, result: 'discarded' });
    expect(await shown(id)).toEqual(before);
    expect(await auditOf(ours.id)).toEqual([]);
  });

  test.each([{ because: '' }, { because: 'x'.repeat(1001) }, { because: undefined }, { because: 'a\u0000b' }])(
    'needs a reason, not %j',
    async (body) => {
      const { status, body: problem } = await discard(randomUUID(), operator(), body);
      expect([status, ownProblem.parse(problem).errors?.[0]?.path]).toEqual([400, ['because']]);
    },
  );
});

describe('deciding about many', () => {
  test('replays each by itself, in the order in which they came, and names what is not there', async () => {
    const faulty = await faultySample();
    const parked = await parkedDispatch();
    await register(parked);
    const foreign = await faultySample(theirs);
    const nowhere = randomUUID();
    const { status, body } = await api.post(
      `${QUARANTINE}/replay`,
      { ids: [nowhere, parked.id.toUpperCase(), foreign, faulty, faulty] },
      admin(),
    );
    expect(status).toBe(200);
    const { results } = replayQuarantineResponse.parse(body);
    expect(results.map(({ id, result }) => [id, result])).toEqual([
      [faulty, 'still_quarantined'],
      [parked.id, 'replayed'],
      [nowhere, 'not_found'],
      [foreign, 'not_found'],
    ]);
    expect((await shown(foreign)).attempts).toBe(0);
  });

  test('discards each that is open', async () => {
    const ids = [await faultySample(), await faultySample()];
    await discard(ids[0] ?? '');
    const { body } = await api.post(`${QUARANTINE}/discard`, { ids, because: 'tidying up' }, operator());
    expect(discardQuarantineResponse.parse(body).results).toEqual([
      { id: ids[0], result: 'not_open', state: 'discarded' },
      { id: ids[1], result: 'discarded' },
    ]);
  });

  test.each([
    ['none', []],
    ['too many', Array.from({ length: 1_001 }, () => randomUUID())],
    ['what is no UUID', ['x']],
  ])('refuses %s', async (_what, ids) => {
    for (const decision of ['replay', 'discard']) {
      const { status, body } = await api.post(`${QUARANTINE}/${decision}`, { ids, because: 'a test' }, operator());
      expect([status, ownProblem.parse(body).errors?.[0]?.path[0]]).toEqual([400, 'ids']);
    }
  });

  test('takes a thousand within the time that a caller waits', async () => {
    const plant = await aPlant(api.admin, ours);
    const envelope = aRealtimeEnvelope({ siteId: plant.id, payload: { socPercent: 101 } });
    const id = await setAside(sentTelemetry(ours.slug, envelope), ours.id);
    await api.admin.transaction([ours.id], (trx) =>
      trx.query({
        text: `insert into app.quarantine select (jsonb_populate_record(q, jsonb_build_object(
                 'id', gen_random_uuid(), 'routing_key', q.routing_key || n))).*
               from app.quarantine q, generate_series(1, 999) n where q.id = $1`,
        values: [id],
      }),
    );
    const all = await api.admin.read([ours.id], (trx) =>
      trx.query<{ id: string }>({ text: 'select id from app.quarantine where org_id = $1', values: [ours.id] }),
    );
    const start = performance.now();
    const { status, body } = await api.post(`${QUARANTINE}/replay`, { ids: all.map((row) => row.id) }, operator());
    expect([status, replayQuarantineResponse.parse(body).results.length]).toEqual([200, 1_000]);
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

describe('what is out of reach', () => {
  const decisions = [
    ['replayed', replay],
    ['discarded', discard],
  ] as const;

  test.each(decisions)('cannot be %s: another’s, and nobody’s, is what does not exist', async (_what, decide) => {
    const foreign = await faultySample(theirs);
    const { id: nobodys } = await parkedDispatch();
    const nowhere = await decide(randomUUID());
    expect([nowhere.status, ownProblem.parse(nowhere.body).code]).toEqual([404, 'DELIVERY_NOT_FOUND']);
    for (const id of [foreign, nobodys]) {
      const { status, body } = await decide(id);
      expect([status, { ...body, request_id: '' }]).toEqual([404, { ...nowhere.body, request_id: '' }]);
      expect((await shown(id)).state).toBe('open');
    }
  });

  test.each(decisions)('is not %s by an operator that claims to be nobody', async (_what, decide) => {
    const { id } = await parkedDispatch();
    expect((await decide(id, { ...operator(), orgs: [ours.id, NO_ORGANISATION] })).status).toBe(404);
  });

  test.each([
    ['replay', {}],
    ['discard', { because: 'a test' }],
  ])('cannot be decided by %s under another organisation’s x-org-id', async (decision, body) => {
    const url = `${QUARANTINE}/${await faultySample()}/${decision}`;
    const both = { ...operator(), orgs: [ours.id, theirs.id] };
    expect((await api.post(url, body, both, { 'x-org-id': theirs.id })).status).toBe(404);
    expect((await api.post(url, body, both, { 'x-org-id': ours.id })).status).toBe(200);
  });
});

test('the audit chains of everybody concerned are whole', async () => {
  const parked = await parkedDispatch();
  await register(parked);
  await replayed(parked.id, admin());
  const faulty = await faultySample();
  await replayed(faulty);
  await discard(faulty);
  expect(await auditOf(ours.id)).toHaveLength(2);
  expect([await brokenAudit(ours.id), await brokenAudit(NO_ORGANISATION)]).toEqual([null, null]);
});
