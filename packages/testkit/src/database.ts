import { randomBytes } from 'node:crypto';
import { LOGIN_ROLES, openDatabase } from '@quarterhour/db';
import type { Database, LoginRole } from '@quarterhour/db';
import { createDatabase, dropDatabase } from '@quarterhour/infra/stack';
import { testServers } from './environment.js';

/** A migrated database of one test file, with one URL per role as an installation has them. */
export interface TestDatabase {
  readonly name: string;
  /** As the server's administrator, for arranging and inspecting what no role of ours may. */
  readonly adminUrl: string;
  /** A pool of the administrator, for the register builders. Closed by `drop`. */
  readonly admin: Database;
  readonly ingestUrl: string;
  readonly readUrl: string;
  readonly controlUrl: string;
  readonly usageUrl: string;
  /** Drops it, ending what is still connected. */
  drop(): Promise<void>;
}

/**
 * Copies the migrated template, which takes about 50 ms.
 *
 * @throws Error when the tests were not started by `npm test`
 */
export async function testDatabase(): Promise<TestDatabase> {
  const { adminDatabaseUrl, template, rolePassword } = testServers();
  const name = `quarterhour_test_${randomBytes(6).toString('hex')}`;
  const adminUrl = await createDatabase(adminDatabaseUrl, name, template);
  const admin = openDatabase({ url: adminUrl, applicationName: 'quarterhour-testkit', maxConnections: 2 });
  const asRole = (role: LoginRole): string => withLogin(adminUrl, LOGIN_ROLES[role], rolePassword);
  return {
    name,
    adminUrl,
    admin,
    ingestUrl: asRole('ingest'),
    readUrl: asRole('read'),
    controlUrl: asRole('control'),
    usageUrl: asRole('usage'),
    async drop() {
      await admin.close();
      await dropDatabase(adminDatabaseUrl, name);
    },
  };
}

function withLogin(url: string, role: string, password: string): string {
  const changed = new URL(url);
  changed.username = role;
  changed.password = password;
  return changed.href;
}
