import { expect, test } from '@jest/globals';
import type { Trx } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { knownAssetsOfBody } from './writing.js';

const nothing = () => Promise.resolve([]);
const trx: Trx = { run: nothing, query: nothing, defer: () => undefined };
const writing = {
  trx,
  orgId: '0190a000-0000-7000-8000-000000000001',
  stamp: parseInstant('2026-01-15T10:00:00Z'),
  by: 'ada',
  audit: () => Promise.resolve(),
};

test('unknown assets of a body are placed without looking through all of it for each', async () => {
  let looks = 0;
  const ids = new Proxy(
    Array.from({ length: 2_000 }, (_one, index) => `A${Math.floor(index / 2)}`),
    {
      get: (target, name, receiver) => {
        looks += 1;
        const member: unknown = Reflect.get(target, name, receiver);
        return member;
      },
    },
  );
  const refused = knownAssetsOfBody(writing, ids, (index) => ['state_snapshots', index, 'asset_id']);
  await expect(refused).rejects.toMatchObject({
    refusal: {
      issues: Array.from({ length: 1_000 }, (_one, index) => ({
        path: ['state_snapshots', 2 * index, 'asset_id'],
        input: `A${index}`,
      })),
    },
  });
  expect(looks).toBeLessThan(20 * ids.length);
});
