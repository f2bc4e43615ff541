import { describe, expect, test } from '@jest/globals';
import { environmentWith, readStackEnvironment, serverEnvironment } from './environment.js';

describe('the environment', () => {
  test('of a server holds nothing of the user’s that could change it', () => {
    const users = {
      PATH: '/bin',
      RABBITMQ_NODENAME: 'rabbit@prod',
      ERL_EPMD_PORT: '4369',
      PGDATA: '/data',
      HOME: '/h',
    };
    expect(Object.keys(serverEnvironment({ HOME: '/ours' }, users)).sort()).toEqual(
      ['HOME', 'LANG', 'LC_ALL', 'PATH', 'TMPDIR', 'TZ'].sort(),
    );
    expect(serverEnvironment({ HOME: '/ours' }, users)['HOME']).toBe('/ours');
  });

  test('of a program of ours names no server but the one that was started', () => {
    const users = { PATH: '/bin', QUARTERHOUR_DATABASE_URL: 'postgres://production/quarterhour' };
    expect(environmentWith({ QUARTERHOUR_TEST_TEMPLATE: 't' }, users)).toEqual({
      PATH: '/bin',
      QUARTERHOUR_TEST_TEMPLATE: 't',
    });
  });

  test('counts an empty value as not set', () => {
    expect(readStackEnvironment({ QUARTERHOUR_DATABASE_URL: '', PATH: '/bin::/usr/bin' })).toMatchObject({
      databaseUrl: undefined,
      searchPath: ['/bin', '/usr/bin'],
    });
  });
});
