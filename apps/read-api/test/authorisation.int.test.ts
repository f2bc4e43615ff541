import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import request from 'supertest';
import { addPlantEans, openDatabase } from '@quarterhour/db';
import type { Database, OrganisationRow } from '@quarterhour/db';
import { isAllowed, ROLES } from '@quarterhour/http';
import {
  anAsset,
  anAssetStatus,
  anOrganisation,
  aPlant,
  sentAssetStatus,
  takeIn,
  type TokenClaims,
} from '@quarterhour/testkit';
import { routes } from '../src/routes.js';
import { openTestApi, readApiOver } from './api.js';
import type { TestApi } from './api.js';
import { quarantine, storeDispatches } from './facts.js';
import { aKeyOf, revoke } from './keys.js';
import { registerInverter, registerSite } from './registered.js';

const WINDOW = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';

/** A request per operation that its owner may make. */
interface Owned {
  readonly organisation: OrganisationRow;
  readonly urls: Readonly<Record<string, string>>;
  /** A key that may read. */
  readonly key: string;
}

let api: TestApi;
let ours: Owned;
let theirs: Owned;
beforeAll(async () => {
  api = await openTestApi();
  ours = await everythingOf(await anOrganisation(api.admin));
  theirs = await everythingOf(await anOrganisation(api.admin));
}, 60_000);
afterAll(() => api.close());

async function everythingOf(organisation: OrganisationRow): Promise<Owned> {
  const plant = await aPlant(api.admin, organisation);
  const eanCons = `8591824001${String(BigInt(`0x${plant.id.slice(0, 6)}`)).padStart(8, '0')}`;
  await api.admin.transaction([organisation.id], (trx) => addPlantEans(trx, plant, { eanCons }));
  const asset = await anAsset(api.admin, organisation);
  const [eventId = ''] = await storeDispatches(api.worker, organisation.id, [
    { assetId: asset, at: '2026-01-15T10:00:00Z' },
  ]);
  await takeIn(api.worker, sentAssetStatus(anAssetStatus({ asset_id: asset })));
  const site = await registerSite(api.admin, organisation.id, { code: organisation.slug });
  const inverter = await registerInverter(api.admin, {
    orgId: organisation.id,
    connectionPointId: site,
    assetIds: [asset],
  });
  const quarantined = await quarantine(api.worker, organisation.id);
  return {
    organisation,
    key: (await aKeyOf(api.admin, organisation)).key,
    urls: {
      listAssets: '/asset-api/v1/assets',
      getAsset: `/asset-api/v1/assets/${asset}`,
      getAssetStatus: `/asset-api/v1/assets/${asset}/status`,
      listStatuses: `/asset-api/v1/statuses?asset_ids=${asset}&latest=true`,
      listSpecs: `/asset-api/v1/specs?asset_ids=${asset}`,
      listSites: '/asset-api/v1/sites',
      getSite: `/asset-api/v1/sites/${site}`,
      listSiteLimits: `/asset-api/v1/sites/${site}/limits?${WINDOW}`,
      listSiteInverterLimits: `/asset-api/v1/sites/${site}/inverters/${inverter}/limits?${WINDOW}`,
      listDispatches: `/asset-api/v1/dispatches?asset_ids=${asset}&delivery_day=2026-01-15`,
      listStateSnapshots: `/asset-api/v1/state-snapshots?asset_ids=${asset}&latest=true`,
      listLimits: `/asset-api/v1/limits?asset_ids=${asset}&from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`,
      listForecasts: `/asset-api/v1/forecasts?asset_ids=${asset}&from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`,
      listReservations: `/asset-api/v1/reservations?asset_ids=${asset}&from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`,
      getLatestTelemetry: `/api/v1/trading/plants/${plant.id}/telemetry/latest`,
      listTelemetry: `/api/v1/trading/plants/${plant.id}/telemetry`,
      listMeterData: `/api/v1/trading/plants/${plant.id}/meters`,
      getDispatch: `/quarterhour/v1/dispatches/${eventId}`,
      listQuarantine: '/quarterhour/v1/quarantine',
      getQuarantined: `/quarterhour/v1/quarantine/${quarantined}`,
      listIngestionMinutes: '/quarterhour/v1/ingestion/minutes?from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z',
      listReceipts: '/quarterhour/v1/ingestion/receipts?message_id=m-1',
      listTradingConfigEvents: '/quarterhour/v1/trading-config-events',
      listTradingPartners: '/quarterhour/v1/trading/partners',
      listAudit: '/quarterhour/v1/audit',
      getTradingConfig: '/api/v1/trading/config',
      getConnectionDetails: '/api/v1/trading/connection-details',
      listApiKeys: '/api/v1/partner/api-keys',
      listPartnerSites: '/api/v1/vcp/sites',
      listSiteMeters: `/api/v1/vcp/sites/${plant.id}/meters?from=2026-01-15T00:00:00Z`,
      listSiteTelemetry: `/api/v1/vcp/sites/${plant.id}/telemetry?from=2026-01-15T00:00:00Z`,
      listSiteCommands: `/api/v1/vcp/sites/${plant.id}/commands`,
      getSiteConfig: `/api/v1/vcp/sites/${plant.id}/config`,
      getMeterState: `/api/v1/vcp/meter-state?ean=${eanCons}`,
      listCommandLog: `/api/v1/trading/plants/${plant.id}/command-log`,
      listConfigLog: `/api/v1/trading/plants/${plant.id}/config-log`,
    },
  };
}

const allowed = () => ({ orgs: [ours.organisation.id], roles: ['operator'] });
const operations = routes.map(({ operationId }) => operationId);
const withTokens = routes.filter(({ capability }) => capability !== null);
const withKeys = routes.filter(({ apiKeyScope }) => apiKeyScope !== null);
/** Of a request that breaks a rule, as the operation's surface has it. */
const invalidStatusOf = (operationId: string): number | undefined =>
  routes.find((route) => route.operationId === operationId)?.surface.invalidStatus;
const urlOf = ({ urls }: Owned, operationId: string): string => urls[operationId] ?? '/no-example-for-this-operation';

describe('every operation', () => {
  const cells = routes.flatMap(({ operationId, capability }) =>
    [...ROLES, 'guest'].map((role) => {
      const answered = isAllowed([role], capability) ? 200 : 403;
      return [operationId, role, capability === null ? 401 : answered] as const;
    }),
  );

  test.each(cells)('%s as %s is %i', async (operationId, role, expected) => {
    const { status } = await api.get(urlOf(ours, operationId), { orgs: [ours.organisation.id], roles: [role] });
    expect(status).toBe(expected);
  });

  test.each(operations)('%s without a valid token is 401', async (operationId) => {
    const url = urlOf(ours, operationId);
    const refused: TokenClaims[] = [{ exp: 1 }, { nbf: 4_000_000_000 }, { aud: 'else' }, { iss: 'else' }];
    for (const claims of refused) expect((await api.get(url, { ...allowed(), ...claims })).status).toBe(401);
    const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const none = `${segment({ alg: 'none' })}.${segment({ ...allowed(), sub: 's', exp: 4_000_000_000 })}.`;
    for (const header of ['', 'Bearer x', `Bearer ${none}`, 'Basic YTpi']) {
      expect((await request(api.app).get(url).set('authorization', header)).status).toBe(401);
    }
    expect((await request(api.app).get(url)).status).toBe(401);
  });

  test.each(withTokens.map(({ operationId }) => operationId))(
    '%s without roles, or without organisations, is 403',
    async (operationId) => {
      const url = urlOf(ours, operationId);
      expect((await api.get(url, { orgs: [ours.organisation.id] })).status).toBe(403);
      expect((await api.get(url, { roles: ['operator'] })).status).toBe(403);
    },
  );

  test.each(withTokens.map(({ operationId, namesOneThing }) => [operationId, namesOneThing] as const))(
    '%s shows nothing of another organisation',
    async (operationId, namesOneThing) => {
      const { status, text } = await api.get(urlOf(theirs, operationId), allowed());
      expect(status).toBe(namesOneThing ? 404 : 200);
      for (const hidden of Object.values(theirs.urls).flatMap((url) => url.match(/[0-9a-f-]{36}/g) ?? [])) {
        expect(text).not.toContain(hidden);
      }
    },
  );

  test.each(withTokens.map(({ operationId, namesOneThing }) => [operationId, namesOneThing] as const))(
    '%s with x-org-id shows the picked organisation only',
    async (operationId, namesOneThing) => {
      const both = { orgs: [ours.organisation.id, theirs.organisation.id], roles: ['operator'] };
      const status = async (claims: TokenClaims, id: string): Promise<number> => {
        const token = await api.issuer.token(claims);
        const sent = request(api.app).get(urlOf(ours, operationId)).set('authorization', `Bearer ${token}`);
        return (await sent.set('x-org-id', id)).status;
      };
      expect(await status(both, ours.organisation.id)).toBe(200);
      expect(await status(both, theirs.organisation.id)).toBe(namesOneThing ? 404 : 200);
      expect(await status(allowed(), theirs.organisation.id)).toBe(namesOneThing ? 404 : 403);
      expect(await status(allowed(), randomUUID())).toBe(namesOneThing ? 404 : 403);
      expect(await status(allowed(), 'x')).toBe(invalidStatusOf(operationId));
    },
  );

  test.each(withTokens.map(({ operationId }) => operationId))(
    '%s refuses a parameter that it does not know',
    async (operationId) => {
      const url = urlOf(ours, operationId);
      const { status, text } = await api.get(`${url}${url.includes('?') ? '&' : '?'}colour=red`, allowed());
      expect([status, text.includes('colour')]).toEqual([invalidStatusOf(operationId), true]);
    },
  );
});

describe('with an API key', () => {
  const get = (url: string, key: string, headers: Readonly<Record<string, string>> = {}) =>
    request(api.app)
      .get(url)
      .set({ 'x-api-key': key, ...headers });

  test.each(routes.map(({ operationId, apiKeyScope }) => [operationId, apiKeyScope === null ? 401 : 200] as const))(
    '%s is %i',
    async (operationId, expected) => {
      expect((await get(urlOf(ours, operationId), ours.key)).status).toBe(expected);
    },
  );

  test('a partner reads these, and nothing else', () => {
    expect(withKeys.map(({ operationId }) => operationId).toSorted()).toEqual([
      'getMeterState',
      'getQuarantined',
      'getSiteConfig',
      'listIngestionMinutes',
      'listPartnerSites',
      'listQuarantine',
      'listReceipts',
      'listSiteCommands',
      'listSiteMeters',
      'listSiteTelemetry',
    ]);
  });

  test.each(withKeys.map(({ operationId, namesOneThing }) => [operationId, namesOneThing] as const))(
    '%s shows nothing of another organisation, whatever x-org-id says',
    async (operationId, namesOneThing) => {
      const shown = await get(urlOf(theirs, operationId), ours.key);
      // Its query names one thing, its address none.
      const isNotFound = namesOneThing || operationId === 'getMeterState';
      expect(shown.status).toBe(isNotFound ? 404 : 200);
      for (const hidden of Object.values(theirs.urls).flatMap((url) => url.match(/[0-9a-f-]{36}/g) ?? [])) {
        expect(shown.text).not.toContain(hidden);
      }
      const picked = await get(urlOf(theirs, operationId), ours.key, { 'x-org-id': theirs.organisation.id });
      expect(picked.status).toBe(namesOneThing ? 404 : 403);
    },
  );

  test.each(withKeys.map(({ operationId }) => operationId))(
    '%s is refused without the scope, and from the moment that the key is revoked',
    async (operationId) => {
      const url = urlOf(ours, operationId);
      const other = await aKeyOf(api.admin, ours.organisation, { scopes: ['vcp:connect', 'telemetry:read'] });
      expect((await get(url, other.key)).status).toBe(403);
      const { key, id } = await aKeyOf(api.admin, ours.organisation);
      expect((await get(url, key)).status).toBe(200);
      await revoke(api.admin, ours.organisation, id);
      expect((await get(url, key)).status).toBe(401);
      const expired = await aKeyOf(api.admin, ours.organisation, { expiresAt: '2026-01-15T00:00:00Z' });
      expect((await get(url, expired.key)).status).toBe(401);
    },
  );

  test.each(withKeys.map(({ operationId }) => operationId))(
    '%s refuses parameters that it does not know',
    async (id) => {
      const url = urlOf(ours, id);
      const { status, text } = await get(`${url}${url.includes('?') ? '&' : '?'}colour=red`, ours.key);
      expect([status, text.includes('colour')]).toEqual([400, true]);
    },
  );
});

describe('a database that does not answer', () => {
  let silent: Server;
  let db: Database;
  let app: Express;
  beforeAll(async () => {
    silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    db = openDatabase({
      url: `postgres://nobody:secret@127.0.0.1:${port}/nothing`,
      applicationName: 'test',
      maxConnections: 2,
      connectTimeoutMs: 900,
    });
    app = await readApiOver(db, api.issuer);
  });
  afterAll(async () => {
    await db.close();
    silent.close();
  });

  test.each(operations)('makes %s 503 within a second or so, in its surface’s shape', async (operationId) => {
    const start = performance.now();
    const takesTokens = withTokens.some((route) => route.operationId === operationId);
    const token = `Bearer ${await api.issuer.token(allowed())}`;
    const { status, headers, text, body } = await request(app)
      .get(urlOf(ours, operationId))
      .set(takesTokens ? { authorization: token } : { 'x-api-key': ours.key });
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(performance.now() - start).toBeLessThan(1_500);
    expect(text).not.toMatch(/secret|127\.0\.0\.1|timeout/);
    const surface = routes.find((route) => route.operationId === operationId)?.surface;
    expect(surface?.errorSchemas.other.safeParse(body).success).toBe(true);
  });

  test('leaves the process healthy and not ready', async () => {
    expect((await request(app).get('/healthz')).status).toBe(200);
    expect((await request(app).get('/readyz')).status).toBe(503);
  });
});
