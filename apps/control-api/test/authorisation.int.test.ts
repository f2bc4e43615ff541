import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import type { OrganisationRow } from '@quarterhour/db';
import { isAllowed, newApiKey, ROLES } from '@quarterhour/http';
import { anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { routes } from '../src/routes.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

/** A body per operation that is fine. */
const BODIES: Readonly<Record<string, object>> = {
  replayQuarantined: {},
  discardQuarantined: { because: 'a test' },
  replayQuarantine: { ids: [randomUUID()] },
  discardQuarantine: { ids: [randomUUID()], because: 'a test' },
  saveTradingConfig: {},
  enableTrading: {},
  disableTrading: {},
  pauseTrading: { reason: 'a test' },
  resumeTrading: { reason: 'a test' },
  drainTrading: { reason: 'a test' },
  mintApiKey: { name: 'A key', scopes: ['vcp:read'] },
  deleteApiKey: {},
  revokeApiKey: {},
};
/** Status of an operation that makes something. */
const MADE: Readonly<Record<string, number>> = { mintApiKey: 201 };

/** What an organisation that never configured trading cannot do, whoever asks. */
const NOT_YET = ['enableTrading', 'pauseTrading', 'resumeTrading', 'drainTrading'];

let api: TestApi;
let ours: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin, { tradingState: null });
}, 60_000);
afterAll(() => api.close());

const addressOf = (route: (typeof routes)[number]): string =>
  `${route.surface.basePath}${route.path.replace(/\{\w+\}/, randomUUID())}`;
const cases = routes.map((route) => [route.operationId, route] as const);

test('every operation has a body here', () => {
  expect(Object.keys(BODIES).toSorted()).toEqual(routes.map(({ operationId }) => operationId).toSorted());
});

describe.each(cases)('%s', (operationId, route) => {
  const body = BODIES[operationId] ?? {};
  const decider = ROLES.find((role) => isAllowed([role], route.capability)) ?? 'nobody';
  const send = async (
    { method }: typeof route,
    claims: TokenClaims,
    sent: { readonly body?: object; readonly search?: string } = {},
  ) =>
    request(api.app)
      [method](`${addressOf(route)}${sent.search ?? ''}`)
      .set('authorization', `Bearer ${await api.issuer.token(claims)}`)
      .send(sent.body ?? body);

  test.each([...ROLES, 'guest'])('as %s', async (role) => {
    const { status } = await send(route, { orgs: [ours.id], roles: [role] });
    const answered = route.namesOneThing ? 404 : (MADE[operationId] ?? (NOT_YET.includes(operationId) ? 400 : 200));
    expect(status).toBe(isAllowed([role], route.capability) ? answered : 403);
  });

  test('is refused without a valid token, and without organisations', async () => {
    const key = { 'x-api-key': newApiKey() };
    for (const headers of [{}, key]) {
      expect((await request(api.app)[route.method](addressOf(route)).set(headers).send(body)).status).toBe(401);
    }
    expect((await send(route, { orgs: [ours.id], roles: [decider], exp: 1 })).status).toBe(401);
    expect((await send(route, { roles: [decider] })).status).toBe(403);
  });

  test('refuses members, parameters and methods that it does not know', async () => {
    const claims = { orgs: [ours.id], roles: [decider] };
    if (route.hasBody) expect((await send(route, claims, { body: { ...body, force: true } })).status).toBe(400);
    expect((await send(route, claims, { search: '?force=1' })).status).toBe(400);
    const { status, headers } = await request(api.app).get(addressOf(route));
    expect([status, headers['allow']]).toEqual([405, route.method.toUpperCase()]);
  });
});

test('nobody but operators and admins may decide, and nobody but traders and admins trade', () => {
  expect(ROLES.filter((role) => isAllowed([role], 'quarantine:decide'))).toEqual(['operator', 'admin']);
  expect(ROLES.filter((role) => isAllowed([role], 'trading-config:write'))).toEqual(['trader', 'admin']);
});

test('traders and admins make keys; operators may revoke them as well', () => {
  expect(ROLES.filter((role) => isAllowed([role], 'api-keys:mint'))).toEqual(['trader', 'admin']);
  expect(ROLES.filter((role) => isAllowed([role], 'api-keys:revoke'))).toEqual(['operator', 'trader', 'admin']);
});
