import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EXCHANGES, partnerVhostTopology, QUEUES } from '@quarterhour/contracts';
import { stopIntake } from '@quarterhour/messaging';
import { anOrganisation, eventually, testServers } from '@quarterhour/testkit';
import { howMade, isShut, keyPlace, makeVhost, removeVhost, shutVhost } from '../src/provisioning/places.js';
import { openPartnerHouse, taken, type PartnerHouse, type TestKey } from './partners.js';

let house: PartnerHouse;
beforeAll(async () => {
  house = await openPartnerHouse();
}, 60_000);
afterEach(() => house.afterTest());
afterAll(() => house.close());

const user = decodeURIComponent(new URL(testServers().amqpUrl).username);
const aKey = async (): Promise<TestKey> => house.aKey(await anOrganisation(house.database.admin));
const placeOf = ({ vhost, prefix }: TestKey) => keyPlace(vhost, prefix);

describe('how far a virtual host got', () => {
  test('shows in its bindings', async () => {
    const key = await aKey();
    expect(await howMade(house.api, placeOf(key))).toBe('open');
    const inbound = partnerVhostTopology(key.prefix).bindings.filter(({ routingKey }) => !/event|^#$/.test(routingKey));
    const [first, ...others] = inbound;
    for (const binding of others) await house.api.deleteBinding(key.vhost, binding);
    expect(await howMade(house.api, placeOf(key))).toBe('once');
    if (first !== undefined) await house.api.deleteBinding(key.vhost, first);
    expect(await howMade(house.api, placeOf(key))).toBe('never');
  });

  test('is not open while it refuses, or without a policy', async () => {
    const [refusing, unruled] = [await aKey(), await aKey()];
    await stopIntake(house.api, refusing.vhost, refusing.prefix);
    await house.api.deletePolicy(unruled.vhost, 'ingest');
    expect(await howMade(house.api, placeOf(refusing))).toBe('once');
    expect(await howMade(house.api, placeOf(unruled))).toBe('once');
  });
});

describe('a queue that does not answer', () => {
  const deaf = () => ({
    ...house.api,
    isAnswering: (vhost: string, queue: string) =>
      queue === QUEUES.dead ? Promise.resolve(false) : house.api.isAnswering(vhost, queue),
  });

  test.each([
    ['is made anew where nothing was ever taken in', 'never', null],
    ['stays where something may be in it', 'once', 'kept'],
  ] as const)('%s', async (_what, made, expected) => {
    const key = await aKey();
    const channel = await house.ours(key);
    channel.publish(EXCHANGES.dead, 'x', Buffer.from('kept'));
    await eventually(async () => expect((await channel.checkQueue(QUEUES.dead)).messageCount).toBe(1));
    await makeVhost(deaf(), placeOf(key), { made, refused: [], user });
    expect(await howMade(house.api, placeOf(key))).toBe('open');
    const message = await taken(channel, QUEUES.dead);
    expect(message?.content.toString() ?? null).toBe(expected);
  });
});

test('nobody gets into a virtual host that is shut; who is in it stays, until it is made again', async () => {
  const key = await aKey();
  const ours = await house.ours(key);
  expect(await isShut(house.api, key.vhost)).toBe(false);
  await shutVhost(house.api, key.vhost);
  expect(await isShut(house.api, key.vhost)).toBe(true);
  await expect(house.connect(key)).rejects.toThrow();
  expect((await ours.checkQueue(QUEUES.dead)).queue).toBe(QUEUES.dead);
  await makeVhost(house.api, placeOf(key), { made: 'once', refused: [], user });
  expect(await isShut(house.api, key.vhost)).toBe(false);
  await house.connect(key);
});

test('a virtual host goes, queues that do not answer included, where the broker has forgotten what we may do there', async () => {
  const key = await aKey();
  const { api } = house;
  await forgetPermissions(key.vhost);
  await expect(api.deleteQueue(key.vhost, QUEUES.dead)).rejects.toMatchObject({ status: 401 });
  // As the client does with a queue that has no leader, which no test can make.
  const withDeafQueue = {
    ...api,
    deleteVhost: (vhost: string) => api.deleteQueue(vhost, QUEUES.dead).then(() => api.deleteVhost(vhost)),
  };
  await removeVhost(withDeafQueue, key.vhost, user);
  expect(await api.listVhosts()).not.toContain(key.vhost);
});

async function forgetPermissions(vhost: string): Promise<void> {
  const { username, password, origin } = new URL(testServers().rabbitmqApiUrl);
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  const path = `/api/permissions/${encodeURIComponent(vhost)}/${encodeURIComponent(user)}`;
  const { status } = await fetch(`${origin}${path}`, {
    method: 'DELETE',
    headers: { authorization: `Basic ${login}` },
  });
  expect(status).toBe(204);
}
