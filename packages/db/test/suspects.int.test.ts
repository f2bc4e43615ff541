import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { forgetSuspect, lowerSuspect, raiseSuspect, type Database } from '@quarterhour/db';
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
    expect(await raiseSuspect(ingest, suspect)).toBe(1);
    expect(await raiseSuspect(ingest, suspect)).toBe(2);
    expect(await raiseSuspect(ingest, other)).toBe(1);
    await lowerSuspect(ingest, suspect);
    expect(await raiseSuspect(ingest, suspect)).toBe(2);
    await lowerSuspect(ingest, suspect, 9);
    expect(await raiseSuspect(ingest, suspect)).toBe(1);
    await forgetSuspect(ingest, suspect);
    expect(await raiseSuspect(ingest, suspect)).toBe(1);
    expect(await raiseSuspect(ingest, other)).toBe(2);
  });

  test('lowers and forgets what is not there without complaint', async () => {
    const nobody = { queue: 'q', bodySha256: sha256('b') };
    await lowerSuspect(ingest, nobody);
    await forgetSuspect(ingest, nobody);
    expect(await raiseSuspect(ingest, nobody)).toBe(1);
  });
});
