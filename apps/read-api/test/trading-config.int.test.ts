import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectionDetails, tradingConfig, tradingError } from '@quarterhour/contracts';
import { anApiKey, anOrganisation, revokeApiKey, setTradingState, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const CONFIG = '/api/v1/trading/config';
const DETAILS = '/api/v1/trading/connection-details';

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
}, 60_000);
afterAll(() => api.close());

const claims = (...orgs: string[]): TokenClaims => ({ orgs, roles: ['trader'] });

describe('the configuration', () => {
  test('of an organisation that never configured anything is a disabled one that stays the same', async () => {
    const { id, slug } = await anOrganisation(api.admin, { tradingState: null, queuePrefix: null });
    const { status, headers, body } = await api.get(CONFIG, claims(id));
    const config = tradingConfig.parse(body);
    expect([status, headers['quarterhour-trading-state']]).toEqual([200, 'DISABLED']);
    expect(config).toMatchObject({
      organizationId: id,
      queuePrefix: slug,
      status: 'DISABLED',
      esmApiUrl: null,
      esmClientId: null,
      hasEsmCredentials: false,
      lastSyncAt: null,
      lastSyncError: null,
    });
    expect((await api.get(CONFIG, claims(id))).body).toEqual(config);
  });

  test.each([
    ['ENABLED', 'ENABLED'],
    ['PAUSED', 'ENABLED'],
    ['DRAINING', 'ENABLED'],
    ['DISABLED', 'DISABLED'],
  ] as const)('of one that is %s reads as %s', async (state, status) => {
    const organisation = await anOrganisation(api.admin);
    await setTradingState(api.admin, organisation, state);
    const { headers, body } = await api.get(CONFIG, claims(organisation.id));
    expect([headers['quarterhour-trading-state'], tradingConfig.parse(body).status]).toEqual([state, status]);
  });

  test('is of one organisation: which, has to be said when the token has several', async () => {
    const [one, another] = [await anOrganisation(api.admin), await anOrganisation(api.admin)];
    for (const url of [CONFIG, DETAILS]) {
      const { status, body } = await api.get(url, claims(one.id, another.id));
      expect([status, tradingError.parse(body).code]).toEqual([403, 'ORG_CONTEXT_REQUIRED']);
    }
    const { body } = await api.get(CONFIG, claims(one.id, another.id), { 'x-org-id': another.id });
    expect(tradingConfig.parse(body).organizationId).toBe(another.id);
  });

  test('of an organisation that is not registered is nobody’s', async () => {
    for (const url of [CONFIG, DETAILS]) {
      const { status, body } = await api.get(url, claims(randomUUID()));
      expect([status, tradingError.parse(body).code]).toEqual([403, 'FORBIDDEN']);
    }
  });
});

describe('the connection details', () => {
  test('name the broker, the exchange, eight queues and the virtual host of the newest live key', async () => {
    const organisation = await anOrganisation(api.admin, { queuePrefix: 'windhof' });
    const details = async () => connectionDetails.parse((await api.get(DETAILS, claims(organisation.id))).body);
    expect((await details()).vhost).toBe('partner-{keyId}');
    const first = await anApiKey(api.admin, organisation);
    const second = await anApiKey(api.admin, organisation);
    const found = await details();
    expect(found).toMatchObject({ host: 'amqp.example', port: 5671, exchange: 'vcp', queuePrefix: 'windhof' });
    expect(found.vhost).toBe(`partner-${second}`);
    expect(found.authInstructions).toContain(organisation.slug);
    expect(found.queues.map(({ name, direction, routingKey }) => [name, direction, routingKey])).toEqual([
      ['vcp.windhof.command', 'inbound', 'windhof.command.#'],
      ['vcp.windhof.schedule', 'inbound', 'windhof.schedule.*'],
      ['vcp.windhof.config', 'inbound', 'windhof.config.#'],
      ['vcp.windhof.telemetry', 'inbound', 'windhof.telemetry.#'],
      ['vcp.windhof.event.telemetry', 'outbound', 'windhof.event.telemetry.#'],
      ['vcp.windhof.event.status', 'outbound', 'windhof.event.command.ack'],
      ['vcp.windhof.event.execution', 'outbound', 'windhof.event.execution'],
      ['vcp.windhof.event.alarm', 'outbound', 'windhof.event.alarm'],
    ]);
    expect(found.queues.map(({ description }) => description)).not.toContain('');
    await revokeApiKey(api.admin, organisation, second);
    expect((await details()).vhost).toBe(`partner-${first}`);
  });
});
