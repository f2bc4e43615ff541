import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { plantSync, tradingError } from '@quarterhour/contracts';
import { findTradingConfig, listPlants, type OrganisationRow } from '@quarterhour/db';
import {
  anOrganisation,
  aPlant,
  eventually,
  openEsmSandbox,
  setTradingState,
  type EsmSandbox,
} from '@quarterhour/testkit';
import { startEsm } from '../src/esm/start.js';
import { syncPlants, syncWhoIsDue } from '../src/esm/sync.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const CREDENTIALS = { clientId: 'client-7', clientSecret: 'correct horse battery staple' };
const SYNC = '/api/v1/trading/plants/sync';
const QUARTER_HOUR = { everyMs: 900_000 };

let sandbox: EsmSandbox;
let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  sandbox = await openEsmSandbox({ ...CREDENTIALS, plants: [] });
  api = await openTestApi({ partnerUrls: { testOrigins: [sandbox.origin] } });
}, 60_000);
beforeEach(async () => {
  ours = await anOrganisation(api.admin, { tradingState: null });
  theirs = await anOrganisation(api.admin, { tradingState: null });
});
afterEach(() => sandbox.forgive());
afterAll(async () => {
  await api.close();
  await sandbox.close();
});

const trader = (...more: OrganisationRow[]) => ({
  sub: 'tom',
  orgs: [ours, ...more].map(({ id }) => id),
  roles: ['trader'],
});
const configure = async (organisation: OrganisationRow) => {
  const { clientId: esmClientId, clientSecret: esmClientSecret } = CREDENTIALS;
  const config = { esmApiUrl: sandbox.url, esmClientId, esmClientSecret };
  const claims = { orgs: [organisation.id], roles: ['trader'] };
  expect((await api.post('/api/v1/trading/config', config, claims)).status).toBe(200);
};
const listing = (plants: readonly unknown[]) =>
  sandbox.plan({ operation: 'plants', times: 99, fault: { kind: 'answer', body: JSON.stringify({ plants }) } });
const sync = async () => {
  const answer = await api.post(SYNC, {}, trader());
  expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
  return plantSync.parse(answer.body);
};
const refusal = async (asked: ReturnType<TestApi['send']>) => {
  const { status, body } = await asked;
  return { status, code: tradingError.parse(body).code };
};
const linksOf = async ({ id }: OrganisationRow) =>
  (await api.admin.read([id], listPlants))
    .filter(({ orgId }) => orgId === id)
    .map(({ name, externalPlantId }) => `${name}: ${externalPlantId ?? 'none'}`)
    .sort();
const standingOf = async ({ id }: OrganisationRow) => {
  const config = await api.admin.read([id], (trx) => findTradingConfig(trx, id));
  return { hasRun: config?.lastSyncAt != null, error: config?.lastSyncError };
};

describe('synchronising plants', () => {
  test('needs an ESM', async () => {
    expect(await refusal(api.send('post', SYNC, trader()))).toEqual({ status: 400, code: 'ESM_NOT_CONFIGURED' });
    const half = { esmApiUrl: sandbox.url, esmClientId: 'a' };
    expect((await api.post('/api/v1/trading/config', half, trader())).status).toBe(200);
    expect(await refusal(api.send('post', SYNC, trader()))).toEqual({ status: 400, code: 'ESM_NOT_CONFIGURED' });
  });

  test('is done for one organisation, which has to be named among several', async () => {
    expect(await refusal(api.send('post', SYNC, trader(theirs)))).toEqual({
      status: 403,
      code: 'ORG_CONTEXT_REQUIRED',
    });
    const named = api.post(SYNC, {}, trader(theirs), { 'x-org-id': theirs.id });
    expect((await refusal(named)).code).toBe('ESM_NOT_CONFIGURED');
  });

  test('links what is registered, counts what is not, and says which', async () => {
    await configure(ours);
    await aPlant(api.admin, ours, { name: 'Linked', externalPlantId: 'E-1' });
    await aPlant(api.admin, ours, { name: 'Roof', externalPlantId: null });
    await aPlant(api.admin, ours, { name: 'Barn', externalPlantId: null });
    listing([
      { externalPlantId: 'E-1', name: 'Anything' },
      { externalPlantId: 'E-2', name: 'Roof' },
      { externalPlantId: 'E-3', name: 'Nowhere' },
      { externalPlantId: 'E-3', name: 'Nowhere' },
      { name: 'No id' },
    ]);
    expect(await sync()).toEqual({ synced: 2, errors: 3 });
    expect(await linksOf(ours)).toEqual(['Barn: none', 'Linked: E-1', 'Roof: E-2']);
    expect(await standingOf(ours)).toEqual({
      hasRun: true,
      error: 'E-3: not registered here; E-3: listed twice; no. 5: not a plant',
    });
    const audit = await api.admin.read([ours.id], (trx) =>
      trx.query({ text: `select actor, action from app.audit where action = 'plant.link'`, values: [] }),
    );
    expect(audit).toEqual([{ actor: 'tom', action: 'plant.link' }]);
    sandbox.forgive();
    listing([
      { externalPlantId: 'E-1', name: 'Anything' },
      { externalPlantId: 'E-2', name: 'Roof' },
    ]);
    expect(await sync()).toEqual({ synced: 2, errors: 0 });
    expect((await standingOf(ours)).error).toBeNull();
  });

  test('links many in several transactions, because the register changes for nobody else meanwhile', async () => {
    await configure(ours);
    const numbers = Array.from({ length: 250 }, (_, n) => String(n));
    for (const n of numbers) await aPlant(api.admin, ours, { name: `Roof ${n}`, externalPlantId: null });
    listing(numbers.map((n) => ({ externalPlantId: `E-${n}`, name: `Roof ${n}` })));
    expect(await sync()).toEqual({ synced: 250, errors: 0 });
    const most = await api.admin.read([ours.id], (trx) =>
      trx.query({
        text: `select max(n)::int as linked from (
                 select count(*) as n from app.plant where org_id = $1 and external_plant_id is not null group by xmin::text) t`,
        values: [ours.id],
      }),
    );
    expect(most).toEqual([{ linked: 100 }]);
  });

  test('never takes what is another organisation’s', async () => {
    await configure(ours);
    await aPlant(api.admin, theirs, { name: 'Roof', externalPlantId: null });
    await aPlant(api.admin, theirs, { name: 'Barn', externalPlantId: 'E-2' });
    listing([
      { externalPlantId: 'E-1', name: 'Roof' },
      { externalPlantId: 'E-2', name: 'Barn' },
    ]);
    expect(await sync()).toEqual({ synced: 0, errors: 2 });
    expect(await linksOf(theirs)).toEqual(['Barn: E-2', 'Roof: none']);
  });

  test('of an ESM that is out of reach is unavailable, and is remembered', async () => {
    await configure(ours);
    for (const [fault, error] of [
      [{ kind: 'hang' }, 'ESM_UNREACHABLE'],
      [{ kind: 'answer', status: 503 }, 'ESM_UNREACHABLE'],
      [{ kind: 'answer', body: '{"plants":7}' }, 'ESM_ANSWER_INVALID'],
      [{ kind: 'answer', status: 403 }, 'ESM_UNAUTHORIZED'],
    ] as const) {
      sandbox.plan({ operation: 'plants', fault });
      expect(await refusal(api.post(SYNC, {}, trader()))).toEqual({ status: 503, code: 'SERVICE_UNAVAILABLE' });
      expect(await standingOf(ours)).toEqual({ hasRun: true, error });
    }
  });

  test('is done by one at a time', async () => {
    await configure(ours);
    let most = 0;
    let now = 0;
    const client = {
      listPlants: async () => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setTimeout(resolve, 50));
        now -= 1;
        return [];
      },
    };
    const ctx = { ...api.esm, client };
    const done = await Promise.all([1, 2, 3].map(() => syncPlants(ctx, ours.id, 'tom')));
    expect([done, most]).toEqual([[1, 2, 3].map(() => ({ synced: 0, errors: 0 })), 1]);
  });
});

describe('the job', () => {
  test('asks for every organisation that is enabled, has an ESM, and was not asked for lately', async () => {
    const idle = await anOrganisation(api.admin, { tradingState: null });
    for (const organisation of [ours, theirs, idle]) await configure(organisation);
    for (const organisation of [ours, theirs]) await setTradingState(api.admin, organisation, 'ENABLED');
    listing([]);
    const before = sandbox.calls.filter(({ operation }) => operation === 'plants').length;
    await syncWhoIsDue(api.esm, QUARTER_HOUR);
    await syncWhoIsDue(api.esm, QUARTER_HOUR);
    expect(sandbox.calls.filter(({ operation }) => operation === 'plants').length - before).toBe(2);
    expect([await standingOf(ours), await standingOf(theirs), await standingOf(idle)]).toEqual([
      { hasRun: true, error: null },
      { hasRun: true, error: null },
      { hasRun: false, error: null },
    ]);
    await syncWhoIsDue(api.esm, { everyMs: 0 });
    expect(sandbox.calls.filter(({ operation }) => operation === 'plants').length - before).toBe(4);
  });

  test('goes on with the others when one ESM is out of reach, and is no failure of ours', async () => {
    for (const organisation of [ours, theirs]) {
      await configure(organisation);
      await setTradingState(api.admin, organisation, 'ENABLED');
    }
    sandbox.plan({ operation: 'token', fault: { kind: 'answer', status: 500 } });
    await syncWhoIsDue(api.esm, QUARTER_HOUR);
    const found = [(await standingOf(ours)).error, (await standingOf(theirs)).error].sort();
    expect(found).toEqual(['ESM_UNREACHABLE', null].sort());
  });

  test('runs by itself, and its health says when', async () => {
    await configure(ours);
    await setTradingState(api.admin, ours, 'ENABLED');
    const { db, locks, keyRing, clock, log } = api.esm;
    const partnerUrls = { allowsHttp: false, ownHosts: [], testOrigins: [sandbox.origin] };
    const esm = startEsm({
      ...{ db, locks, keyRing, clock, log, partnerUrls },
      ...{ syncEveryMs: 100, resultEveryMs: 100, resultWithinMs: 1_000 },
    });
    try {
      await eventually(async () => {
        expect(await standingOf(ours)).toEqual({ hasRun: true, error: null });
        for (const job of esm.checks) {
          expect(await job.check()).toMatchObject({ ok: true, detail: { error: null, lastRun: expect.any(String) } });
        }
      });
    } finally {
      await esm.stop();
    }
  });
});
