import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { fixedClock, GuardedClient, Secret, systemClock } from '@quarterhour/runtime';
import { openEsmSandbox, type EsmSandbox } from '@quarterhour/testkit';
import type { EsmAccess } from '../src/esm/access.js';
import { EsmClient } from '../src/esm/client.js';
import { EsmError } from '../src/esm/esm-error.js';

const CREDENTIALS = { clientId: 'client-7', clientSecret: 'correct horse battery staple' };
const PLANT = { externalPlantId: 'a/../b ä', name: 'A plant', capacityKwh: 20, batteryKw: [-10, 10] } as const;
const BLOCK = { from: '00:00', to: '06:00', pBatMin: -5, pBatMax: 5, socMin: 20, socMax: 95 };

let sandbox: EsmSandbox;
let outbound: GuardedClient;
let client: EsmClient;
const time = fixedClock('2026-01-15T10:00:00Z');
let runs = 0;
beforeAll(async () => {
  sandbox = await openEsmSandbox({ ...CREDENTIALS, plants: [PLANT], takesMs: 1_000, clock: time });
  outbound = new GuardedClient({
    rules: { allowsHttp: false, ownHosts: [], testOrigins: [sandbox.origin] },
    clock: systemClock,
    limits: { headersMs: 300, bodyMs: 300, totalMs: 1_000, jitterMs: 0 },
    breaker: { failures: 1_000 },
  });
  client = new EsmClient({ client: outbound, clock: systemClock });
});
afterEach(() => sandbox.forgive());
afterAll(async () => {
  await outbound.close();
  await sandbox.close();
});

/** Of an organisation that has asked for nothing yet. */
const access = (different: Partial<EsmAccess> = {}): EsmAccess => {
  runs += 1;
  return {
    orgId: `org-${runs}`,
    baseUrl: sandbox.url,
    clientId: CREDENTIALS.clientId,
    clientSecret: new Secret(CREDENTIALS.clientSecret),
    version: '1',
    ...different,
  };
};
const callsOf = async (work: () => Promise<unknown>): Promise<string[]> => {
  const before = sandbox.calls.length;
  await work();
  return sandbox.calls.slice(before).map(({ operation }) => operation);
};
async function failure(asked: Promise<unknown>): Promise<EsmError> {
  const error: unknown = await asked.then(
    () => new Error('was answered'),
    (reason: unknown) => reason,
  );
  if (error instanceof EsmError) return error;
  throw error;
}
const answer = (body: unknown, more: object = {}) => ({
  kind: 'answer' as const,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...more,
});
const update = (requestCode: string) => ({
  requestCode,
  plantId: PLANT.externalPlantId,
  validateOnly: false,
  timeConfigs: [BLOCK],
});

describe('an ESM that does as it has to', () => {
  test('gives a token once and its plants, and takes and tells a configuration of a plant with any name', async () => {
    const ours = access();
    const calls = await callsOf(async () => {
      expect(await client.listPlants(ours)).toMatchObject([PLANT]);
      expect((await client.readConfig(ours, PLANT.externalPlantId)).version).toBe(1);
      expect(await client.sendConfig(ours, update('r-1'))).toMatchObject({ resultCode: 'ACCEPTED', isTerminal: false });
      time.advance(1_000);
      expect(await client.readResult(ours, 'r-1')).toMatchObject({ resultCode: 'APPLIED', isTerminal: true });
      expect((await client.readConfig(ours, PLANT.externalPlantId)).timeConfigs).toEqual([BLOCK]);
    });
    expect(calls).toEqual(['token', 'plants', 'config', 'update', 'result', 'config']);
  });

  test('may list bare plants, or call them data, and spell its token in either way', async () => {
    for (const body of [[1], { data: [1] }, { plants: [1] }]) {
      sandbox.plan({ operation: 'plants', fault: answer(body) });
      expect(await client.listPlants(access())).toEqual([1]);
    }
    sandbox.plan({ operation: 'token', fault: answer({ accessToken: 'abc', expiresIn: '3600' }) });
    sandbox.plan({ operation: 'plants', fault: answer([]) });
    expect(await client.listPlants(access())).toEqual([]);
  });
});

describe('a token', () => {
  test('that does not hold any more is renewed once, and what was refused is sent again', async () => {
    const ours = access();
    await client.listPlants(ours);
    sandbox.revokeTokens();
    expect(await callsOf(() => client.sendConfig(ours, update('r-2')))).toEqual(['update', 'token', 'update']);
  });

  test('is renewed once only: who refuses a new one is not asked again', async () => {
    const ours = access();
    await client.listPlants(ours);
    sandbox.plan({ operation: 'plants', times: 9, fault: answer({}, { status: 401 }) });
    const calls = await callsOf(async () => {
      expect(await failure(client.listPlants(ours))).toMatchObject({
        code: 'ESM_UNAUTHORIZED',
        mayHaveHappened: false,
      });
    });
    expect(calls).toEqual(['plants', 'token', 'plants']);
  });

  test.each([
    ['is refused', answer({ error: 'invalid_client' }, { status: 401 }), 'ESM_UNAUTHORIZED'],
    ['is refused as a bad request', answer({ error: 'invalid_client' }, { status: 400 }), 'ESM_UNAUTHORIZED'],
    ['is asked for where nobody is', answer('', { status: 404 }), 'ESM_UNREACHABLE'],
    ['breaks the server', answer('', { status: 500 }), 'ESM_UNREACHABLE'],
    ['is never given', { kind: 'hang' as const }, 'ESM_UNREACHABLE'],
    ['is a page', answer('<html>', { contentType: 'text/html' }), 'ESM_ANSWER_INVALID'],
    ['is a page that says it is JSON', answer('<html>'), 'ESM_ANSWER_INVALID'],
    ['is nothing', answer({ expires_in: 1 }), 'ESM_ANSWER_INVALID'],
    ['is too long', answer({ access_token: 'a'.repeat(1_000_000), expires_in: 1 }), 'ESM_ANSWER_INVALID'],
    ['would end its header', answer({ access_token: 'a\r\nHost: b', expires_in: 1 }), 'ESM_ANSWER_INVALID'],
    ['comes with an error', answer({ access_token: 'abc', expires_in: 9, error: 'x' }), 'ESM_ANSWER_INVALID'],
    ['is somewhere else', answer('', { status: 302, headers: { location: '/' } }), 'ESM_UNREACHABLE'],
  ])('that %s stops everything before it began', async (_what, fault, code) => {
    sandbox.plan({ operation: 'token', fault });
    const ours = access();
    const calls = await callsOf(async () => {
      expect(await failure(client.sendConfig(ours, update('r-3')))).toMatchObject({ code, mayHaveHappened: false });
    });
    expect(calls).toEqual(['token']);
  });

  test.each([0, -1, '3600', 1e12, 'soon', null, {}])('that holds for %j is used', async (expires_in) => {
    sandbox.plan({ operation: 'token', fault: answer({ access_token: 'abc', expires_in }) });
    sandbox.plan({ operation: 'plants', fault: answer([]) });
    expect(await client.listPlants(access())).toEqual([]);
  });

  test('and the secret are in no error, however it is looked at', async () => {
    const faults = [
      answer({ access_token: 'verysecrettoken', expires_in: 1, error: 'x' }),
      answer('{"access_token":"verysecrettoken"'),
      answer('verysecrettoken', { status: 500 }),
    ];
    for (const fault of faults) {
      sandbox.plan({ operation: 'token', fault });
      const text = inspect(await failure(client.listPlants(access())), { depth: 10, showHidden: true });
      expect(text).not.toContain('verysecrettoken');
      expect(text).not.toContain(CREDENTIALS.clientSecret);
    }
    sandbox.plan({ operation: 'plants', fault: answer('', { status: 500 }) });
    const error = await failure(client.listPlants(access()));
    expect(inspect(error, { depth: 10 })).not.toMatch(/Bearer [^[]/);
  });
});

describe('an answer that is not as it has to be', () => {
  test.each([
    ['204', answer('', { status: 204 }), 'ESM_ANSWER_INVALID'],
    ['a redirect', answer('', { status: 307, headers: { location: '/' } }), 'ESM_UNREACHABLE'],
    ['an error within', answer({ plants: [], error: { code: 'x' } }), 'ESM_ANSWER_INVALID'],
    ['another type', answer([], { contentType: 'text/plain' }), 'ESM_ANSWER_INVALID'],
    ['a text', answer('"plants"'), 'ESM_ANSWER_INVALID'],
    ['null', answer('null'), 'ESM_ANSWER_INVALID'],
    ['more plants than anybody has', answer(Array.from({ length: 5_001 }, () => 1)), 'ESM_ANSWER_INVALID'],
    ['a million plants', answer(Array.from({ length: 1_000_000 }, () => 1)), 'ESM_UNREACHABLE'],
    ['brackets without end', answer('['.repeat(900_000)), 'ESM_ANSWER_INVALID'],
    ['nothing at that address', answer('', { status: 404 }), 'ESM_UNREACHABLE'],
    ['too many requests', answer('', { status: 429 }), 'ESM_REFUSED'],
    ['unavailable', answer('', { status: 503 }), 'ESM_UNREACHABLE'],
    ['a reset', { kind: 'reset' as const }, 'ESM_UNREACHABLE'],
  ])('%s is an error', async (_what, fault, code) => {
    sandbox.plan({ operation: 'plants', fault });
    expect((await failure(client.listPlants(access()))).code).toBe(code);
  });

  test('a configuration of another plant is none', async () => {
    const config = { plantId: 'other', version: 1, configEnabled: true, esiState: 'ONLINE', timeConfigs: [] };
    sandbox.plan({ operation: 'config', fault: answer(config) });
    expect((await failure(client.readConfig(access(), PLANT.externalPlantId))).code).toBe('ESM_ANSWER_INVALID');
  });

  test.each([
    ['was done, and never answered', { kind: 'hang' as const, isDone: true }, true],
    ['was done, and broke off', { kind: 'reset' as const, isDone: true }, true],
    ['met an error of the server', answer('', { status: 500 }), true],
    ['was answered with nonsense', answer('{}'), true],
    ['was refused', answer('', { status: 422 }), false],
    ['is of no plant', answer('', { status: 404 }), false],
  ])('an update that %s says whether it may have happened, and is sent once', async (_what, fault, mayHaveHappened) => {
    sandbox.plan({ operation: 'update', fault });
    const ours = access();
    const calls = await callsOf(async () => {
      expect((await failure(client.sendConfig(ours, update(`r-${_what}`)))).mayHaveHappened).toBe(mayHaveHappened);
    });
    expect(calls).toEqual(['token', 'update']);
  });

  test('codes that nobody knows end nothing, unless they say so', async () => {
    const results = [
      [{ resultCode: 'ZZ' }, false, false],
      [{ resultCode: 'ZZ', isTerminal: true, isError: true }, true, true],
      [{ resultCode: 'toString' }, false, false],
      [{ resultCode: 'FAILED' }, true, true],
      [{ resultCode: 'APPLIED', isTerminal: false }, false, false],
    ] as const;
    for (const [body, isTerminal, isError] of results) {
      sandbox.plan({ operation: 'result', fault: answer(body) });
      expect(await client.readResult(access(), 'r')).toMatchObject({ isTerminal, isError });
    }
  });
});
