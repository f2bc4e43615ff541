import { expect, test } from '@jest/globals';
import { fixedClock, Secret } from '@quarterhour/runtime';
import { EsmError } from './esm-error.js';
import { EsmTokens } from './tokens.js';

const access = (version = 'v1', orgId = 'org') => ({
  orgId,
  baseUrl: 'https://esm.example',
  clientId: 'client',
  clientSecret: new Secret('secret'),
  version,
});

/** Each token is the number of the asking. */
function aSource(lifetimeSeconds: number | null, refuse: () => EsmError | null = () => null) {
  const clock = fixedClock('2026-01-15T10:00:00Z');
  let asked = 0;
  const tokens = new EsmTokens({
    clock,
    ask: async () => {
      asked += 1;
      const token = String(asked);
      await Promise.resolve();
      const error = refuse();
      if (error !== null) throw error;
      return { token, lifetimeSeconds };
    },
  });
  return { clock, tokens, asked: () => asked };
}

test('a token is asked for once, however many need it at the same time', async () => {
  const { tokens, asked } = aSource(300);
  const got = await Promise.all(Array.from({ length: 20 }, () => tokens.tokenFor(access())));
  expect([new Set(got.map((token) => token.reveal())), asked()]).toEqual([new Set(['1']), 1]);
});

test.each([
  ['five minutes', 300, 270],
  ['nothing to be understood', null, 300],
  ['a million years', 1e12, 3_570],
  ['nothing', 0, 0],
  ['less than nothing', -1, 0],
  ['less than the margin', 20, 0],
])('a token that says it holds for %s is used for as long as can be relied on', async (_what, seconds, used) => {
  const { clock, tokens } = aSource(seconds);
  await tokens.tokenFor(access());
  if (used > 0) clock.advance(used * 1_000 - 1);
  expect((await tokens.tokenFor(access())).reveal()).toBe(used > 0 ? '1' : '2');
  clock.advance(1);
  expect((await tokens.tokenFor(access())).reveal()).toBe(used > 0 ? '2' : '3');
});

test('another URL, client or secret takes another token, and each organisation has its own', async () => {
  const { tokens } = aSource(300);
  const got: string[] = [];
  for (const one of [access(), access(), access('v2'), access('v1', 'other')]) {
    got.push((await tokens.tokenFor(one)).reveal());
  }
  expect(got).toEqual(['1', '1', '2', '3']);
});

test('a token that was forgotten late does not take the newer one with it', async () => {
  const { tokens } = aSource(300);
  const first = await tokens.tokenFor(access());
  tokens.forget(access(), first);
  const second = await tokens.tokenFor(access());
  tokens.forget(access(), first);
  expect([second.reveal(), (await tokens.tokenFor(access())).reveal()]).toEqual(['2', '2']);
});

test('credentials that are refused are not tried again for a while, others are', async () => {
  let refusal: EsmError | null = new EsmError('ESM_UNAUTHORIZED', { mayHaveHappened: false, status: 401 });
  const { clock, tokens, asked } = aSource(300, () => refusal);
  const refused = () => expect(tokens.tokenFor(access())).rejects.toMatchObject({ code: 'ESM_UNAUTHORIZED' });
  await refused();
  await refused();
  expect(asked()).toBe(1);
  refusal = null;
  expect((await tokens.tokenFor(access('v2'))).reveal()).toBe('2');
  clock.advance(30_000);
  expect((await tokens.tokenFor(access())).reveal()).toBe('3');
});

test('an ESM that is out of reach is asked again at once: who stops that is the circuit', async () => {
  let refusal: EsmError | null = new EsmError('ESM_UNREACHABLE', { mayHaveHappened: false });
  const { tokens } = aSource(300, () => refusal);
  await expect(tokens.tokenFor(access())).rejects.toMatchObject({ code: 'ESM_UNREACHABLE' });
  refusal = null;
  expect((await tokens.tokenFor(access())).reveal()).toBe('2');
});
