import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { aDispatch, openTcpProxy, type StartedProcess, type TcpProxy } from '@quarterhour/testkit';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

const MESSAGES = 30;

let house: WorkerHouse;
let brokerProxy: TcpProxy;
let databaseProxy: TcpProxy;
let worker: StartedProcess;

beforeEach(async () => {
  house = await aWorkerHouse();
  brokerProxy = await openTcpProxy(house.vhost.amqpUrl);
  databaseProxy = await openTcpProxy(house.database.ingestUrl);
  worker = await house.startWorker({
    QUARTERHOUR_AMQP_URL: brokerProxy.url,
    QUARTERHOUR_INGEST_DATABASE_URL: databaseProxy.url,
  });
}, 60_000);

afterEach(async () => {
  await worker.kill('SIGKILL');
  await brokerProxy.close();
  await databaseProxy.close();
  await house.close();
}, 60_000);

const publish = (messages: number) =>
  Promise.all(Array.from({ length: messages }, () => house.publishDispatch(aDispatch({ asset_id: house.asset }))));

/** The process gives itself ten seconds, and says by status 1 that they were not enough. */
const IN_TIME = { code: 0, signal: null };

describe('a worker with a batch in hand that is told to stop', () => {
  test.each<[string, () => unknown]>([
    ['the database answers nothing', () => databaseProxy.swallow()],
    ['the database refuses connections', () => databaseProxy.refuse()],
  ])(
    'while %s ends in time, and leaves the batch with the broker',
    async (_what, begin) => {
      await publish(1);
      await house.settled(1);
      await begin();
      await publish(MESSAGES);
      // Not by the health page, which would wait for the database as well: the statement in hand is to be a fresh one.
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(await worker.kill('SIGTERM')).toEqual(IN_TIME);

      await databaseProxy.restore();
      await house.startWorker();
      await house.settled(1 + MESSAGES);
      expect(await house.counts()).toEqual({ 'dispatch stored': 1 + MESSAGES });
    },
    60_000,
  );
});

describe('a worker that is told to stop', () => {
  test.each<[string, () => unknown]>([
    ['the broker refuses connections', () => brokerProxy.refuse()],
    ['the broker answers nothing', () => brokerProxy.swallow()],
    [
      'neither broker nor database answers',
      () => {
        brokerProxy.swallow();
        databaseProxy.swallow();
      },
    ],
  ])(
    'while %s ends in time',
    async (_what, begin) => {
      await publish(1);
      await house.settled(1);
      await begin();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(await worker.kill('SIGTERM')).toEqual(IN_TIME);
    },
    60_000,
  );
});
