import { openDatabase, type Database } from '@quarterhour/db';
import { CommandFailure } from './failure.js';

/** Opens a database for as long as `work` takes. What it refuses is said in the words of whoever runs it. */
export async function withDatabase<T>(url: string, work: (db: Database) => Promise<T>): Promise<T> {
  const db = openDatabase({ url, applicationName: 'quarterhour', maxConnections: 1 });
  try {
    return await work(db);
  } catch (error) {
    throw databaseFailure(error, url) ?? error;
  } finally {
    await db.close();
  }
}

/** True when the database refused a value because it is in use. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === '23505';
}

const NO_ANSWER = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH']);
const LOGIN_REFUSED = new Set(['28P01', '28000']);
const NO_SUCH_DATABASE = '3D000';
const NO_SUCH_OBJECT = new Set(['42P01', '42883', '42703', '3F000']);
const NOT_ALLOWED = '42501';

/** What an error of connecting or asking means to whoever runs a command; undefined when it means nothing to them. */
export function databaseFailure(error: unknown, url: string): CommandFailure | undefined {
  const code = codeOf(error) ?? '';
  if (NO_ANSWER.has(code)) {
    return new CommandFailure(`no database answers at ${placeOf(url)} (${code})`, {
      remedy: 'Is it running? "npm start" starts the local one.',
      cause: error,
    });
  }
  if (LOGIN_REFUSED.has(code)) {
    return new CommandFailure(`the database refuses the login at ${placeOf(url)}`, {
      remedy: 'Check user and password in the URL; "quarterhour migrate" sets the passwords of the roles.',
      cause: error,
    });
  }
  if (code === NO_SUCH_DATABASE) {
    return new CommandFailure(`there is no such database: ${placeOf(url)}`, {
      remedy: 'Create it: migrate makes tables and roles, not databases.',
      cause: error,
    });
  }
  if (NO_SUCH_OBJECT.has(code)) {
    return new CommandFailure(`the database at ${placeOf(url)} lacks tables of this version`, {
      remedy: 'Run: quarterhour migrate.',
      cause: error,
    });
  }
  if (code === NOT_ALLOWED) {
    return new CommandFailure(`the user may not do this at ${placeOf(url)}`, {
      remedy: 'Check which role the URL logs in as.',
      cause: error,
    });
  }
  return undefined;
}

/** Host, port, database and user of a URL, without its password. */
export function placeOf(url: string): string {
  const { hostname, port, pathname, username } = new URL(url);
  return `${hostname}:${port || '5432'}${pathname} as ${decodeURIComponent(username) || 'nobody'}`;
}

function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string' && at.code.toUpperCase() === at.code) return at.code;
  }
  return undefined;
}
