import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { forgetSuspects, lowerSuspects, raiseSuspects, readAttempts, type Database } from '@quarterhour/db';
import { connect, sha256 } from './fixtures.js';

let server: TestDatabase;
let ingest: Database;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
});

afterAll(async () => {
  await ingest.close();
  await server.drop();
});

describe('the record of suspects', () => {
  test('counts who took one in hand and did not let go of it', async () => {
    const suspect = { queue: 'q', bodySha256: sha256('a') };
    const other = { queue: 'other', bodySha256: sha256('a') };
    expect(await raiseSuspects(ingest, [suspect])).toEqual([1]);
    expect(await raiseSuspects(ingest, [other, suspect])).toEqual([1, 2]);
    await lowerSuspects(ingest, [{ ...suspect, times: 1 }]);
    expect(await readAttempts(ingest, [suspect, other])).toEqual([1, 1]);
    await lowerSuspects(ingest, [
      { ...other, times: 1 },
      { ...suspect, times: 9 },
    ]);
    expect(await readAttempts(ingest, [suspect, other])).toEqual([0, 0]);
    expect(await raiseSuspects(ingest, [suspect, other])).toEqual([1, 1]);
    await forgetSuspects(ingest, [suspect]);
    expect(await raiseSuspects(ingest, [suspect, other])).toEqual([1, 2]);
  });

  test('takes one that is named twice for one', async () => {
    const twice = { queue: 'q', bodySha256: sha256('c') };
    expect(await raiseSuspects(ingest, [twice, twice])).toEqual([1, 1]);
    expect(await readAttempts(ingest, [twice, twice])).toEqual([1, 1]);
    await forgetSuspects(ingest, [twice, twice]);
    expect(await readAttempts(ingest, [twice])).toEqual([0]);
  });

  test('lowers and forgets what is not there without complaint', async () => {
    const nobody = { queue: 'q', bodySha256: sha256('b') };
    await lowerSuspects(ingest, [{ ...nobody, times: 1 }]);
    await forgetSuspects(ingest, [nobody]);
    expect(await raiseSuspects(ingest, [nobody])).toEqual([1]);
  });
});
