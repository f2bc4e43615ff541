import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  assetEventKey,
  assetStatusKey,
  EXCHANGES,
  QUEUES,
  VHOST,
  type AssetStatusMessage,
} from '@quarterhour/contracts';
import { enqueueOutgoing } from '@quarterhour/db';
import { openBroker } from '@quarterhour/messaging';
import { createLogger } from '@quarterhour/runtime';
import { anAsset, anAssetStatus, eventually } from '@quarterhour/testkit';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

let house: WorkerHouse;
let settledBefore = 0;

beforeAll(async () => {
  house = await aWorkerHouse();
  await Promise.all([house.startWorker(), house.startWorker()]);
}, 60_000);

afterAll(() => house.close());

const publish = (message: AssetStatusMessage): Promise<void> =>
  house.publisher.publish({
    exchange: EXCHANGES.fleet,
    routingKey: assetStatusKey(message.asset_id),
    body: Buffer.from(JSON.stringify(message)),
  });

async function publishAll(...messages: readonly AssetStatusMessage[]): Promise<void> {
  await Promise.all(messages.map(publish));
  settledBefore += messages.length;
  await house.settled(settledBefore);
}

const status = (different: Partial<AssetStatusMessage> = {}) => anAssetStatus({ asset_id: house.asset, ...different });
const versions = (assetId: string) =>
  house.rows<{ status: string; is_current: boolean }>(
    `select status, true as is_current from app.asset_status where asset_id = $1
     union all select status, false from app.asset_status_history where asset_id = $1 order by 2 desc, 1`,
    assetId,
  );

describe('the worker', () => {
  test('keeps the status of an asset with its receipt', async () => {
    const message = status({ reasons: [{ category: 'GRID', detail: 'a line is down' }] });
    await publishAll(message);
    expect(
      await house.rows(
        'select org_id, status, reasons, stream, outcome from app.asset_status s join app.receipt r using (org_id, message_id) where s.message_id = $1',
        message.event_id,
      ),
    ).toEqual([
      {
        org_id: house.organisation.id,
        status: 'ONLINE',
        reasons: [{ category: 'GRID', detail: 'a line is down', source: null, attributes: {} }],
        stream: 'asset-status',
        outcome: 'stored',
      },
    ]);
  });

  test('keeps both versions of a status that is corrected, and counts a copy', async () => {
    const asset = await anAsset(house.admin, house.organisation);
    const [first, later] = [
      status({ asset_id: asset, published_at: '2026-01-15T10:00:00Z' }),
      status({ asset_id: asset, published_at: '2026-01-15T11:00:00Z', status: 'FAULT' }),
    ];
    await publishAll(first);
    await publishAll(later, first);
    expect(await versions(asset)).toEqual([
      { status: 'FAULT', is_current: true },
      { status: 'ONLINE', is_current: false },
    ]);
    expect(await house.rows('select copies from app.receipt where message_id = $1', first.event_id)).toEqual([
      { copies: 2 },
    ]);
  });

  test('loses no version when many correct one status at once, through two workers', async () => {
    const asset = await anAsset(house.admin, house.organisation);
    const words = ['ONLINE', 'OFFLINE', 'DEGRADED', 'FAULT'] as const;
    const messages = Array.from({ length: 60 }, (_one, index) =>
      status({
        asset_id: asset,
        published_at: `2026-01-15T10:${String(index).padStart(2, '0')}:00Z`,
        status: words[index % words.length] ?? 'UNKNOWN',
        reasons: [{ category: 'OPERATOR', attributes: { index } }],
      }),
    );
    await publishAll(...messages);
    const kept = await house.rows<{ reasons: { attributes: { index: number } }[]; is_current: boolean }>(
      `select reasons, true as is_current from app.asset_status where asset_id = $1
       union all select reasons, false from app.asset_status_history where asset_id = $1`,
      asset,
    );
    const indexes = kept.map(({ reasons }) => reasons[0]?.attributes.index ?? -1);
    expect(indexes.toSorted((left, right) => left - right)).toEqual(messages.map((_message, index) => index));
    expect(kept.find((row) => row.is_current)?.reasons[0]?.attributes.index).toBe(59);
  });

  test('parks what comes before its asset, and takes it in once that is registered', async () => {
    const code = `P${randomUUID().slice(0, 4)}`.toUpperCase();
    const id = `DE_50HZ_${code}_1`;
    await publishAll(status({ asset_id: id, status: 'MAINTENANCE' }));
    expect(await house.rows('select reason from app.quarantine where waits_for = $1', `asset ${id}`)).toEqual([
      { reason: 'unknown_asset' },
    ]);
    expect(await anAsset(house.admin, house.organisation, { code })).toBe(id);
    await eventually(async () => expect(await versions(id)).toEqual([{ status: 'MAINTENANCE', is_current: true }]), {
      withinMs: 15_000,
    });
  });

  test('relays what happens in the register to a queue that keeps the newest of it', async () => {
    const orgId = house.organisation.id;
    const messageId = randomUUID();
    await house.admin.transaction([orgId], (trx) =>
      enqueueOutgoing(trx, [
        {
          orgId,
          vhost: VHOST,
          exchange: EXCHANGES.fleet,
          routingKey: assetEventKey('created'),
          orderKey: 'asset X',
          messageId,
          body: Buffer.from('{}'),
        },
      ]),
    );
    const log = createLogger({ name: 'test', level: 'fatal' });
    const broker = await openBroker({ url: house.vhost.amqpUrl, applicationName: 'test', log });
    await eventually(
      async () => {
        expect(await broker.depthOf(QUEUES.registryEvents)).toMatchObject({ ready: 1 });
        expect(await house.rows('select 1 from app.outbox')).toEqual([]);
      },
      { withinMs: 15_000 },
    );
    await broker.close();
  });
});
