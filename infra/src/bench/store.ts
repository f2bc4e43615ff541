import { LOGIN_ROLES, migrate, openDatabase, type Database, type LoginRole, type RolePasswords } from '@quarterhour/db';
import { registerFleet, type Fleet } from './fleet.js';

const HOUR_MS = 3_600_000;

/** One database of the run, with the fleet in its register. */
export interface Store {
  /** For the table: `small`, `full`. */
  readonly name: string;
  readonly adminUrl: string;
  readonly ingestUrl: string;
  readonly readUrl: string;
  readonly controlUrl: string;
  /** The server's administrator, with all the time it takes. */
  readonly admin: Database;
  readonly ingest: Database;
  readonly read: Database;
  readonly control: Database;
  readonly assets: readonly string[];
  close(): Promise<void>;
}

/** A database that holds dispatches of all assets, one a minute in `[from, to)`, in milliseconds since 1970. */
export interface DispatchStore {
  readonly store: Store;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

export async function openStore(
  name: string,
  adminUrl: string,
  rolePasswords: RolePasswords,
  fleet: Fleet,
): Promise<Store> {
  await migrate(adminUrl, { rolePasswords });
  const as = (role: LoginRole): string => {
    const url = new URL(adminUrl);
    url.username = LOGIN_ROLES[role];
    url.password = rolePasswords[role];
    return url.href;
  };
  const patient = { applicationName: 'bench', statementTimeoutMs: HOUR_MS };
  const admin = openDatabase({ ...patient, url: adminUrl, maxConnections: 2 });
  const ingest = openDatabase({ ...patient, url: as('ingest'), maxConnections: 2 });
  const read = openDatabase({ ...patient, url: as('read'), maxConnections: 2 });
  const control = openDatabase({ ...patient, url: as('control'), maxConnections: 2 });
  return {
    name,
    adminUrl,
    ingestUrl: as('ingest'),
    readUrl: as('read'),
    controlUrl: as('control'),
    admin,
    ingest,
    read,
    control,
    assets: await registerFleet(admin, fleet),
    close: async () => {
      await Promise.all([admin.close(), ingest.close(), read.close(), control.close()]);
    },
  };
}
