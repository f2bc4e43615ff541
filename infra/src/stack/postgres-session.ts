/* eslint-disable no-restricted-imports -- a login to the server itself and CREATE DATABASE, which cannot run in the
   transactions that @quarterhour/db offers; no table of ours is touched here. */
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;
const APPLICATION_NAME = 'quarterhour-stack';

/** One statement on a connection of its own, outside any transaction. */
export async function onServer(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: APPLICATION_NAME,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}

/** Version of the server, after a login with the credentials of the URL. */
export async function serverVersion(url: string): Promise<string> {
  const [row] = await onServer(url, 'show server_version');
  return String(row?.['server_version']);
}

/** Creates a database, as a copy of a template when one is named. Nobody may be connected to the template. */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<string> {
  const from = template === undefined ? '' : ` template ${quoted(template)}`;
  await onServer(adminUrl, `create database ${quoted(name)}${from}`);
  return databaseUrl(adminUrl, name);
}

export async function createDatabaseUnlessThere(adminUrl: string, name: string): Promise<string> {
  const known = await onServer(adminUrl, 'select 1 from pg_database where datname = $1', [name]);
  return known.length > 0 ? databaseUrl(adminUrl, name) : createDatabase(adminUrl, name);
}

/** Drops a database and whoever is still connected to it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await onServer(adminUrl, `drop database if exists ${quoted(name)} with (force)`);
}

/** Closes a database to connections, so that it can be copied at any time. */
export async function makeTemplate(adminUrl: string, name: string): Promise<void> {
  await onServer(adminUrl, `alter database ${quoted(name)} with is_template true allow_connections false`);
}

/** Undoes {@link makeTemplate} and drops the database. */
export async function dropTemplate(adminUrl: string, name: string): Promise<void> {
  await onServer(adminUrl, `alter database ${quoted(name)} with is_template false`);
  await dropDatabase(adminUrl, name);
}

/** The same server and credentials, another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
