import { expect, test } from '@jest/globals';
import { judgePartnerUrl } from '@quarterhour/runtime';
import { readConfig } from './config.js';

const ENVIRONMENT = {
  QUARTERHOUR_CONTROL_DATABASE_URL: 'postgres://quarterhour_control@127.0.0.1/quarterhour',
  QUARTERHOUR_API_KEY_PEPPER: '07'.repeat(32),
  QUARTERHOUR_JWKS: 'https://issuer.example/keys',
  QUARTERHOUR_TOKEN_ISSUER: 'https://issuer.example',
  QUARTERHOUR_KEY_RING: '/run/key-ring.json',
  QUARTERHOUR_RABBITMQ_API_URL: 'http://us:word@127.0.0.1:15672',
  QUARTERHOUR_PUBLIC_URL: 'https://api.quarterhour.example/',
  QUARTERHOUR_PARTNER_AMQP_HOST: 'amqp.quarterhour.example',
  QUARTERHOUR_OWN_HOSTS: 'console.quarterhour.example, 198.41.0.4',
};

test.each([
  ['of both APIs', 'https://api.quarterhour.example/esm'],
  ['below it', 'https://a.api.quarterhour.example'],
  ['of the broker', 'https://amqp.quarterhour.example'],
  ['that an operator named', 'https://console.quarterhour.example'],
  ['that an operator named, as an address', 'https://198.41.0.4'],
])('a partner’s URL may not be the address %s', (_what, url) => {
  expect(judgePartnerUrl(url, readConfig(ENVIRONMENT).partnerUrls).isAllowed).toBe(false);
});

test('a public address that is an IPv6 one is ours as well', () => {
  const { partnerUrls } = readConfig({
    ...ENVIRONMENT,
    QUARTERHOUR_PUBLIC_URL: 'https://[2606:4700:4700::1111]',
  });
  expect(judgePartnerUrl('https://[2606:4700:4700::1111]/esm', partnerUrls).isAllowed).toBe(false);
  expect(judgePartnerUrl('https://[2606:4700:4700::1112]/esm', partnerUrls).isAllowed).toBe(true);
});
