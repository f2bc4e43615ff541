import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { configLogEntry, plantConfig, tradingError } from '@quarterhour/contracts';
import { findTradingConfig, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { fixedClock } from '@quarterhour/runtime';
import { anOrganisation, aPlant, openEsmSandbox, type EsmSandbox } from '@quarterhour/testkit';
import { findOutResults } from '../src/esm/plant-config.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const CREDENTIALS = { clientId: 'client-7', clientSecret: 'correct horse battery staple' };
const base = '/api/v1/trading/plants';
const block = { from: '00:00', to: '06:00', pBatMin: -10, pBatMax: 10, socMin: 20, socMax: 95 };
const operations = [
  ['get', 'config', undefined],
  ['post', 'config', { timeConfigs: [block], validateOnly: true }],
  ['post', 'config/validate', { timeConfigs: [block] }],
] as const;
const neverAsked = () => Promise.reject(new Error('not asked for'));
/** In tests nobody is still waiting for an answer. */
const LIMITS = { overdueAfterMs: 600_000, askedWithinMs: 0 };

let sandbox: EsmSandbox;
let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let plant: PlantRow;
beforeAll(async () => {
  sandbox = await openEsmSandbox({
    ...CREDENTIALS,
    takesMs: 200,
    plants: [
      { externalPlantId: 'ESM-1', name: 'One', capacityKwh: 20, batteryKw: [-10, 10] },
      { externalPlantId: 'ESM-2', name: 'Two', capacityKwh: 20, batteryKw: [-10, 10] },
    ],
  });
  api = await openTestApi({ partnerUrls: { testOrigins: [sandbox.origin] } });
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  plant = await aPlant(api.admin, ours, { externalPlantId: 'ESM-1' });
  const { clientId: esmClientId, clientSecret: esmClientSecret } = CREDENTIALS;
  const config = { esmApiUrl: sandbox.url, esmClientId, esmClientSecret };
  expect((await api.post('/api/v1/trading/config', config, trader())).status).toBe(200);
}, 60_000);
afterEach(() => sandbox.forgive());
afterAll(async () => {
  await api.close();
  await sandbox.close();
});

const trader = (...more: OrganisationRow[]) => ({ orgs: [ours, ...more].map(({ id }) => id), roles: ['trader'] });
const refusal = async (asked: ReturnType<TestApi['send']>) => {
  const { status, body } = await asked;
  const { statusCode, code, details, message } = tradingError.parse(body);
  expect(statusCode).toBe(status);
  return { status, code, message, issues: details?.issues ?? [] };
};
const rowsOf = <R extends object>(text: string): Promise<R[]> =>
  api.admin.read([ours.id], (trx) => trx.query<R>({ text, values: [ours.id] }));
const callsOf = async <T>(work: () => Promise<T>): Promise<readonly [T, string[]]> => {
  const before = sandbox.calls.length;
  const done = await work();
  return [done, sandbox.calls.slice(before).map(({ operation }) => operation)];
};

describe.each(operations)('%s plants/{plantId}/%s', (method, path, body) => {
  const ask = (plantId: string, sent: object | undefined = body) =>
    refusal(api.send(method, `${base}/${plantId}/${path}`, trader(theirs), sent));

  test('of a plant without a link to an ESM is a bad request', async () => {
    const unlinked = await aPlant(api.admin, ours, { externalPlantId: null });
    expect(await ask(unlinked.id)).toMatchObject({ status: 400, code: 'BAD_REQUEST', issues: [] });
  });

  test('of a plant whose organisation has no ESM is a bad request', async () => {
    expect(await ask((await aPlant(api.admin, theirs)).id)).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });

  test('of a plant that the ESM does not know is a bad request', async () => {
    const unknown = await aPlant(api.admin, ours, { externalPlantId: `../${randomUUID()}` });
    expect(await ask(unknown.id)).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });

  test('of another’s plant is that of no plant', async () => {
    const stranger = await anOrganisation(api.admin);
    for (const id of [(await aPlant(api.admin, stranger)).id, randomUUID()]) {
      expect(await ask(id)).toMatchObject({ status: 404, code: 'PLANT_NOT_FOUND' });
    }
  });

  test('of what is no id is a bad request', async () => {
    const { status, code, issues } = await ask('roof');
    expect([status, code]).toEqual([400, 'BAD_REQUEST']);
    expect(issues[0]).toMatch(/^path\.plantId: /);
  });

  test('of an ESM that is out of reach is unavailable, and says nothing of it', async () => {
    sandbox.revokeTokens();
    for (const operation of ['token', 'plants', 'config', 'update'] as const) {
      sandbox.plan({ operation, times: 5, fault: { kind: 'answer', status: 401 } });
    }
    const answer = await api.send(method, `${base}/${plant.id}/${path}`, trader(), body);
    expect([answer.status, tradingError.parse(answer.body).code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    expect(answer.text).not.toContain('127.0.0.1');
    // Refused credentials are left alone for a while; other ones are tried at once.
    const config = { esmClientSecret: CREDENTIALS.clientSecret };
    expect((await api.post('/api/v1/trading/config', config, trader())).status).toBe(200);
  });
});

describe.each(['config', 'config/validate'])('the body of post plants/{plantId}/%s', (path) => {
  const url = () => `${base}/${plant.id}/${path}`;

  test.each([
    ['nothing of a configuration', {}, 'body.timeConfigs'],
    ['97 blocks', { timeConfigs: Array.from({ length: 97 }, () => block) }, 'body.timeConfigs'],
    ['no time of day', { timeConfigs: [{ ...block, from: '24:00' }] }, 'body.timeConfigs.0.from'],
    ['a block that ends before it begins', { timeConfigs: [{ ...block, from: '07:00' }] }, 'body.timeConfigs.0.to'],
    ['blocks that overlap', { timeConfigs: [block, { ...block, from: '05:00' }] }, 'body.timeConfigs.1.from'],
    ['power the wrong way round', { timeConfigs: [{ ...block, pBatMin: 11 }] }, 'body.timeConfigs.0.pBatMax'],
    ['charge beyond full', { timeConfigs: [{ ...block, socMax: 101 }] }, 'body.timeConfigs.0.socMax'],
    ['validateOnly as a text', { timeConfigs: [], validateOnly: 'yes' }, 'body.validateOnly'],
  ])('is refused for %s, naming it, before the plant is looked for', async (_what, body, place) => {
    const [, calls] = await callsOf(async () => {
      for (const address of [url(), url().replace(plant.id, randomUUID())]) {
        const { status, code, issues } = await refusal(api.send('post', address, trader(), body));
        expect([status, code]).toEqual([400, 'BAD_REQUEST']);
        expect(issues.filter((issue) => issue.startsWith(`${place}: `))).not.toEqual([]);
      }
    });
    expect(calls).toEqual([]);
  });

  test('that is no JSON is a bad request', async () => {
    const { status, body } = await request(api.app)
      .post(url())
      .set({ authorization: `Bearer ${await api.issuer.token(trader())}`, 'content-type': 'application/json' })
      .send('{"timeConfigs":');
    expect([status, tradingError.parse(body).code]).toEqual([400, 'BAD_REQUEST']);
  });
});

describe('a configuration', () => {
  const quarterHour = (n: number): string =>
    `${String(Math.floor(n / 4)).padStart(2, '0')}:${String((n % 4) * 15).padStart(2, '0')}`;
  const quarterHours = Array.from({ length: 96 }, (_, n) => ({
    ...block,
    from: quarterHour(n),
    to: n === 95 ? '23:59' : quarterHour(n + 1),
  }));
  const send = async (body: object, path = 'config', claims: object = {}) => {
    const answer = await api.post(`${base}/${plant.id}/${path}`, body, { ...trader(), ...claims });
    expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, '']);
    return configLogEntry.parse(answer.body);
  };
  const read = async () => {
    const answer = await api.send('get', `${base}/${plant.id}/config`, trader());
    expect(answer.status).toBe(200);
    return plantConfig.parse(answer.body);
  };
  const entryOf = async (id: number) => {
    const [row] = await rowsOf<Record<string, unknown>>(
      `select result_code as code, message, is_terminal as terminal, is_error as error, responded_at as responded
         from app.config_log where org_id = $1 and id = ${id}`,
    );
    return row;
  };
  const pause = () => new Promise((resolve) => setTimeout(resolve, 250));

  test('of 96 quarter hours is sent, and is so when the ESM says it', async () => {
    const userId = randomUUID();
    const entry = await send({ timeConfigs: quarterHours }, 'config', { sub: userId });
    expect(entry).toMatchObject({
      plantId: plant.id,
      requestedBy: userId,
      resultCode: 'ACCEPTED',
      isTerminal: false,
      isError: false,
      validateOnly: false,
      configSnapshot: { plantId: 'ESM-1', timeConfigs: quarterHours },
    });
    expect([entry.sentAt, entry.respondedAt].every((at) => at !== null)).toBe(true);
    await findOutResults(api.esm, LIMITS);
    expect(await entryOf(entry.id)).toMatchObject({ code: 'ACCEPTED', terminal: false });
    await pause();
    await findOutResults(api.esm, LIMITS);
    expect(await entryOf(entry.id)).toMatchObject({ code: 'APPLIED', terminal: true, error: false });
    expect(await read()).toMatchObject({ plantId: 'ESM-1', configEnabled: true, timeConfigs: quarterHours });
    const [, calls] = await callsOf(() => findOutResults(api.esm, LIMITS));
    expect(calls).toEqual([]);
  });

  test('that is only tried changes nothing, whichever way it is said', async () => {
    const before = await read();
    const body = { timeConfigs: [{ ...block, pBatMax: 1 }], validateOnly: true };
    for (const entry of [await send(body), await send({ ...body, validateOnly: false }, 'config/validate')]) {
      expect(entry).toMatchObject({ validateOnly: true, resultCode: 'ACCEPTED', requestedBy: null });
      await pause();
      await findOutResults(api.esm, LIMITS);
      expect(await entryOf(entry.id)).toMatchObject({ code: 'VALID', terminal: true, error: false });
    }
    expect(await read()).toEqual(before);
  });

  test('that the plant cannot take ends with the code and the words of the ESM', async () => {
    const entry = await send({ timeConfigs: [{ ...block, pBatMax: 11 }] });
    await pause();
    await findOutResults(api.esm, LIMITS);
    expect(await entryOf(entry.id)).toMatchObject({ code: 'REJECTED', terminal: true, error: true });
  });

  test('that the ESM refuses at once ends with its status', async () => {
    sandbox.plan({ operation: 'update', fault: { kind: 'answer', status: 422 } });
    const entry = await send({ timeConfigs: [block] });
    expect(entry).toMatchObject({ resultCode: 'REFUSED', isTerminal: true, isError: true });
  });

  test('whose answer is lost is found out by its code, and never sent again', async () => {
    sandbox.plan({ operation: 'update', fault: { kind: 'hang', isDone: true } });
    const timeConfigs = [{ ...block, socMax: 90 }];
    const [entry, sent] = await callsOf(() => send({ timeConfigs }));
    expect(sent.filter((operation) => operation === 'update')).toEqual(['update']);
    expect(entry).toMatchObject({
      resultCode: 'OUTCOME_UNKNOWN',
      isTerminal: false,
      isError: false,
      respondedAt: null,
    });
    await pause();
    const [, asked] = await callsOf(() => findOutResults(api.esm, LIMITS));
    expect(asked).toEqual(['result']);
    expect(await entryOf(entry.id)).toMatchObject({ code: 'APPLIED', terminal: true });
    expect(await read()).toMatchObject({ timeConfigs });
  });

  test('that the ESM took and does not know by its code is confirmed by reading it back, in any order', async () => {
    sandbox.plan({ operation: 'update', fault: { kind: 'reset', isDone: true } });
    const later = { ...block, from: '06:00', to: '12:00' };
    const entry = await send({ timeConfigs: [later, { ...block, socMax: 80 }] });
    await pause();
    sandbox.plan({ operation: 'result', fault: { kind: 'answer', status: 404 } });
    const [, asked] = await callsOf(() => findOutResults(api.esm, LIMITS));
    expect(asked).toEqual(['result', 'config']);
    expect(await entryOf(entry.id)).toMatchObject({ code: 'CONFIRMED_BY_READING', terminal: true, error: false });
  });

  test('that never arrived is not sent again, and ends when its time is over', async () => {
    sandbox.plan({ operation: 'update', fault: { kind: 'reset' } });
    const entry = await send({ timeConfigs: [{ ...block, socMax: 70 }] });
    const [, asked] = await callsOf(() => findOutResults(api.esm, LIMITS));
    expect(asked).toEqual(['result', 'config']);
    expect(await entryOf(entry.id)).toMatchObject({ code: 'OUTCOME_UNKNOWN', terminal: false });
    await findOutResults(api.esm, { ...LIMITS, overdueAfterMs: 0 });
    expect(await entryOf(entry.id)).toMatchObject({ code: 'NO_RESULT_IN_TIME', terminal: true, error: true });
  });

  test('whose sender died is found out like any other, once nobody can be waiting', async () => {
    const { timeConfigs } = await read();
    await api.admin.transaction([ours.id], (trx) =>
      trx.query({
        text: `insert into app.config_log (org_id, plant_id, request_code, validate_only, config_snapshot, sent_at, created_at)
               values ($1, $2, 'lost', false, $3, clock_timestamp(), clock_timestamp())`,
        values: [ours.id, plant.id, JSON.stringify({ plantId: 'ESM-1', timeConfigs })],
      }),
    );
    const codeOf = () =>
      rowsOf<{ code: string | null }>(
        `select result_code as code from app.config_log where org_id = $1 and request_code = 'lost'`,
      );
    await findOutResults(api.esm, { ...LIMITS, askedWithinMs: 60_000 });
    expect(await codeOf()).toEqual([{ code: null }]);
    await findOutResults(api.esm, LIMITS);
    expect(await codeOf()).toEqual([{ code: 'CONFIRMED_BY_READING' }]);
  });

  test('of which nothing sensible is said keeps no other from being asked for', async () => {
    const [first, second] = [await send({ timeConfigs: [block] }), await send({ timeConfigs: [block] })];
    await pause();
    sandbox.plan({ operation: 'result', fault: { kind: 'answer', body: 'nonsense' } });
    await findOutResults(api.esm, LIMITS);
    const codes = [await entryOf(first.id), await entryOf(second.id)].map((row) => row?.['code']);
    expect(codes.sort()).toEqual(['ACCEPTED', 'APPLIED']);
    await findOutResults(api.esm, LIMITS);
    for (const { id } of [first, second]) expect(await entryOf(id)).toMatchObject({ code: 'APPLIED' });
  });

  test('waits for its turn behind an ESM that takes its time, and for no longer than a turn', async () => {
    for (let n = 0; n < 6; n += 1) await send({ timeConfigs: [block] });
    const clock = fixedClock('2026-01-15T10:00:00Z');
    let asked = 0;
    const client = {
      ...{ readConfig: neverAsked, sendConfig: neverAsked },
      readResult: () => {
        asked += 1;
        clock.advance(4_000);
        return Promise.resolve({ resultCode: 'PENDING', message: null, isTerminal: false, isError: false });
      },
    };
    await findOutResults({ ...api.esm, client, clock }, LIMITS);
    expect(asked).toBe(3);
    await findOutResults(api.esm, LIMITS);
  });

  test('that cannot be sent is written down as not sent', async () => {
    sandbox.revokeTokens();
    sandbox.plan({ operation: 'token', times: 3, fault: { kind: 'answer', status: 500 } });
    const { status, code } = await refusal(api.post(`${base}/${plant.id}/config`, { timeConfigs: [block] }, trader()));
    expect([status, code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    const [last] = await rowsOf(
      `select result_code, is_terminal, is_error from app.config_log where org_id = $1 order by id desc limit 1`,
    );
    expect(last).toEqual({ result_code: 'NOT_SENT', is_terminal: true, is_error: true });
  });

  test('is on record with who sent it, and the secret and the tokens are nowhere', async () => {
    await send({ timeConfigs: [block] }, 'config', { sub: 'tom' });
    const [audit] = await rowsOf<{ actor: string; action: string; subject: string }>(
      `select actor, action, subject from app.audit where org_id = $1 order by seq desc limit 1`,
    );
    expect(audit).toEqual({ actor: 'tom', action: 'plant.configure', subject: plant.id });
    const everything = JSON.stringify([
      api.lines,
      await rowsOf('select * from app.config_log where org_id = $1'),
      await rowsOf('select * from app.audit where org_id = $1'),
    ]);
    expect(everything).not.toContain(CREDENTIALS.clientSecret);
    expect(everything).not.toMatch(/Bearer [A-Za-z0-9]/);
  });
});

test('nothing is called that is not allowed any more when it is called', async () => {
  const strict = await anOrganisation(api.admin);
  const lone = await aPlant(api.admin, strict, { externalPlantId: 'ESM-1' });
  const claims = { orgs: [strict.id], roles: ['trader'] };
  const config = { esmApiUrl: 'https://esm.partner.example', esmClientId: 'a', esmClientSecret: 'b' };
  expect((await api.post('/api/v1/trading/config', config, claims)).status).toBe(200);
  await api.admin.transaction([strict.id], (trx) =>
    trx.query({
      text: 'update app.trading_config set esm_api_url = $2 where org_id = $1',
      values: [strict.id, sandbox.url.replace('127.0.0.1', '127.0.0.2')],
    }),
  );
  const [, calls] = await callsOf(async () => {
    expect((await api.send('get', `${base}/${lone.id}/config`, claims)).status).toBe(503);
    expect((await api.post(`${base}/sync`, {}, claims)).status).toBe(503);
  });
  expect(calls).toEqual([]);
  const kept = await api.admin.read([strict.id], (trx) => findTradingConfig(trx, strict.id));
  expect(kept?.lastSyncError).toBe('ESM_URL_NOT_ALLOWED');
});
