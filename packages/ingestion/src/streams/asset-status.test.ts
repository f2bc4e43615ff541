import { describe, expect, test } from '@jest/globals';
import { NO_ORGANISATION } from '@quarterhour/db';
import type { Delivery } from '../delivery.js';
import type { Fault, Received } from '../received.js';
import { Register } from '../register.js';
import { assetStatusStream, type AssetStatusFact } from './asset-status.js';
import { deadLetterStream } from './dead-letter.js';

const ORG = '0190a000-0000-7000-8000-000000000001';
const ASSET = 'DE_50HZ_WU_1';
const NOW = '2026-03-29T01:30:00Z';

const register = new Register({
  version: '1',
  nowMillis: 0,
  tradingStates: [],
  apiKeys: [],
  organisations: [{ id: ORG, slug: 'alpha', queuePrefix: 'alpha', marketZone: 'Europe/Berlin' }],
  plants: [],
  assets: [{ id: ASSET, orgId: ORG, plantId: null, deliveryArea: '50HZ' }],
});
const ctx = { register, nowMillis: Date.parse(NOW) };

const status = (change: object = {}) => ({
  source: 'monitor',
  event_id: '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10',
  published_at: '2026-03-29T01:29:58.5Z',
  asset_id: ASSET,
  status: 'DEGRADED',
  effective_at: '2026-03-29T03:29:00+02:00',
  reasons: [{ category: 'EQUIPMENT', detail: 'a fan', attributes: { fan: 2 } }],
  ...change,
});

function delivery(message: object, change: Partial<Delivery> = {}): Delivery {
  return {
    body: Buffer.from(JSON.stringify(message)),
    exchange: 'fleet',
    routingKey: `status.${ASSET}`,
    queue: 'ingest.fleet.status',
    redelivered: false,
    properties: { headers: {} },
    ...change,
  };
}

const receive = (message: object, change: Partial<Delivery> = {}) =>
  assetStatusStream.receive(delivery(message, change), ctx);

function factOf(received: Received<AssetStatusFact>): AssetStatusFact {
  if (received.kind === 'refused') throw new Error(`refused: ${JSON.stringify(received.fault)}`);
  return received.fact;
}

function faultOf(received: Received<unknown>): Fault {
  if (received.kind === 'understood') throw new Error('understood, although it should not be');
  return received.fault;
}

describe('the status of an asset', () => {
  test('is kept with canonical instants, and with every member of its reasons', () => {
    expect(factOf(receive(status()))).toMatchObject({
      orgId: ORG,
      assetId: ASSET,
      effectiveAt: '2026-03-29T01:29:00Z',
      publishedAt: '2026-03-29T01:29:58.500Z',
      status: 'DEGRADED',
      reasons: '[{"category":"EQUIPMENT","detail":"a fan","source":null,"attributes":{"fan":2}}]',
      arrivedAt: null,
    });
  });

  test.each([
    ['left out', undefined],
    ['null', null],
    ['none', []],
  ])('needs no reasons: %s', (_what, reasons) => {
    expect(factOf(receive(status({ reasons }))).reasons).toBe('[]');
  });

  test('of an asset that nobody registered waits for it, as nobody’s', () => {
    const unknown = receive(status({ asset_id: 'DE_50HZ_X_1' }), { routingKey: 'status.DE_50HZ_X_1' });
    expect(unknown.orgId).toBe(NO_ORGANISATION);
    expect(faultOf(unknown)).toMatchObject({ reason: 'unknown_asset', waitsFor: 'asset DE_50HZ_X_1' });
  });

  test.each<[string, object, string, string | null]>([
    ['another asset than its key names', { asset_id: 'DE_50HZ_WU_2' }, 'schema', 'asset_id'],
    ['a status that there is not', { status: 'BROKEN' }, 'schema', 'status'],
    ['a category that there is not', { reasons: [{ category: 'WEATHER' }] }, 'schema', 'reasons.0.category'],
    ['an instant without offset', { effective_at: '2026-03-29T01:00:00' }, 'schema', 'effective_at'],
    [
      'half a character',
      { reasons: [{ category: 'GRID', attributes: { a: '\ud800' } }] },
      'schema',
      'reasons.0.attributes.a',
    ],
    ['more than five minutes ahead', { effective_at: '2026-03-29T01:35:01Z' }, 'implausible', 'effective_at'],
  ])('is set aside with %s', (_what, change, reason, path) => {
    expect(faultOf(receive(status(change)))).toMatchObject({ reason, path });
  });

  test('may lie five minutes ahead, and as long ago as it likes', () => {
    expect(factOf(receive(status({ effective_at: '2026-03-29T01:35:00Z' }))).effectiveAt).toBe('2026-03-29T01:35:00Z');
    expect(factOf(receive(status({ effective_at: '1999-01-01T00:00:00Z' }))).effectiveAt).toBe('1999-01-01T00:00:00Z');
  });

  test('that was parked says when it first came', () => {
    const firstSeen = factOf(receive(status())).publishedAt;
    expect(factOf(receive(status(), { firstSeen })).arrivedAt).toBe(firstSeen);
  });

  test('that the broker gave up on is set aside as one', () => {
    const dead = deadLetterStream.receive(
      delivery(status(), { exchange: 'ingest.dead', properties: { headers: { 'x-death': [{ exchange: 'fleet' }] } } }),
      ctx,
    );
    expect(dead).toMatchObject({ kind: 'refused', stream: 'asset-status', orgId: ORG });
  });
});
