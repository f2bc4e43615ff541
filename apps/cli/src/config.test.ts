import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { adminDatabaseUrl, readSettings, rolePasswords } from './config.js';

const LOCAL = {
  url: 'postgres://postgres:local@127.0.0.1:5433/quarterhour',
  amqp: 'amqp://u:p@127.0.0.1:5673/quarterhour',
};

describe('settings', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'quarterhour-cli-'));
    mkdirSync(path.join(folder, '.quarterhour'));
    mkdirSync(path.join(folder, 'some', 'where'), { recursive: true });
    file = path.join(folder, '.quarterhour', 'local.env');
    writeFileSync(file, `QUARTERHOUR_DATABASE_URL=${LOCAL.url}\nQUARTERHOUR_AMQP_URL=${LOCAL.amqp}\n`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('come from the local.env found upwards from the current directory', () => {
    const settings = readSettings({}, path.join(folder, 'some', 'where'));

    expect(settings.source).toBe(file);
    expect(adminDatabaseUrl(settings)).toBe(LOCAL.url);
  });

  test('of the environment win over those of the file', () => {
    const settings = readSettings({ QUARTERHOUR_LOG_LEVEL: 'debug', QUARTERHOUR_DATABASE_URL: LOCAL.url }, folder);

    expect(settings.env).toMatchObject({ QUARTERHOUR_LOG_LEVEL: 'debug', QUARTERHOUR_AMQP_URL: LOCAL.amqp });
  });

  test('of two installations are never put together', () => {
    const other = 'postgres://postgres:other@db.example/quarterhour';

    const settings = readSettings({ QUARTERHOUR_DATABASE_URL: other }, folder);

    expect(settings.env).toEqual({ QUARTERHOUR_DATABASE_URL: other });
    expect(settings.source).toMatch(/other servers/);
  });

  test('that name a server in a file of secrets leave the local file out', () => {
    const settings = readSettings({ QUARTERHOUR_DATABASE_URL_FILE: '/run/secrets/url' }, folder);

    expect(settings.env).not.toHaveProperty('QUARTERHOUR_AMQP_URL');
  });
});

describe('the passwords of the roles', () => {
  const env = (url: string) => ({
    QUARTERHOUR_INGEST_DATABASE_URL: 'postgres://quarterhour_ingest:in%40gest@h/d',
    QUARTERHOUR_READ_DATABASE_URL: url,
    QUARTERHOUR_CONTROL_DATABASE_URL: 'postgres://quarterhour_control:control@h/d',
    QUARTERHOUR_USAGE_DATABASE_URL: 'postgres://quarterhour_usage:usage@h/d',
  });

  test('are those in their URLs, decoded', () => {
    const settings = { env: env('postgres://quarterhour_read:read@h/d'), source: 'a test' };

    expect(rolePasswords(settings)).toEqual({ ingest: 'in@gest', read: 'read', control: 'control', usage: 'usage' });
  });

  test.each([
    ['another role', 'postgres://postgres:secret@h/d', /must log in as quarterhour_read/],
    ['no password', 'postgres://quarterhour_read@h/d', /has no password/],
    ['no database URL', 'mysql://quarterhour_read:secret@h/d', /must be a postgres/],
  ])('are refused where a URL has %s, without quoting it', (_case, url, complaint) => {
    const read = () => rolePasswords({ env: env(url), source: 'a test' });

    expect(read).toThrow(complaint);
    expect(read).not.toThrow(/secret/);
  });
});
