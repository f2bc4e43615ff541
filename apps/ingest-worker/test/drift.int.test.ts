import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { QUEUES, partnerTelemetryQueue, partnerTopology } from '@quarterhour/contracts';
import { dispatchStream, plantTelemetryStream } from '@quarterhour/ingestion';
import { aDispatch, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import { aStreamHouse, type StreamHouse } from './stream-house.js';

let house: StreamHouse;

beforeAll(async () => {
  house = await aStreamHouse();
}, 60_000);

afterAll(() => house.close(), 60_000);

const run = (text: string) => house.database.admin.transaction([], (trx) => trx.query({ text, values: [] }));

/** Yesterday for the whole test, so that midnight makes no difference. */
const yesterday = Date.now() - 86_400_000;
const partition = `app.telemetry_realtime_p${new Date(yesterday).toISOString().slice(0, 10).replaceAll('-', '')}`;

describe('a database whose tables are not what they were', () => {
  test('stops the streams with an alarm, costs no message its place, and is recovered from once it is mended', async () => {
    const prefix = house.organisation.queuePrefix ?? '';
    await house.broker.declare(partnerTopology(prefix));
    const dispatches = await house.aStream(dispatchStream);
    const telemetry = await house.aStream(plantTelemetryStream);
    await dispatches.consume(QUEUES.dispatch);
    await telemetry.consume(partnerTelemetryQueue(prefix));
    const publish = (instant: number) =>
      Promise.all([
        house.publishDispatch(aDispatch({ asset_id: house.asset })),
        house.publishTelemetry(
          'realtime',
          aRealtimeEnvelope({ siteId: house.plant.id, timestamp: new Date(instant).toISOString() }),
        ),
      ]);
    await publish(yesterday);
    await house.settled(2);

    await run('alter table app.dispatch rename column source to origin');
    await run(`drop table ${partition}`);
    await publish(yesterday + 1);
    await eventually(async () => {
      expect(await dispatches.healthCheck.check()).toMatchObject({
        ok: false,
        detail: { alarm: { cause: expect.any(String) } },
      });
      expect(await telemetry.healthCheck.check()).toMatchObject({
        ok: false,
        detail: { alarm: { cause: expect.any(String) } },
      });
    });
    expect(await house.counts()).toEqual({ 'dispatch stored': 1, 'plant-telemetry stored': 1 });

    await run('alter table app.dispatch rename column origin to source');
    await house.settled(4, 60_000);
    expect(await house.counts()).toEqual({ 'dispatch stored': 2, 'plant-telemetry stored': 2 });
    await eventually(async () => {
      const checks = await Promise.all([dispatches, telemetry].map((stream) => stream.healthCheck.check()));
      expect(checks.map(({ ok }) => ok)).toEqual([true, true]);
    });
  }, 120_000);
});
