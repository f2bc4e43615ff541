import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listTradingPartnersResponse } from '@quarterhour/contracts';
import {
  addFanOutDrops,
  openDatabase,
  recordPartnerQueues,
  recordProvisionTrouble,
  type Database,
} from '@quarterhour/db';
import { anApiKey, anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { parseInstant } from '@quarterhour/domain';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { countMinutes } from './facts.js';

const PARTNERS = '/quarterhour/v1/trading/partners';

let api: TestApi;
let control: Database;
beforeAll(async () => {
  api = await openTestApi();
  control = openDatabase({ url: api.controlUrl, applicationName: 'test', maxConnections: 1 });
}, 60_000);
afterAll(async () => {
  await control.close();
  await api.close();
});

const trader = (...orgs: string[]): TokenClaims => ({ orgs, roles: ['trader'] });
async function partnersOf(url: string, claims: TokenClaims) {
  const { status, body, headers } = await api.get(url, claims);
  expect([status, body]).toEqual([200, expect.anything()]);
  const next = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
  return { partners: listTradingPartnersResponse.parse(body).partners, next };
}

test('shows how a partner stands: state, queues, traffic, keys and alarms', async () => {
  const { id, slug, queuePrefix } = await anOrganisation(api.admin);
  const key = await anApiKey(api.admin, { id });
  const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 120_000).toISOString().replace('.000Z', 'Z');
  await countMinutes(api.worker, [
    {
      orgId: id,
      stream: 'plant-telemetry',
      minute: parseInstant(minute),
      outcome: 'stored',
      redelivered: false,
      n: 40,
    },
    {
      orgId: id,
      stream: 'plant-telemetry',
      minute: parseInstant(minute),
      outcome: 'duplicate',
      redelivered: true,
      n: 10,
    },
  ]);
  const queue = {
    vhost: `partner-${key}`,
    name: `vcp.${queuePrefix ?? ''}.telemetry`,
    direction: 'inbound',
    ready: 3,
    unsettled: 4,
    consumers: 1,
    publishRate: 1.5,
    deliverRate: 0.5,
    dropped: 2,
  } as const;
  await control.transaction([id], async (trx) => {
    await recordPartnerQueues(trx, id, [queue, { ...queue, name: 'gone' }]);
    await recordPartnerQueues(trx, id, [queue]);
    await recordProvisionTrouble(trx, id, 'a queue exists with other arguments');
  });

  for (const count of [5, 2]) {
    await api.worker.transaction([id], (trx) => addFanOutDrops(trx, id, [{ keyId: key, count }]));
  }

  const { partners } = await partnersOf(PARTNERS, trader(id));
  expect(partners[0]?.keys[0]?.telemetry_last_dropped_at).toMatch(/^\d{4}-/);
  expect(partners).toMatchObject([
    {
      organisation_id: id,
      slug,
      state: 'ENABLED',
      queue_prefix: queuePrefix,
      is_provisioned: false,
      last_message_at: minute,
      messages_per_minute: 10,
      queues: [
        {
          vhost: queue.vhost,
          name: queue.name,
          ready: 3,
          unsettled: 4,
          publish_rate: 1.5,
          deliver_rate: 0.5,
          dropped: 2,
        },
      ],
      keys: [{ id: key, is_expired: false, expires_at: null, last_used_at: null, telemetry_dropped: 7 }],
      alarms: [{ code: 'provision_error', detail: 'a queue exists with other arguments' }],
    },
  ]);
  expect(partners[0]?.last_message_age_seconds).toBeGreaterThanOrEqual(120);
  expect(partners[0]?.last_message_age_seconds).toBeLessThan(300);
});

test('goes on page by page, by slug, and shows nobody else', async () => {
  const organisations = await Promise.all([1, 2, 3].map(() => anOrganisation(api.admin, { tradingState: null })));
  const claims = trader(...organisations.map(({ id }) => id));
  const seen: string[] = [];
  for (let next: string | undefined = `${PARTNERS}?limit=2`; next !== undefined;) {
    const page = await partnersOf(next, claims);
    seen.push(...page.partners.map(({ slug }) => slug));
    next = page.next;
  }
  expect(seen).toEqual(organisations.map(({ slug }) => slug).toSorted());
});

test('of an admin does not count nobody as a partner', async () => {
  const { id } = await anOrganisation(api.admin);
  expect((await partnersOf(PARTNERS, { orgs: [id], roles: ['admin'] })).partners).toHaveLength(1);
});
