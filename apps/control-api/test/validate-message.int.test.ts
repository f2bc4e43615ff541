import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import {
  mintedApiKey,
  validateMessageResponse,
  type MessageValidation,
  type MintedApiKey,
} from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import {
  aCommandEnvelope,
  aDispatch,
  ALL_WRITE_SCOPES,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  aSchedule,
  aSetpoint,
  setTradingState,
  signed,
} from '@quarterhour/testkit';
import { openTestApi, type TestApi } from './api.js';

const URL = '/quarterhour/v1/messages/validate';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let plant: PlantRow;
let foreign: PlantRow;
let key: MintedApiKey;
let prefix: string;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  plant = await aPlant(api.admin, ours);
  foreign = await aPlant(api.admin, theirs);
  prefix = ours.queuePrefix ?? '';
  key = await mint(ours, ALL_WRITE_SCOPES);
}, 60_000);
afterAll(() => api.close());

async function mint({ id }: OrganisationRow, scopes: readonly string[]): Promise<MintedApiKey> {
  const claims = { orgs: [id], roles: ['trader'] };
  return mintedApiKey.parse((await api.post('/api/v1/partner/api-keys', { name: 'A key', scopes }, claims)).body);
}

async function asked(body: object, token: { orgs: string[]; roles: string[] }): Promise<MessageValidation> {
  const answer = await api.post(URL, body, token);
  expect(answer.status).toBe(200);
  return validateMessageResponse.parse(answer.body);
}

const byToken = (body: object) => asked(body, { orgs: [ours.id], roles: ['operator'] });

/** As the holder of a key asks. */
async function byKey(routingKey: string, body: object | Buffer, by = key.key): Promise<MessageValidation> {
  const message = Buffer.isBuffer(body) ? body.toString('base64') : body;
  const answer = await request(api.app)
    .post(URL)
    .set('x-api-key', by)
    .send({ exchange: 'vcp', routing_key: `${prefix}.${routingKey}`, body: message });
  expect(answer.status).toBe(200);
  return validateMessageResponse.parse(answer.body);
}

const setpoint = (different = {}) => aCommandEnvelope(plant.id, aSetpoint(), different);
const mode = (different = {}) => aCommandEnvelope(plant.id, { mode: 'HOLD' }, different);

describe('a command of the key that asks', () => {
  test('would be taken, and says what its signature is worth', async () => {
    const unsigned = setpoint();
    expect(await byKey('command.site-setpoint', unsigned)).toMatchObject({
      result: 'taken',
      stream: 'partner-command',
      queue: `vcp.${prefix}.command`,
      organisation_id: ours.id,
      message_id: unsigned.messageId,
      answer: 'ACK',
      signature: 'not_due',
    });
    const right = { result: 'taken', answer: 'ACK', signature: 'valid' };
    expect(await byKey('command.mode', signed(mode(), key.signingKey))).toMatchObject(right);
    expect(
      await byKey('schedule.create', signed(aCommandEnvelope(plant.id, aSchedule()), key.signingKey)),
    ).toMatchObject(right);
    const cancel = aCommandEnvelope(plant.id, { scheduleId: 'not-looked-for' });
    expect(await byKey('schedule.cancel', signed(cancel, key.signingKey))).toMatchObject(right);
  });

  test('is dropped without an answer when its signature is missing where one is due, or is wrong anywhere', async () => {
    const silence = { result: 'rejected', answer: null };
    expect(await byKey('command.mode', mode())).toMatchObject({ ...silence, reason: 'UNSIGNED', signature: 'missing' });
    const wrong = { ...silence, reason: 'SIGNATURE', signature: 'wrong' };
    expect(await byKey('command.mode', signed(mode(), '00'.repeat(32)))).toMatchObject(wrong);
    const changed = { ...signed(setpoint(), key.signingKey), correlationId: 'changed' };
    expect(await byKey('command.site-setpoint', changed)).toMatchObject(wrong);
  });

  test.each([
    ['VERSION', () => setpoint({ version: '1.0' })],
    ['STALE', () => setpoint({ timestamp: new Date(Date.now() - 301_000).toISOString() })],
    ['UNKNOWN_SITE', () => ({ ...setpoint(), siteId: 'nowhere' })],
    ['EXPIRED', () => ({ ...setpoint(), payload: aSetpoint({ validFrom: hour(-2), validUntil: hour(-1) }) })],
    ['SCHEMA', () => ({ ...setpoint(), payload: { type: 'POWER' } })],
    ['IDENTITY', () => ({ ...setpoint(), orgId: theirs.id })],
  ])('is refused with %s', async (code, message) => {
    expect(await byKey('command.site-setpoint', message())).toMatchObject({
      result: 'rejected',
      reason: code,
      answer: 'NACK',
    });
  });

  test('of another organisation’s site is of an unknown one', async () => {
    expect(await byKey('command.site-setpoint', aCommandEnvelope(foreign.id, aSetpoint()))).toMatchObject({
      reason: 'UNKNOWN_SITE',
    });
  });

  test('is refused while trading is paused, but for an emergency', async () => {
    await setTradingState(api.admin, ours, 'PAUSED');
    try {
      expect(await byKey('command.site-setpoint', setpoint())).toMatchObject({ result: 'rejected', reason: 'PAUSED' });
      const stop = aCommandEnvelope(plant.id, { action: 'STOP' });
      expect(await byKey('command.emergency', stop)).toMatchObject({ result: 'taken' });
    } finally {
      await setTradingState(api.admin, ours, 'ENABLED');
    }
  });

  test('that cannot be read is set aside, and never replayed', async () => {
    expect(await byKey('command.site-setpoint', Buffer.from('{"a":1,"a":2}'))).toMatchObject({
      result: 'quarantined',
      reason: 'duplicate_key',
      is_replayable: false,
    });
  });
});

test('an emergency without a signature is dropped where the workers want one', async () => {
  const strict = await openTestApi({ commandRules: { needsSignedEmergency: true } });
  try {
    const organisation = await anOrganisation(strict.admin);
    const site = await aPlant(strict.admin, organisation);
    const claims = { orgs: [organisation.id], roles: ['trader'] };
    const wanted = { name: 'A key', scopes: ALL_WRITE_SCOPES };
    const minted = mintedApiKey.parse((await strict.post('/api/v1/partner/api-keys', wanted, claims)).body);
    const body = aCommandEnvelope(site.id, { action: 'STOP' });
    const message = { exchange: 'vcp', routing_key: `${organisation.queuePrefix ?? ''}.command.emergency`, body };
    const answer = await request(strict.app).post(URL).set('x-api-key', minted.key).send(message);
    expect(validateMessageResponse.parse(answer.body)).toMatchObject({
      result: 'rejected',
      reason: 'UNSIGNED',
      answer: null,
      signature: 'missing',
    });
  } finally {
    await strict.close();
  }
});

describe('what the broker would not take', () => {
  test('is said: keys that no scope allows, keys of others, and keys that lead nowhere', async () => {
    const reader = (await mint(ours, ['vcp:connect', 'vcp:read'])).key;
    expect(await byKey('command.site-setpoint', setpoint(), reader)).toMatchObject({
      result: 'not_allowed',
      detail: 'vcp:write:setpoint',
    });
    for (const mine of ['event.command.ack', 'command.nothing', 'command.device.a.b']) {
      expect(await byKey(mine, setpoint())).toMatchObject({ result: 'not_allowed' });
    }
    expect(await byToken({ exchange: 'vcp', routing_key: `${prefix}.nothing`, body: {} })).toMatchObject({
      result: 'unroutable',
      stream: null,
    });
  });
});

describe('everything else that arrives', () => {
  test('is looked at by the stream that its key leads to', async () => {
    const assetId = await anAsset(api.admin, ours);
    expect(
      await byToken({
        exchange: 'dispatch',
        routing_key: `dispatch.${assetId}`,
        body: aDispatch({ asset_id: assetId }),
      }),
    ).toMatchObject({ result: 'taken', stream: 'dispatch', organisation_id: ours.id, answer: null, signature: null });
    const sample = aRealtimeEnvelope({ siteId: plant.id, payload: { socPercent: 200 } });
    const central = { exchange: 'vcp', routing_key: `${prefix}.telemetry.realtime`, body: sample };
    expect(await byToken(central)).toMatchObject({
      result: 'quarantined',
      stream: 'plant-telemetry',
      queue: `vcp.${prefix}.telemetry`,
      reason: 'implausible',
      path: 'payload.socPercent',
      is_replayable: true,
    });
    const gateway = {
      exchange: 'fleet',
      routing_key: `telemetry.realtime.${plant.id}`,
      body: { ...sample, siteId: 'x' },
    };
    expect(await byToken(gateway)).toMatchObject({
      result: 'parked',
      reason: 'unknown_plant',
      waits_for: `site ${ours.id} x`,
    });
    expect(await byKey('config.constraints', aCommandEnvelope(plant.id, { maxImportKw: 5 }))).toMatchObject({
      result: 'taken',
      stream: 'trading-config',
    });
  });

  test('of others is as unknown as what does not exist', async () => {
    const assetId = await anAsset(api.admin, theirs);
    const dispatch = {
      exchange: 'dispatch',
      routing_key: `dispatch.${assetId}`,
      body: aDispatch({ asset_id: assetId }),
    };
    const missing = { ...dispatch, routing_key: 'dispatch.NOBODY_1', body: aDispatch({ asset_id: 'NOBODY_1' }) };
    const [of, nobody] = [await byToken(dispatch), await byToken(missing)];
    const unnamed = (answer: MessageValidation, id: string): unknown =>
      JSON.parse(JSON.stringify({ ...answer, message_id: null }).replaceAll(id, 'ID'));
    expect(unnamed(of, assetId)).toEqual(unnamed(nobody, 'NOBODY_1'));
    const telemetry = { exchange: 'fleet', routing_key: `telemetry.realtime.${foreign.id}`, body: aRealtimeEnvelope() };
    expect(await byToken(telemetry)).toMatchObject({ result: 'parked', organisation_id: null });
  });
});

describe('whoever asks', () => {
  test('by a token may name a key of its organisation, and no other', async () => {
    const message = { exchange: 'vcp', routing_key: `${prefix}.command.site-setpoint`, body: setpoint() };
    expect(await byToken({ ...message, key_id: key.id })).toMatchObject({ result: 'taken', answer: 'ACK' });
    const other = await mint(theirs, ALL_WRITE_SCOPES);
    const refused = await api.post(URL, { ...message, key_id: other.id }, { orgs: [ours.id], roles: ['operator'] });
    expect(refused.status).toBe(404);
    const sibling = await mint(ours, ALL_WRITE_SCOPES);
    const answer = await request(api.app)
      .post(URL)
      .set('x-api-key', key.key)
      .send({ ...message, key_id: sibling.id });
    expect(answer.status).toBe(404);
  });

  test('needs a key that may read, and a message that is one', async () => {
    const mute = await mint(ours, ['vcp:connect']);
    const message = { exchange: 'vcp', routing_key: 'a.b', body: {} };
    const answer = await request(api.app).post(URL).set('x-api-key', mute.key).send(message);
    expect(answer.status).toBe(403);
    expect((await request(api.app).post(URL).send(message)).status).toBe(401);
    for (const wrong of [{ ...message, body: 'not base64!' }, { ...message, body: [] }, { ...message, more: 1 }, {}]) {
      expect((await api.post(URL, wrong, { orgs: [ours.id], roles: ['operator'] })).status).toBe(400);
    }
  });

  test('changes nothing', async () => {
    const count = async () =>
      api.admin.read([ours.id], (trx) =>
        trx.query({
          text: `select (select count(*) from app.command_log) as commands, (select count(*) from app.outbox) as answers,
            (select count(*) from app.quarantine) as quarantined, (select count(*) from app.receipt) as receipts`,
          values: [],
        }),
      );
    const before = await count();
    await byKey('command.site-setpoint', setpoint());
    await byKey('command.mode', mode());
    await byKey('command.site-setpoint', Buffer.from('{'));
    expect(await count()).toEqual(before);
  });
});

function hour(n: number): string {
  return new Date(Date.now() + n * 3_600_000).toISOString();
}
