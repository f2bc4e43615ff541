import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fixedClock, type FixedClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { DEMO_PLANTS } from '../register.js';
import { DEMO_ESM_PLANTS } from './demo-plants.js';
import { openEsmSandbox, type EsmSandbox } from './sandbox.js';

const CLIENT = { clientId: 'client', clientSecret: 'secret' };
const BLOCK = { from: '00:00', to: '23:59', pBatMin: -80_000, pBatMax: 80_000, socMin: 10, socMax: 90 };

/** What any of its answers may have. */
const answer = z.looseObject({
  access_token: z.string().optional(),
  plants: z.array(z.looseObject({ externalPlantId: z.string() })).optional(),
  version: z.int().optional(),
  resultCode: z.string().optional(),
});

let clock: FixedClock;
let sandbox: EsmSandbox;
beforeEach(async () => {
  clock = fixedClock('2026-01-15T10:00:00Z');
  sandbox = await openEsmSandbox({ ...CLIENT, plants: DEMO_ESM_PLANTS, clock, tokenSeconds: 60 });
});
afterEach(() => sandbox.close());

async function ask(
  path: string,
  { token = '', body, method }: { token?: string; body?: unknown; method?: string } = {},
) {
  const response = await fetch(`${sandbox.url}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: answer.parse(text === '' ? {} : JSON.parse(text)) };
}
const tokenOf = async () => (await ask('/trading/token', { body: CLIENT })).body.access_token ?? '';
const update = (different: object = {}) => ({
  requestCode: 'r-1',
  plantId: 'HPR1',
  validateOnly: false,
  timeConfigs: [BLOCK],
  ...different,
});

describe('the sandbox', () => {
  test('has the plants of the demo, by the same ids', async () => {
    const { body } = await ask('/trading/plant/list', { token: await tokenOf() });
    const ids = body.plants?.map(({ externalPlantId }) => externalPlantId);
    expect(ids).toEqual(Object.values(DEMO_PLANTS).map(({ externalPlantId }) => externalPlantId));
  });

  test('lets in who has its credentials, for as long as the token holds', async () => {
    expect((await ask('/trading/token', { body: { ...CLIENT, clientSecret: 'guess' } })).status).toBe(401);
    expect((await ask('/trading/plant/list')).status).toBe(401);
    const token = await tokenOf();
    expect((await ask('/trading/plant/list', { token })).status).toBe(200);
    clock.advance(60_000);
    expect((await ask('/trading/plant/list', { token })).status).toBe(401);
  });

  test('does what it is told after a while, once, whatever is sent again', async () => {
    const token = await tokenOf();
    const version = async () => (await ask('/trading/plant/config/get?plantId=HPR1', { token })).body.version;
    for (let n = 0; n < 2; n += 1) {
      const { body } = await ask('/trading/plant/config/update', { token, body: update() });
      expect(body).toMatchObject({ resultCode: 'ACCEPTED', isTerminal: false });
    }
    expect(await version()).toBe(1);
    clock.advance(1_000);
    const { body } = await ask('/trading/plant/config/result?requestCode=r-1', { token });
    expect([body.resultCode, await version()]).toEqual(['APPLIED', 2]);
  });

  test.each([
    ['more than the battery can', { timeConfigs: [{ ...BLOCK, pBatMax: 200_000 }] }, 'REJECTED'],
    ['blocks that overlap', { timeConfigs: [BLOCK, BLOCK] }, 'REJECTED'],
    ['no blocks', { timeConfigs: 7 }, 'REJECTED'],
    ['a try', { validateOnly: true }, 'VALID'],
  ])('changes nothing for %s', async (_what, different, code) => {
    const token = await tokenOf();
    await ask('/trading/plant/config/update', { token, body: update(different) });
    clock.advance(1_000);
    expect((await ask('/trading/plant/config/result?requestCode=r-1', { token })).body.resultCode).toBe(code);
    expect((await ask('/trading/plant/config/get?plantId=HPR1', { token })).body.version).toBe(1);
  });

  test('misbehaves as it is told over HTTP, as often, and forgets it when asked', async () => {
    const plan = (body: unknown) => ask('/admin/faults', { body });
    expect((await plan({ operation: 'token', fault: { kind: 'sulk' } })).status).toBe(400);
    await plan({ operation: 'token', times: 2, fault: { kind: 'answer', status: 500 } });
    await plan({ operation: 'token', fault: { kind: 'reset' } });
    const statusOf = async () => (await ask('/trading/token', { body: CLIENT })).status;
    expect([await statusOf(), await statusOf()]).toEqual([500, 500]);
    await expect(statusOf()).rejects.toThrow();
    expect(await statusOf()).toBe(200);
    await plan({ operation: 'token', times: 9, fault: { kind: 'answer', status: 500 } });
    await ask('/admin/faults', { method: 'DELETE' });
    expect(await statusOf()).toBe(200);
  });
});
