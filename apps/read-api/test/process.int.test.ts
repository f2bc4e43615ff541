import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { OrganisationRow } from '@quarterhour/db';
import { anOrganisation, eventually, ISSUER, openTestIssuer, startProcess, testDatabase } from '@quarterhour/testkit';
import type { StartedProcess, TestDatabase, TestIssuer } from '@quarterhour/testkit';
import { openDatabaseProxy } from './database-proxy.js';
import type { DatabaseProxy } from './database-proxy.js';

const ENTRY = 'apps/read-api/dist/main.js';

let database: TestDatabase;
let proxy: DatabaseProxy;
let issuer: TestIssuer;
let organisation: OrganisationRow;
beforeAll(async () => {
  database = await testDatabase();
  proxy = await openDatabaseProxy(database.readUrl);
  issuer = await openTestIssuer();
  organisation = await anOrganisation(database.admin);
}, 60_000);
afterAll(async () => {
  await proxy.vanish();
  await issuer.close();
  await database.drop();
});

const environment = (changes: Record<string, string> = {}): Record<string, string> => ({
  QUARTERHOUR_READ_DATABASE_URL: proxy.url,
  QUARTERHOUR_READ_API_PORT: '0',
  QUARTERHOUR_JWKS: issuer.jwksPath,
  QUARTERHOUR_TOKEN_ISSUER: ISSUER,
  QUARTERHOUR_CURSOR_KEY: '07'.repeat(32),
  QUARTERHOUR_API_KEY_PEPPER: '07'.repeat(32),
  QUARTERHOUR_USAGE_DATABASE_URL: database.usageUrl,
  QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes',
  ...changes,
});
const urlOf = async (started: StartedProcess): Promise<string> => {
  const line = await started.untilLine(/"url":"http/, { withinMs: 20_000 });
  return z.object({ url: z.string() }).parse(JSON.parse(line)).url;
};

describe('the read API as a process', () => {
  test('answers, survives its database, and stops when asked', async () => {
    const started = await startProcess({ entry: ENTRY, env: environment() });
    try {
      const url = await urlOf(started);
      const token = await issuer.token({ orgs: [organisation.id], roles: ['operator'] });
      const ask = (path: string) => fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      expect((await ask('/quarterhour/v1/quarantine')).status).toBe(200);
      expect((await ask('/readyz')).status).toBe(200);
      expect(await (await ask('/docs/redoc.standalone.js')).text()).toContain('Redoc');

      await proxy.vanish();
      const start = performance.now();
      const refused = await ask('/quarterhour/v1/quarantine');
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect(performance.now() - start).toBeLessThan(1_500);
      expect([(await ask('/healthz')).status, (await ask('/readyz')).status]).toEqual([200, 503]);

      await proxy.comeBack();
      await eventually(async () => {
        const { status } = await ask('/quarterhour/v1/quarantine');
        expect(status).toBe(200);
      });
      expect(await started.kill()).toEqual({ code: 0, signal: null });
      expect(started.stdout.join('\n')).not.toContain(token);
    } finally {
      await started.kill('SIGKILL');
    }
  }, 60_000);

  test('complains about its whole environment at once', async () => {
    const started = await startProcess({ entry: ENTRY, env: { QUARTERHOUR_CURSOR_KEY: 'short' } });
    expect((await started.exited).code).toBe(1);
    const said = [...started.stdout, ...started.stderr].join('\n');
    for (const name of ['READ_DATABASE_URL', 'JWKS', 'TOKEN_ISSUER', 'CURSOR_KEY']) {
      expect(said).toContain(`QUARTERHOUR_${name}: `);
    }
  }, 30_000);

  test('does not serve demo keys to others than this machine', async () => {
    const demoPath = `${issuer.jwksPath}.demo`;
    await writeFile(demoPath, (await readFile(issuer.jwksPath, 'utf8')).replace('key-1', 'demo-1'));
    const open = { QUARTERHOUR_JWKS: demoPath, QUARTERHOUR_LISTEN_HOST: '0.0.0.0' };
    const started = await startProcess({ entry: ENTRY, env: environment(open) });
    expect((await started.exited).code).toBe(1);
    expect(started.stdout.join('\n')).toContain('DEMO_KEY_REFUSED');

    const published = { ...open, QUARTERHOUR_PUBLISHED_ON_LOOPBACK: 'yes' };
    const container = await startProcess({ entry: ENTRY, env: environment(published) });
    await container.untilLine(/read-api started/);
    expect((await container.kill('SIGTERM')).code).toBe(0);
  }, 30_000);
});
