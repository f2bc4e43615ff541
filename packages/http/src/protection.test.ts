import { describe, expect, test } from '@jest/globals';
import { readEnvironment } from '@quarterhour/runtime';
import { z } from 'zod';
import { PROTECTION_VARIABLES, protectionSettings } from './protection.js';

const settingsOf = (env: Record<string, string>) =>
  protectionSettings(readEnvironment(z.object(PROTECTION_VARIABLES), env));

describe('the settings of what is answered', () => {
  test('have defaults', () => {
    expect(settingsOf({})).toEqual({
      rates: { perPrincipal: 12_000, perAddress: 1_200, failedLogins: 300 },
      heavyReads: { perOrganisation: 2, inAll: 4 },
      trustedProxies: [],
    });
  });

  test.each([
    ['QUARTERHOUR_REQUESTS_PER_MINUTE', '59', '60', '10000000', '10000001'],
    ['QUARTERHOUR_ANONYMOUS_REQUESTS_PER_MINUTE', '9', '10', '1000000', '1000001'],
    ['QUARTERHOUR_FAILED_LOGINS_PER_MINUTE', '4', '5', '100000', '100001'],
    ['QUARTERHOUR_HEAVY_READS_PER_ORGANISATION', '0', '1', '100', '101'],
    ['QUARTERHOUR_HEAVY_READS', '0', '1', '100', '1.5'],
  ])('%s has bounds', (name, below, least, most, beyond) => {
    for (const value of [below, beyond, 'many'])
      expect(() => settingsOf({ [name]: value })).toThrow(`${name}: must be`);
    for (const value of [least, most]) expect(() => settingsOf({ [name]: value })).not.toThrow();
  });

  test('name proxies by address or network', () => {
    const { trustedProxies } = settingsOf({ QUARTERHOUR_TRUSTED_PROXIES: '10.0.0.7, 10.1.0.0/16,fd00::/8' });
    expect(trustedProxies).toEqual(['10.0.0.7', '10.1.0.0/16', 'fd00::/8']);
  });

  test.each(['proxy.example', '10.0.0.0/33', '10.0.0.0/0', 'fd00::/129', '10.0.0.1,', '1.2.3.4/8/8', 'true', '*'])(
    'take no proxy called %s',
    (text) => {
      expect(() => settingsOf({ QUARTERHOUR_TRUSTED_PROXIES: text })).toThrow('QUARTERHOUR_TRUSTED_PROXIES: must be');
    },
  );
});
