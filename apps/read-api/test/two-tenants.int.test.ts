import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { recordAudit, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { ROLES, vcpSurface, type Route } from '@quarterhour/http';
import {
  aConfigEnvelope,
  aDispatch,
  aMeterEnvelope,
  anAsset,
  anAssetStatus,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  aTradingChange,
  recentQuarterHour,
  sentAssetStatus,
  sentConfig,
  sentDispatch,
  sentTelemetry,
  sentTradingEvent,
  takeIn,
} from '@quarterhour/testkit';
import { routes } from '../src/routes.js';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { aKeyOf } from './keys.js';
import { logCommand, logConfig, quarantine } from './facts.js';
import { openPeriodFacts } from './period-facts.js';
import { registerInverter, registerSite, storeLimits, storeSpec } from './registered.js';

/**
 * Two organisations that hold things under the same ids wherever ids are theirs to choose: message ids, event ids, external
 * ids. Everything of free text says whose it is.
 */
interface Tenant {
  readonly canary: string;
  readonly organisation: OrganisationRow;
  readonly ids: Ids;
}

/** Ids that a request may name. Those of nobody exist nowhere. */
interface Ids {
  readonly assetId: string;
  readonly plantId: string;
  readonly eventId: string;
  readonly quarantinedId: string;
  readonly messageId: string;
  readonly siteId: string;
}

const SHARED = {
  eventId: randomUUID(),
  messageId: 'message-1',
  externalPlantId: 'roof',
  measuredAt: recentQuarterHour(),
};
const DAY = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';
const SPAN = 'from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z';

/** A request of each operation, by the ids that it names. An operation without one fails the first test. */
const REQUESTS: Readonly<Record<string, (ids: Ids) => readonly string[]>> = {
  listAssets: () => ['/asset-api/v1/assets?limit=1', '/asset-api/v1/assets?region=DE'],
  getAsset: ({ assetId }) => [`/asset-api/v1/assets/${assetId}`],
  getAssetStatus: ({ assetId }) => [`/asset-api/v1/assets/${assetId}/status`],
  listStatuses: ({ assetId }) => [
    `/asset-api/v1/statuses?asset_ids=${assetId}&${SPAN}`,
    `/asset-api/v1/statuses?asset_ids=${assetId}&latest=true`,
  ],
  listStateSnapshots: ({ assetId }) => [
    `/asset-api/v1/state-snapshots?asset_ids=${assetId}&${SPAN}`,
    `/asset-api/v1/state-snapshots?asset_ids=${assetId}&latest=true`,
  ],
  listLimits: ({ assetId }) => [`/asset-api/v1/limits?asset_ids=${assetId}&${SPAN}`],
  listForecasts: ({ assetId }) => [`/asset-api/v1/forecasts?asset_ids=${assetId}&${SPAN}`],
  listReservations: ({ assetId }) => [`/asset-api/v1/reservations?asset_ids=${assetId}&${SPAN}`],
  listSpecs: ({ assetId }) => [
    `/asset-api/v1/specs?asset_ids=${assetId}`,
    `/asset-api/v1/specs?asset_ids=${assetId}&latest=true`,
  ],
  listSites: ({ assetId }) => [
    '/asset-api/v1/sites?expand=inverters&limit=1',
    `/asset-api/v1/sites?asset_id=${assetId}`,
  ],
  getSite: ({ siteId }) => [`/asset-api/v1/sites/${siteId}`],
  listSiteLimits: ({ siteId }) => [`/asset-api/v1/sites/${siteId}/limits?${DAY}`],
  listSiteInverterLimits: ({ siteId }) => [`/asset-api/v1/sites/${siteId}/inverters/${siteId}_INV_1/limits?${DAY}`],
  listDispatches: ({ assetId }) => [
    `/asset-api/v1/dispatches?asset_ids=${assetId}&${SPAN}`,
    `/asset-api/v1/dispatches?asset_ids=${assetId}&${SPAN}&limit=1&order=desc`,
  ],
  getLatestTelemetry: ({ plantId }) => [`/api/v1/trading/plants/${plantId}/telemetry/latest`],
  listTelemetry: ({ plantId }) => [`/api/v1/trading/plants/${plantId}/telemetry?${aroundTheMeasurement()}`],
  listMeterData: ({ plantId }) => [`/api/v1/trading/plants/${plantId}/meters?${aroundTheMeasurement()}`],
  getDispatch: ({ eventId }) => [`/quarterhour/v1/dispatches/${eventId}`],
  listQuarantine: ({ messageId, assetId }) => [
    '/quarterhour/v1/quarantine?limit=1',
    `/quarterhour/v1/quarantine?message_id=${messageId}`,
    `/quarterhour/v1/quarantine?waits_for=asset+${assetId}`,
  ],
  getQuarantined: ({ quarantinedId }) => [`/quarterhour/v1/quarantine/${quarantinedId}`],
  listIngestionMinutes: () => [`/quarterhour/v1/ingestion/minutes?${minutesOfToday()}`],
  listReceipts: ({ messageId, plantId }) => [
    `/quarterhour/v1/ingestion/receipts?message_id=${messageId}`,
    `/quarterhour/v1/ingestion/receipts?plant_id=${plantId}&measured_at=${SHARED.measuredAt}`,
  ],
  listTradingConfigEvents: ({ plantId, messageId }) => [
    '/quarterhour/v1/trading-config-events?limit=1',
    `/quarterhour/v1/trading-config-events?plant_id=${plantId}`,
    `/quarterhour/v1/trading-config-events?message_id=${messageId}`,
  ],
  listAudit: () => ['/quarterhour/v1/audit?limit=1'],
  listTradingPartners: () => ['/quarterhour/v1/trading/partners'],
  getTradingConfig: () => ['/api/v1/trading/config'],
  getConnectionDetails: () => ['/api/v1/trading/connection-details'],
  listApiKeys: () => ['/api/v1/partner/api-keys?limit=1'],
  listCommandLog: ({ plantId }) => [`/api/v1/trading/plants/${plantId}/command-log?limit=1`],
  listConfigLog: ({ plantId }) => [`/api/v1/trading/plants/${plantId}/config-log?limit=1`],
};

let api: TestApi;
let a: Tenant;
let b: Tenant;
beforeAll(async () => {
  api = await openTestApi();
  a = await aTenant('CANARY-A-');
  b = await aTenant('CANARY-B-');
}, 60_000);
afterAll(() => api.close());

async function aTenant(mark: string): Promise<Tenant> {
  const canary = `${mark}${randomUUID()}`;
  const organisation = await anOrganisation(api.admin, { name: canary });
  const plant: PlantRow = await aPlant(api.admin, organisation, {
    name: canary,
    externalPlantId: SHARED.externalPlantId,
  });
  const assetId = await anAsset(api.admin, organisation, { plantId: plant.id, name: canary });
  const { eventId, messageId, externalPlantId: siteId, measuredAt: timestamp } = SHARED;
  const prefix = organisation.slug;
  const taken = [
    sentAssetStatus(anAssetStatus({ asset_id: assetId, reasons: [{ category: 'OPERATOR', detail: canary }] })),
    sentDispatch(aDispatch({ event_id: eventId, asset_id: assetId, source: canary })),
    sentDispatch(aDispatch({ asset_id: assetId, source: canary })),
    sentTelemetry(
      prefix,
      aRealtimeEnvelope({ siteId, timestamp, messageId, payload: { currentOperatingMode: canary } }),
    ),
    sentTelemetry(
      prefix,
      aMeterEnvelope({
        siteId,
        payload: { readingAt: timestamp, meters: [{ deviceId: canary, importRegisterKwh: 1 }] },
      }),
    ),
    sentConfig(
      prefix,
      'constraints',
      aConfigEnvelope({ siteId, messageId, source: canary, payload: { note: canary } }),
    ),
    sentConfig(prefix, 'topology', aConfigEnvelope({ siteId, source: canary, payload: { devices: [], note: canary } })),
    sentTradingEvent('enabled', aTradingChange({ organisation_id: organisation.id, event_id: eventId, actor: canary })),
  ];
  for (const sent of taken) expect(await takeIn(api.worker, sent)).toBe('stored');
  for (let n = 0; n < 2; n += 1) {
    await logCommand(api.admin, organisation.id, plant.id, { message_id: messageId, correlation_id: canary });
    await logConfig(api.admin, organisation.id, plant.id, { message: canary });
    await aKeyOf(api.admin, organisation, { name: canary });
    const entry = { orgId: organisation.id, actor: canary, action: 'quarantine.replay', subject: canary, detail: {} };
    await api.admin.transaction([organisation.id], (trx) => recordAudit(trx, [entry]));
  }
  const faulty = {
    detail: canary,
    routingKey: `dispatch.${assetId}`,
    body: Buffer.from(canary),
    properties: { headers: { canary } },
    worker: canary,
  };
  const quarantinedId = await quarantine(api.worker, organisation.id, {
    ...faulty,
    messageId,
    waitsFor: `asset ${assetId}`,
  });
  await quarantine(api.worker, organisation.id, { ...faulty, messageId, routingKey: canary });
  const orgId = organisation.id;
  await storeSpec(api.admin, { orgId, assetId }, { from: '2026-01-15T10:00:00Z', rampType: canary });
  const connectionPointId = await registerSite(api.admin, orgId, { name: canary });
  await registerSite(api.admin, orgId, { name: canary });
  const inverterId = await registerInverter(api.admin, { orgId, connectionPointId, assetIds: [assetId] });
  const limits = [{ at: '2026-01-15T10:00:00Z' }];
  await storeLimits(api.admin, { orgId, of: 'connection-point', id: connectionPointId }, limits);
  await storeLimits(api.admin, { orgId, of: 'inverter', id: inverterId }, limits);
  await keepPeriods(orgId, assetId, canary);
  const ids = { assetId, plantId: plant.id, eventId, quarantinedId, messageId, siteId: connectionPointId };
  return { canary, organisation, ids };
}

async function keepPeriods(orgId: string, assetId: string, market: string): Promise<void> {
  const facts = openPeriodFacts(api.controlUrl, orgId);
  const startTime = '2026-01-15T10:00:00Z';
  await facts.snapshots({ assetId, at: startTime });
  await facts.limits({ assetId, from: startTime, powerChargeMw: '-1' });
  await facts.forecasts({ assetId, startTime });
  await facts.reservations({ assetId, startTime, market });
  await facts.db.close();
}

/** A bucket's times are the caller's own: with them both answers to a foreign plant are the same. */
function aroundTheMeasurement(): string {
  return `from=${SHARED.measuredAt}&to=${new Date(Date.parse(SHARED.measuredAt) + 60_000).toISOString()}&bucket=1`;
}

function minutesOfToday(): string {
  const day = new Date().toISOString().slice(0, 10);
  return `from=${day}T00:00:00Z&to=${day}T23:59:59Z`;
}

const nobodys = (): Ids => ({
  assetId: 'DE_50HZ_NOBODY_1',
  plantId: randomUUID(),
  eventId: randomUUID(),
  quarantinedId: randomUUID(),
  messageId: 'nobody-1',
  siteId: 'DE_AMPN_NOBODY_SITE_1',
});
const requestsOf = ({ operationId }: Route<never>, ids: Ids): readonly string[] => REQUESTS[operationId]?.(ids) ?? [];
const ask = (url: string, tenant: Tenant, role = 'operator', headers = {}): Promise<Response> =>
  api.get(url, { orgs: [tenant.organisation.id], roles: [role] }, headers);

/** Everything of an answer that its reader sees, but for what is different in every answer; the clock is in some marks. */
function seen({ status, text, headers }: Response, requestId = String(headers['x-request-id'])) {
  const { 'x-request-id': _id, date: _date, ratelimit: _whatIsLeft, 'quarterhour-known-at': _mark, ...rest } = headers;
  return { status, text: text.replaceAll(requestId, ''), headers: rest };
}

/** Whatever of a tenant must not be told: its marks, and ids that only it knows. */
const secretsOf = ({ canary, organisation: { id, slug }, ids }: Tenant): string[] => {
  return [canary, id, slug, ids.plantId, ids.assetId, ids.quarantinedId];
};

/** What only a key opens is of its organisation, whatever is asked for: see sites.int.test.ts. */
const operations = routes
  .filter(({ surface }) => surface !== vcpSurface)
  .map((route) => [route.operationId, route] as const);

test('every operation is asked here', () => {
  expect(Object.keys(REQUESTS).toSorted()).toEqual(operations.map(([operationId]) => operationId).toSorted());
});

describe.each(operations)('%s', (operationId, route) => {
  test('answers each organisation with its own', async () => {
    for (const tenant of [a, b]) {
      const texts = await Promise.all(
        requestsOf(route, tenant.ids).map(async (url) => {
          const { status, text } = await ask(url, tenant);
          expect([url, status]).toEqual([url, 200]);
          return text;
        }),
      );
      const shown = texts.join();
      const { canary, organisation, ids } = tenant;
      const marks = [canary, organisation.id, organisation.slug, ids.plantId, ids.assetId];
      expect(COUNTS_ONLY.has(operationId) || marks.some((mark) => shown.includes(mark))).toBe(true);
    }
  });

  test.each([...ROLES])('tells one organisation nothing of the other, as %s, on any page', async (role) => {
    for (const [reader, other] of [
      [a, b],
      [b, a],
    ] as const) {
      let urls = [...requestsOf(route, reader.ids)];
      for (let pages = 0; urls.length > 0 && pages < 5; pages += 1) {
        const answers = await Promise.all(urls.map((url) => ask(url, reader, role)));
        const told = answers.map(({ text, headers }) => text + JSON.stringify(headers)).join();
        for (const secret of secretsOf(other)) expect(told).not.toContain(secret);
        urls = answers.flatMap(({ headers }) => /^<([^>]+)>/.exec(headers['link'] ?? '')?.[1] ?? []);
      }
      expect(urls).toEqual([]);
    }
  });

  test('answers for another’s ids as for ids that do not exist', async () => {
    const strangers = nobodys();
    // What both have under the same id, each is answered with its own: told apart above.
    const foreign = { ...a.ids, eventId: strangers.eventId, messageId: strangers.messageId };
    const [theirs, none] = [requestsOf(route, foreign), requestsOf(route, strangers)];
    for (const [index, url] of theirs.entries()) {
      const [there, nowhere] = [await ask(url, b), await ask(none[index] ?? '', b)];
      expect(seen(there)).toEqual(seen(nowhere));
      for (const secret of [a.canary, a.organisation.id, a.organisation.slug]) {
        expect(there.text + JSON.stringify(there.headers)).not.toContain(secret);
      }
    }
  });

  test('answers under another’s x-org-id as under one that does not exist', async () => {
    for (const url of requestsOf(route, a.ids)) {
      const there = await ask(url, b, 'operator', { 'x-org-id': a.organisation.id });
      const nowhere = await ask(url, b, 'operator', { 'x-org-id': randomUUID() });
      expect(seen(there)).toEqual(seen(nowhere));
      expect(there.status).toBe(route.namesOneThing ? 404 : 403);
    }
  });
});

/** Counts and limits say nothing but numbers. */
const COUNTS_ONLY: ReadonlySet<string> = new Set(['listIngestionMinutes', 'listSiteLimits', 'listSiteInverterLimits']);

test('counts of one organisation are not moved by the other', async () => {
  const url = requestsOf(routeOf('listIngestionMinutes'), a.ids)[0] ?? '';
  const before = (await ask(url, a)).text;
  await takeIn(api.worker, sentDispatch(aDispatch({ asset_id: b.ids.assetId })));
  expect((await ask(url, a)).text).toBe(before);
  expect((await ask(url, b)).text).not.toBe(before);
});

function routeOf(operationId: string): (typeof routes)[number] {
  const found = routes.find((route) => route.operationId === operationId);
  if (found === undefined) throw new Error(`there is no ${operationId}`);
  return found;
}
