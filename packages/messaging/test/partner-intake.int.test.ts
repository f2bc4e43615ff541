import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import {
  fanOutQueue,
  inboundQueue,
  partnerTelemetryKey,
  partnerTelemetryQueue,
  partnerVhostTopology,
  refusingQueue,
} from '@quarterhour/contracts';
import { eventually, testVhost } from '@quarterhour/testkit';
import { resumeIntake, stopIntake, UnroutableError } from '../src/index.js';
import type { Publisher } from '../src/index.js';
import { aMessage, aSetting } from './setting.js';

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };
const PREFIX = 'acme';
const QUEUE = partnerTelemetryQueue(PREFIX);
const TELEMETRY = partnerTelemetryKey(PREFIX, 'realtime', 'site');
const CONFIG = `${PREFIX}.config.constraints.site`;

let setting: Awaited<ReturnType<typeof aSetting>>;
beforeAll(async () => {
  setting = await aSetting();
  await setting.api.declare(setting.vhost.name, partnerVhostTopology(PREFIX));
}, 60_000);
afterAll(() => setting.end());
afterEach(() => setting.afterTest());

test('a partner whose intake is stopped is refused even while a consumer has room', async () => {
  const { broker } = await setting.open();
  const publisher = broker.publisher();
  let taken = 0;
  await broker.consume({
    queue: QUEUE,
    prefetch: 200,
    onDelivery: (delivery, consumer) => {
      taken += 1;
      consumer.ack([delivery]);
    },
  });
  expect(await publish(publisher, TELEMETRY, 3)).toEqual(['taken', 'taken', 'taken']);
  await eventually(() => expect(taken).toBe(3));

  await stopIntake(setting.api, setting.vhost.name, PREFIX);
  expect(new Set(await publish(publisher, TELEMETRY, 500))).toEqual(new Set(['refused']));
  expect(taken).toBe(3);
  await resumeIntake(setting.api, setting.vhost.name, PREFIX);
});

test('what was queued stays, and intake goes on as before once it is resumed', async () => {
  const { broker } = await setting.open();
  const publisher = broker.publisher();
  await publish(publisher, TELEMETRY, 2);
  const stopped = () => stopIntake(setting.api, setting.vhost.name, PREFIX);
  await stopped();
  await stopped();
  expect(await publish(publisher, TELEMETRY, 1)).toEqual(['refused']);

  const resumed = () => resumeIntake(setting.api, setting.vhost.name, PREFIX);
  await resumed();
  await resumed();
  expect(await publish(publisher, TELEMETRY, 1)).toEqual(['taken']);
  await eventually(async () => expect(await broker.depthOf(QUEUE)).toMatchObject({ ready: 3 }));
  expect(await setting.api.getQueue(setting.vhost.name, refusingQueue(PREFIX))).toBeNull();
});

test('while the intake stops and resumes, no message is confirmed that no queue holds', async () => {
  const { broker } = await setting.open();
  const publisher = broker.publisher();
  const { name } = inboundQueue(PREFIX, 'config');
  const answers: string[] = [];
  const over = new AbortController();
  const publishing = (async () => {
    while (!over.signal.aborted) answers.push(...(await publish(publisher, CONFIG, 20)));
  })();
  for (let time = 0; time < 5; time += 1) {
    await stopIntake(setting.api, setting.vhost.name, PREFIX);
    await resumeIntake(setting.api, setting.vhost.name, PREFIX);
  }
  over.abort();
  await publishing;

  expect(answers).toContain('refused');
  expect(answers).not.toContain('unroutable');
  const confirmed = answers.filter((answer) => answer === 'taken').length;
  await eventually(async () => expect((await broker.depthOf(name))?.ready).toBeGreaterThanOrEqual(confirmed));
});

test('only what is named is stopped', async () => {
  const { broker } = await setting.open();
  const publisher = broker.publisher();
  await stopIntake(setting.api, setting.vhost.name, PREFIX, ['telemetry']);
  expect(await publish(publisher, TELEMETRY, 1)).toEqual(['refused']);
  expect(await publish(publisher, CONFIG, 1)).toEqual(['taken']);
  await resumeIntake(setting.api, setting.vhost.name, PREFIX);
});

/** What became of each of several messages that were sent at once. */
function publish(publisher: Publisher, routingKey: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      publisher.publish(aMessage('vcp', 'x', { routingKey })).then(
        () => 'taken',
        (error: unknown) => (error instanceof UnroutableError ? 'unroutable' : 'refused'),
      ),
    ),
  );
}

test('what is refused is not fanned out either, and is again once the intake is resumed', async () => {
  const vhost = await testVhost();
  const api = vhost.api;
  const key = `partner-${randomUUID()}`;
  await api.putVhost(key);
  try {
    await api.putPermissions(key, decodeURIComponent(new URL(vhost.amqpUrl).username), EVERYTHING);
    await api.declare(key, partnerVhostTopology(PREFIX));
    const isBound = async () =>
      (await api.exportDefinitions(key)).bindings.some(({ queue }) => queue === fanOutQueue(PREFIX));
    expect(await isBound()).toBe(true);
    await stopIntake(api, key, PREFIX, ['config']);
    expect(await isBound()).toBe(true);
    await stopIntake(api, key, PREFIX);
    expect(await isBound()).toBe(false);
    await resumeIntake(api, key, PREFIX);
    expect(await isBound()).toBe(true);
  } finally {
    await api.deleteVhost(key);
    await vhost.drop();
  }
}, 30_000);
