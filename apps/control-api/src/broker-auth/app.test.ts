import { describe, expect, jest, test } from '@jest/globals';
import { partnerVhost } from '@quarterhour/contracts';
import type { PartnerLogin } from '@quarterhour/db';
import { createLogger, createMetrics } from '@quarterhour/runtime';
import request from 'supertest';
import { createBrokerAuth } from './app.js';
import type { PartnerLogins } from './logins.js';

const KEY_ID = '0192c5a0-7d2b-7c4e-8b1f-3a5d6e7f8091';
const LOGIN: PartnerLogin = {
  keyId: KEY_ID,
  slug: 'acme',
  queuePrefix: 'acme',
  state: 'ENABLED',
  scopes: ['vcp:connect'],
  allowedIps: [],
};
const KNOWN = { username: 'acme', vhost: partnerVhost(KEY_ID), tags: `key-${KEY_ID}` };

function anApp(different: Partial<PartnerLogins> = {}) {
  const lines: string[] = [];
  const logins = {
    byKey: jest.fn<PartnerLogins['byKey']>((slug, key) => found(slug === 'acme' && key === 'opensesame')),
    byId: jest.fn<PartnerLogins['byId']>((slug, keyId) => found(slug === 'acme' && keyId === KEY_ID)),
    ...different,
  };
  const log = createLogger({ name: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } });
  const metrics = createMetrics();
  const app = createBrokerAuth({ logins, log, metrics });
  const ask = async (question: string, form: object) => {
    const { status, text } = await request(app).post(`/${question}`).type('form').send(form);
    return [status, text];
  };
  return { app, ask, logins, lines, metrics };
}

function found(isThere: boolean): Promise<PartnerLogin | null> {
  return Promise.resolve(isThere ? LOGIN : null);
}

describe('the broker is told', () => {
  test('the key of a user whose password is right', async () => {
    const { ask } = anApp();
    expect(await ask('user', { username: 'acme', password: 'opensesame' })).toEqual([200, `allow key-${KEY_ID}`]);
    expect(await ask('user', { username: 'acme', password: 'opensesame ' })).toEqual([200, 'deny']);
  });

  test.each([
    ['vhost', { ...KNOWN, ip: '192.0.2.1' }],
    ['resource', { ...KNOWN, resource: 'exchange', name: 'vcp', permission: 'write' }],
    [
      'topic',
      { ...KNOWN, resource: 'topic', name: 'vcp', permission: 'write', routing_key: 'acme.telemetry.realtime' },
    ],
  ])('what a partner may: %s', async (question, form) => {
    const { ask } = anApp();
    expect(await ask(question, form)).toEqual([200, 'allow']);
    expect(await ask(question, { ...form, vhost: 'quarterhour' })).toEqual([200, 'deny']);
    expect(await ask(question, { ...form, tags: 'administrator' })).toEqual([200, 'deny']);
    expect(await ask(question, { ...form, username: 'beta' })).toEqual([200, 'deny']);
    for (const name of Object.keys(form)) {
      const { [name]: _left, ...rest }: Record<string, string> = form;
      expect([name, ...(await ask(question, rest))]).toEqual([name, 200, 'deny']);
    }
  });

  test.each([
    ['a name that no organisation can have', { username: "x' or 1=1", password: 'opensesame' }],
    ['a name with a NUL', { username: 'acme\0', password: 'opensesame' }],
    ['a long password', { username: 'acme', password: 'x'.repeat(201) }],
    ['two names', { username: ['acme', 'beta'], password: 'opensesame' }],
    ['nothing', {}],
  ])('no, without asking anybody, of %s', async (_case, form) => {
    const { ask, logins } = anApp();
    expect(await ask('user', form)).toEqual([200, 'deny']);
    expect(logins.byKey).not.toHaveBeenCalled();
  });

  test('nothing that it would remember while the database is away', async () => {
    const { ask, lines, metrics } = anApp({ byKey: () => Promise.reject(new Error('away')) });
    expect(await ask('user', { username: 'acme', password: 'opensesame' })).toEqual([503, 'deny']);
    expect(lines.join('')).toContain('the broker could not be answered');
    expect(await metrics.render()).toContain('quarterhour_broker_auth_total{question="user",answer="failed"} 1');
  });

  test('nothing of what is too long or not asked', async () => {
    const { app, ask } = anApp();
    expect(await ask('user', { username: 'acme', password: 'x'.repeat(20_000) })).toEqual([503, 'deny']);
    expect(await ask('other', KNOWN)).toEqual([404, 'no such question']);
    expect((await request(app).get('/user?username=acme&password=opensesame')).status).toBe(404);
  });
});

test('no password is written down, whether it is right or wrong, or the database away', async () => {
  const { ask, lines } = anApp();
  await ask('user', { username: 'acme', password: 'opensesame' });
  await ask('user', { username: 'acme', password: 'opensesame2' });
  const away = anApp({ byKey: () => Promise.reject(new Error('away')) });
  await away.ask('user', { username: 'acme', password: 'opensesame' });
  expect([...lines, ...away.lines].join('')).not.toContain('opensesame');
  expect(lines.join('')).toContain('"username":"acme"');
});
