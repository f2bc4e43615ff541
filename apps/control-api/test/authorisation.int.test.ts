import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import type { OrganisationRow } from '@quarterhour/db';
import { isAllowed, newApiKey, ROLES } from '@quarterhour/http';
import { anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { routes } from '../src/routes.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const HOUR = { start_time: '2026-01-15T10:00:00Z', end_time: '2026-01-15T11:00:00Z' };
const A_LIMIT = {
  ...HOUR,
  max_import_from_grid: { amount: '1', unit: 'MW' },
  max_export_to_grid: { amount: '1', unit: 'MW' },
};

/** A body per operation that is fine; undefined where it takes none. */
const BODIES: Readonly<Record<string, object | undefined>> = {
  validateMessage: { exchange: 'vcp', routing_key: 'a.b', body: {} },
  createAsset: {
    code: 'WU',
    name: 'A battery',
    type: 'BESS',
    region: 'DE',
    delivery_area: '50HZ',
    provider: 'ASSET_SIMULATOR',
  },
  patchAsset: {},
  deleteAsset: undefined,
  commissionAsset: undefined,
  goLiveAsset: undefined,
  suspendAsset: undefined,
  resumeAsset: undefined,
  decommissionAsset: undefined,
  upsertSpec: { asset_id: 'NOBODY', valid_from: '2026-01-15T00:00:00Z' },
  createSite: {
    code: 'WU',
    name: 'A site',
    region: 'DE',
    delivery_area: '50HZ',
    dispatch_mode: { name: 'MANUAL' },
  },
  patchSite: {},
  deleteSite: undefined,
  upsertSiteLimits: { limits: [A_LIMIT] },
  createSiteInverter: {
    rated_power: { amount: '1', unit: 'MW' },
    charge_efficiency: 1,
    discharge_efficiency: 1,
    asset_ids: ['NOBODY'],
  },
  patchSiteInverter: {},
  deleteSiteInverter: undefined,
  upsertSiteInverterLimits: { limits: [A_LIMIT] },
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
  syncPlants: undefined,
  getPlantConfig: undefined,
  updatePlantConfig: { timeConfigs: [] },
  validatePlantConfig: { timeConfigs: [] },
  upsertStateSnapshots: {
    state_snapshots: [
      { asset_id: 'NOBODY', effective_at: '2026-01-15T10:00:00Z', stored_energy: { amount: '1', unit: 'MWh' } },
    ],
  },
  patchLimits: { limits: [{ asset_id: 'NOBODY', ...HOUR, source: 'PV', trading_locked: true }] },
  deleteLimits: undefined,
  upsertForecasts: { forecasts: [{ asset_id: 'NOBODY', ...HOUR, generation: { amount: '1', unit: 'MW' } }] },
  upsertReservations: {
    reservations: [
      {
        asset_id: 'NOBODY',
        ...HOUR,
        market: 'DAA',
        source: 'EXTERNAL',
        power: { amount: '1', unit: 'MW' },
        energy_change: { amount: '1', unit: 'MWh' },
        energy_buffer_low: { amount: '0', unit: 'MWh' },
        energy_buffer_high: { amount: '1', unit: 'MWh' },
      },
    ],
  },
};
/** A query per operation that needs one. */
const QUERIES: Readonly<Record<string, string>> = {
  deleteLimits: `?${new URLSearchParams({ asset_id: 'NOBODY', ...HOUR, source: 'PV' }).toString()}`,
};
/** What an operation answers that is neither 200 nor, of a thing that is not there, 404. */
const ANSWERS: Readonly<Record<string, number>> = {
  createAsset: 201,
  createSite: 201,
  // Names an asset that nobody has.
  upsertSpec: 404,
  mintApiKey: 201,
  // An organisation that never configured trading cannot do these, whoever asks.
  enableTrading: 400,
  pauseTrading: 400,
  resumeTrading: 400,
  drainTrading: 400,
  syncPlants: 400,
  // There are no assets.
  upsertStateSnapshots: 422,
  patchLimits: 404,
  deleteLimits: 404,
  upsertForecasts: 404,
  upsertReservations: 404,
};

let api: TestApi;
let ours: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin, { tradingState: null });
}, 60_000);
afterAll(() => api.close());

const addressOf = (route: (typeof routes)[number]): string =>
  `${route.surface.basePath}${route.path.replaceAll(/\{\w+\}/g, () => randomUUID())}`;
const cases = routes.map((route) => [route.operationId, route] as const);

/** Of all operations that share a path. */
const methodsOf = ({ path, surface }: (typeof routes)[number]): string =>
  routes
    .filter((other) => other.surface === surface && other.path === path)
    .flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
    .join(', ');

test('every operation has a body here', () => {
  expect(Object.keys(BODIES).toSorted()).toEqual(routes.map(({ operationId }) => operationId).toSorted());
});

describe.each(cases)('%s', (operationId, route) => {
  const body = BODIES[operationId];
  const decider = ROLES.find((role) => isAllowed([role], route.capability)) ?? 'nobody';
  const ask = (claims: TokenClaims, changes: { readonly query?: string; readonly body?: object } = {}) =>
    api.send(
      route.method,
      `${addressOf(route)}${changes.query ?? QUERIES[operationId] ?? ''}`,
      claims,
      changes.body ?? body,
    );
  const allowed = () => ({ orgs: [ours.id], roles: [decider] });

  test.each([...ROLES, 'guest'])('as %s', async (role) => {
    const { status } = await ask({ orgs: [ours.id], roles: [role] });
    const answered = ANSWERS[operationId] ?? (route.namesOneThing ? 404 : 200);
    expect(status).toBe(isAllowed([role], route.capability) ? answered : 403);
  });

  test('is refused without a valid token, and without organisations', async () => {
    for (const headers of [{}, { 'x-api-key': newApiKey() }]) {
      expect((await request(api.app)[route.method](addressOf(route)).set(headers).send(body)).status).toBe(401);
    }
    expect((await ask({ ...allowed(), exp: 1 })).status).toBe(401);
    expect((await ask({ roles: [decider] })).status).toBe(403);
  });

  test('refuses members, parameters and methods that it does not know', async () => {
    const refused = route.surface.invalidStatus;
    if (route.hasBody) expect((await ask(allowed(), { body: { ...body, force: true } })).status).toBe(refused);
    const asked = await ask(allowed(), { query: '?force=1' });
    expect([asked.status, asked.text.includes('force')]).toEqual([refused, true]);
    const { status, headers } = await request(api.app).options(addressOf(route));
    expect([status, headers['allow']]).toEqual([405, methodsOf(route)]);
  });
});

test('nobody but operators and admins may decide, and nobody but traders and admins trade', () => {
  expect(ROLES.filter((role) => isAllowed([role], 'quarantine:decide'))).toEqual(['operator', 'admin']);
  expect(ROLES.filter((role) => isAllowed([role], 'trading-config:write'))).toEqual(['trader', 'admin']);
});

test('operators and admins write the register and its periods, everybody reads them', () => {
  for (const what of ['registry', 'periods'] as const) {
    expect(ROLES.filter((role) => isAllowed([role], `${what}:write`))).toEqual(['operator', 'admin']);
    expect(ROLES.filter((role) => isAllowed([role], `${what}:read`))).toEqual([...ROLES]);
  }
});

test('traders and admins make keys; operators may revoke them as well', () => {
  expect(ROLES.filter((role) => isAllowed([role], 'api-keys:mint'))).toEqual(['trader', 'admin']);
  expect(ROLES.filter((role) => isAllowed([role], 'api-keys:revoke'))).toEqual(['operator', 'trader', 'admin']);
});
