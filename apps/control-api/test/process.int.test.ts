import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKeyRing } from '@quarterhour/runtime';
import { z } from 'zod';
import { anOrganisation, ISSUER, openTestIssuer, startProcess, testDatabase, testVhost } from '@quarterhour/testkit';
import type { TestDatabase, TestIssuer, TestVhost } from '@quarterhour/testkit';

const ENTRY = 'apps/control-api/dist/main.js';

let database: TestDatabase;
let issuer: TestIssuer;
let vhost: TestVhost;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'control-api-process-'));
  createKeyRing(path.join(folder, 'key-ring.json'));
  vhost = await testVhost();
  database = await testDatabase();
  issuer = await openTestIssuer();
}, 60_000);
afterAll(async () => {
  await issuer.close();
  await vhost.drop();
  await database.drop();
  rmSync(folder, { recursive: true });
});

const environment = (changes: Record<string, string> = {}): Record<string, string> => ({
  QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl,
  QUARTERHOUR_CONTROL_API_PORT: '0',
  QUARTERHOUR_BROKER_AUTH_PORT: '0',
  QUARTERHOUR_API_KEY_PEPPER: '07'.repeat(32),
  QUARTERHOUR_PUBLIC_URL: 'http://127.0.0.1:8080',
  QUARTERHOUR_JWKS: issuer.jwksPath,
  QUARTERHOUR_TOKEN_ISSUER: ISSUER,
  QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes',
  QUARTERHOUR_KEY_RING: path.join(folder, 'key-ring.json'),
  QUARTERHOUR_RABBITMQ_API_URL: vhost.apiUrl,
  QUARTERHOUR_BROKER_VHOST: vhost.name,
  ...changes,
});

describe('the control API as a process', () => {
  test('decides, shows its health and its reference, and stops when asked', async () => {
    const { id } = await anOrganisation(database.admin);
    const started = await startProcess({ entry: ENTRY, env: environment() });
    try {
      const line = await started.untilLine(/"url":"http/, { withinMs: 20_000 });
      const { url } = z.object({ url: z.string() }).parse(JSON.parse(line));
      const token = await issuer.token({ orgs: [id], roles: ['operator'] });
      const nowhere = await fetch(`${url}/quarterhour/v1/quarantine/${randomUUID()}/replay`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{}',
      });
      expect(nowhere.status).toBe(404);
      const pages = ['/healthz', '/readyz', '/metrics', '/docs', '/docs/own', '/docs/own.json'];
      for (const page of pages) expect([page, (await fetch(`${url}${page}`)).status]).toEqual([page, 200]);
      expect(await started.kill()).toEqual({ code: 0, signal: null });
      expect(started.stdout.join('\n')).not.toContain(token);
    } finally {
      await started.kill('SIGKILL');
    }
  }, 60_000);

  test('refuses a database role that row-level security does not bind', async () => {
    const env = environment({ QUARTERHOUR_CONTROL_DATABASE_URL: database.adminUrl });
    const started = await startProcess({ entry: ENTRY, env });
    expect((await started.exited).code).toBe(1);
    expect(started.stdout.join('\n')).toContain('not bound by row-level security');
  }, 30_000);

  test('does not start with a key ring that everybody may read, or none', async () => {
    const open = path.join(folder, 'open.json');
    createKeyRing(open);
    chmodSync(open, 0o644);
    for (const file of [open, path.join(folder, 'nothing.json')]) {
      const started = await startProcess({ entry: ENTRY, env: environment({ QUARTERHOUR_KEY_RING: file }) });
      expect((await started.exited).code).toBe(1);
      expect(started.stdout.join('\n')).toContain('KeyRingError');
    }
  }, 60_000);

  test('refuses origins for tests where others than this machine can reach it', async () => {
    const testing = { QUARTERHOUR_ESM_TEST_ORIGINS: 'http://127.0.0.1:4300' };
    const open = await startProcess({
      entry: ENTRY,
      env: environment({ ...testing, QUARTERHOUR_LISTEN_HOST: '0.0.0.0' }),
    });
    expect((await open.exited).code).toBe(1);
    expect([...open.stdout, ...open.stderr].join('\n')).toContain('QUARTERHOUR_ESM_TEST_ORIGINS: ');
    const closed = await startProcess({ entry: ENTRY, env: environment(testing) });
    await closed.untilLine(/"url":"http/, { withinMs: 20_000 });
    await closed.kill('SIGKILL');
  }, 30_000);

  test('complains about its whole environment at once', async () => {
    const started = await startProcess({ entry: ENTRY, env: { QUARTERHOUR_CONTROL_API_PORT: 'x' } });
    expect((await started.exited).code).toBe(1);
    const said = [...started.stdout, ...started.stderr].join('\n');
    for (const name of [
      'CONTROL_DATABASE_URL',
      'CONTROL_API_PORT',
      'JWKS',
      'TOKEN_ISSUER',
      'KEY_RING',
      'API_KEY_PEPPER',
      'PUBLIC_URL',
      'RABBITMQ_API_URL',
    ]) {
      expect(said).toContain(`QUARTERHOUR_${name}: `);
    }
  }, 30_000);
});
