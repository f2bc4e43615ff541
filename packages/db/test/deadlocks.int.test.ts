import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { againAfterDeadlock, type Database } from '@quarterhour/db';
import { connect, query } from './fixtures.js';

let server: TestDatabase;
let admin: Database;

beforeAll(async () => {
  server = await testDatabase();
  admin = connect(server.adminUrl);
});

afterAll(async () => {
  await admin.close();
  await server.drop();
});

test('two transactions that meet in a deadlock both come through', async () => {
  let begun = 0;
  let onBothBegun: () => void = () => undefined;
  const bothBegun = new Promise<void>((resolve) => (onBothBegun = resolve));
  const lockInOrder = (first: string, second: string) => {
    let attempts = 0;
    return againAfterDeadlock(() =>
      admin.transaction([], async (trx) => {
        attempts += 1;
        await trx.query(query(`lock table ${first} in exclusive mode`));
        if (attempts === 1) {
          begun += 1;
          if (begun === 2) onBothBegun();
          await bothBegun;
        }
        await trx.query(query(`lock table ${second} in exclusive mode`));
        return attempts;
      }),
    );
  };
  const attempts = await Promise.all([
    lockInOrder('app.dispatch', 'app.receipt'),
    lockInOrder('app.receipt', 'app.dispatch'),
  ]);
  expect(attempts.toSorted()).toEqual([1, 2]);
});

test('another error is not tried again, and neither is a third deadlock', async () => {
  let attempts = 0;
  const failing = (code: string) =>
    againAfterDeadlock(() => {
      attempts += 1;
      return admin.transaction([], (trx) => trx.query(query(`do $$ begin raise sqlstate '${code}'; end $$`)));
    });
  await expect(failing('22012')).rejects.toMatchObject({ code: '22012' });
  expect(attempts).toBe(1);
  await expect(failing('40P01')).rejects.toMatchObject({ code: '40P01' });
  expect(attempts).toBe(4);
});
