import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  insertApiKey,
  openDatabase,
  revokeApiKey,
  signingKeyPlace,
  type Database,
  type OrganisationRow,
  type SealedValuePlace,
} from '@quarterhour/db';
import {
  addKey,
  createKeyRing,
  keyIdOf,
  openKeyRing,
  readRingKeys,
  removeKey,
  SealedValueError,
} from '@quarterhour/runtime';
import { anOrganisation, eventually, startProcess, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { commandLine, type Ended } from './command-line.js';

let database: TestDatabase;
let control: Database;
let organisations: OrganisationRow[];
let folder: string;
let ringFile: string;
let env: Record<string, string>;
let quarterhour: (...args: string[]) => Promise<Ended>;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quarterhour-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  database = await testDatabase();
  control = openDatabase({ url: database.controlUrl, applicationName: 'test', maxConnections: 2 });
  organisations = [await anOrganisation(database.admin), await anOrganisation(database.admin)];
  ringFile = path.join(folder, `${randomUUID()}.json`);
  createKeyRing(ringFile);
  env = { QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl, QUARTERHOUR_KEY_RING: ringFile };
  quarterhour = commandLine(env);
});
afterEach(async () => {
  await control.close();
  await database.drop();
});

/** A secret as it was before it was sealed, and where it is. */
interface Kept {
  readonly place: SealedValuePlace;
  readonly secret: string;
}

async function keepSigningKeys(orgId: string, count: number): Promise<Kept[]> {
  const ring = openKeyRing(ringFile);
  const kept = Array.from({ length: count }, () => ({
    place: signingKeyPlace(orgId, randomUUID()),
    secret: randomBytes(32).toString('hex'),
  }));
  await control.transaction([orgId], async (trx) => {
    for (const { place, secret } of kept) {
      await insertApiKey(trx, {
        orgId,
        id: place.rowId,
        name: 'A key',
        keyPrefix: 'vcp_live_abcdef',
        keyDigest: randomBytes(32),
        sealedSigningKey: ring.seal(secret, place),
        scopes: ['vcp:read'],
        allowedIps: [],
        createdBy: 'ada',
        expiresAt: null,
      });
    }
  });
  return kept;
}

async function keepEsmSecret(orgId: string): Promise<Kept> {
  const place = { table: 'app.trading_config', column: 'esm_client_secret', orgId, rowId: orgId } as const;
  const secret = 'hunter2';
  await control.transaction([orgId], (trx) =>
    trx.query({
      text: `insert into app.trading_config as c (org_id, id, esm_client_secret, created_at, updated_at)
             values ($1::uuid, $1::uuid, $2, now(), now())
             on conflict (org_id) do update set id = excluded.id, esm_client_secret = excluded.esm_client_secret`,
      values: [orgId, openKeyRing(ringFile).seal(secret, place)],
    }),
  );
  return { place, secret };
}

async function sealedIn({ table, column, orgId, rowId }: SealedValuePlace): Promise<string> {
  const [found] = await control.read([orgId], (trx) =>
    trx.query<{ sealed: string }>({ text: `select ${column} as sealed from ${table} where id = $1`, values: [rowId] }),
  );
  return found?.sealed ?? '';
}

async function secretsUnder(keyId: string): Promise<number> {
  const ids = organisations.map(({ id }) => id);
  const [found] = await control.read(ids, (trx) =>
    trx.query<{ n: number }>({
      text: `select count(*)::int as n from app.api_key where split_part(signing_key, '.', 2) = $1`,
      values: [keyId],
    }),
  );
  return found?.n ?? 0;
}

async function expectAllOpen(kept: readonly Kept[]): Promise<void> {
  const ring = openKeyRing(ringFile);
  for (const { place, secret } of kept) expect(ring.open(await sealedIn(place), place)).toBe(secret);
}

describe('quarterhour keys create', () => {
  test('makes a key ring, and never overwrites one', async () => {
    const file = path.join(folder, `${randomUUID()}.json`);
    const made = await quarterhour('keys', 'create', file);
    expect(made).toMatchObject({ status: 0, stdout: `Made ${file} with key ${readRingKeys(file).newest}` });
    const before = readRingKeys(file);
    expect((await quarterhour('keys', 'create', file)).status).toBe(1);
    const again = await quarterhour('keys', 'create', '--if-missing', file);
    expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('is there already')]);
    expect(readRingKeys(file)).toEqual(before);
  });
});

describe('quarterhour keys rotate', () => {
  test('puts every secret of every organisation under the newest key, and says so', async () => {
    const [one, other] = organisations.map(({ id }) => id);
    const kept = [
      ...(await keepSigningKeys(one!, 5)),
      ...(await keepSigningKeys(other!, 2)),
      await keepEsmSecret(one!),
    ];
    const revoked = kept[0]!.place.rowId;
    await control.transaction([one!], (trx) => revokeApiKey(trx, { id: revoked, by: 'bob' }));
    const old = readRingKeys(ringFile).newest;
    expect((await quarterhour('keys', 'add')).status).toBe(0);
    const newest = readRingKeys(ringFile).newest;

    const listed = await quarterhour('keys', 'list', '--json');
    expect(JSON.parse(listed.stdout)).toEqual([
      { id: old, inRing: true, isNewest: false, secrets: 8 },
      { id: newest, inRing: true, isNewest: true, secrets: 0 },
    ]);
    const early = await quarterhour('keys', 'retire', old);
    expect([early.status, early.stderr]).toEqual([1, expect.stringContaining('8 secrets')]);

    const { status, stdout } = await quarterhour('keys', 'rotate', '--batch', '2');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `8 sealed anew, 8 are under ${newest}\nNo secret is under another key`,
    });
    expect((await quarterhour('keys', 'retire', old)).status).toBe(0);
    expect([...readRingKeys(ringFile).keys.keys()]).toEqual([newest]);
    await expectAllOpen(kept);
  });

  test('has nothing to do a second time', async () => {
    const kept = await keepSigningKeys(organisations[0]!.id, 3);
    addKey(ringFile);
    await quarterhour('keys', 'rotate');
    const sealed = await Promise.all(kept.map(({ place }) => sealedIn(place)));
    expect((await quarterhour('keys', 'rotate')).stdout).toMatch(/^0 sealed anew, 3 are under/);
    expect(await Promise.all(kept.map(({ place }) => sealedIn(place)))).toEqual(sealed);
  });

  test('that is killed half-way leaves everything readable, and is taken up again', async () => {
    const kept = await keepSigningKeys(organisations[0]!.id, 300);
    const old = readRingKeys(ringFile).newest;
    const newest = addKey(ringFile);
    const args = ['keys', 'rotate', '--batch', '1'];
    const running = await startProcess({ entry: 'apps/cli/bin/quarterhour.mjs', args, env });
    await eventually(async () => expect(await secretsUnder(newest)).toBeGreaterThan(5), { withinMs: 20_000 });
    await running.kill('SIGKILL');
    const done = await secretsUnder(newest);
    expect(done).toBeLessThan(300);
    expect(done + (await secretsUnder(old))).toBe(300);
    await expectAllOpen(kept);

    const { status, stdout } = await quarterhour('keys', 'rotate');
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining(`${300 - done} sealed anew, 300 are under ${newest}`),
    ]);
    removeKey(ringFile, old);
    await expectAllOpen(kept);
  }, 60_000);

  test('leaves alone what is sealed while it runs, by a process that knows the new key', async () => {
    const { id } = organisations[0]!;
    const [before] = await keepSigningKeys(id, 50);
    const newest = addKey(ringFile);
    const [ended, during] = await Promise.all([quarterhour('keys', 'rotate', '--batch', '1'), keepSigningKeys(id, 50)]);
    expect(ended.status).toBe(0);
    for (const { place } of [before!, ...during]) expect(keyIdOf(await sealedIn(place))).toBe(newest);
    await expectAllOpen(during);
  });

  test('names what cannot be opened, does the rest, and ends with status 1', async () => {
    const { id } = organisations[0]!;
    const kept = await keepSigningKeys(id, 4);
    const [moved, from] = [kept[0]!.place, kept[1]!.place];
    await control.transaction([id], async (trx) =>
      trx.query({
        text: 'update app.api_key set signing_key = $2 where id = $1',
        values: [moved.rowId, await sealedIn(from)],
      }),
    );
    const newest = addKey(ringFile);
    const { status, stdout, stderr } = await quarterhour('keys', 'rotate');
    expect([status, stdout]).toEqual([1, `3 sealed anew, 3 are under ${newest}`]);
    expect(stderr).toContain(`cannot be opened: app.api_key.signing_key of ${moved.rowId}`);
    const sealed = await sealedIn(moved);
    expect(() => openKeyRing(ringFile).open(sealed, moved)).toThrow(SealedValueError);
    await expectAllOpen(kept.slice(1));
  });

  test('needs a key ring, and says which variable names it', async () => {
    const { QUARTERHOUR_KEY_RING: _unset, ...without } = env;
    const { status, stderr } = await commandLine(without)('keys', 'rotate');
    expect([status, stderr]).toEqual([1, expect.stringContaining('QUARTERHOUR_KEY_RING')]);
    const missing = path.join(folder, 'nothing.json');
    const ended = await commandLine({ ...env, QUARTERHOUR_KEY_RING: missing })('keys', 'rotate');
    expect([ended.status, ended.stderr]).toEqual([1, expect.stringContaining('cannot be opened')]);
    expect(existsSync(missing)).toBe(false);
  });
});
