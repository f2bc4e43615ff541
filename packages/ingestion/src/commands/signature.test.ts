import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalText } from '../canonical.js';
import { isSignedWith, signatureOf, signingKeyBytes } from './signature.js';

const KEY = signingKeyBytes('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');

const B = {
  version: '1.1',
  timestamp: '2026-01-15T10:00:00.000Z',
  source: 'test-esm',
  siteId: 'd290f1ee-6c54-4b01-90e6-d701748f0851',
  payload: { z: 1, s: 'Žďár "x"', n: -2.5, a: [3, { y: true, b: null }] },
  messageId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  correlationId: 'corr-0001',
};
const A = { ...B, signatureAlgo: 'HMAC-SHA256' };
const C = {
  messageId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  payload: {},
  siteId: 'SITE-1',
  source: 'test-esm',
  timestamp: '2026-01-15T10:00:00.000Z',
  version: '1.1',
};

describe('the vectors of the contract', () => {
  test.each([
    ['A', A, 308, 'afLUIO68iyxE5nByN9npxxWLCYVbjRJqkUCO4NILj0c'],
    ['B', B, 278, 'vX4AoQkXiFEiMBogTD3ETsPm1CitbnhhNdJcRNKuriM'],
    ['C', C, 158, '393i04CufGpK3snL3kDS-Xc2CFVj_TpmPCMRVArEt40'],
  ])('%s', (_name, envelope, bytes, signature) => {
    expect(Buffer.byteLength(canonicalText(envelope))).toBe(bytes);
    expect(signatureOf(envelope, KEY)).toBe(signature);
    expect(isSignedWith({ ...envelope, signature }, KEY)).toBe(true);
    expect(isSignedWith({ ...envelope, signature: `${signature}=` }, KEY)).toBe(true);
  });

  test('A is not what the key as text would give', () => {
    const signature = 'vvjDZThVi2S6ZbLrya7a-PXgp_mAQ--fmr8NUQ6N89k';
    expect(isSignedWith({ ...A, signature }, KEY)).toBe(false);
    const asText = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
    expect(isSignedWith({ ...A, signature }, asText)).toBe(true);
  });
});

test('another algorithm is none, whatever the bytes are signed with', () => {
  const other = { ...B, signatureAlgo: 'none' };
  expect(isSignedWith({ ...other, signature: signatureOf(other, KEY) }, KEY)).toBe(false);
});

/** As a parsed body is: whatever JSON can say. */
const envelopes = fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), fc.jsonValue({ maxDepth: 3 }), {
  maxKeys: 8,
});

describe('a thousand envelopes', () => {
  test('verify when they were signed, whatever the order of their members', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const { signature: _dropped, signatureAlgo: _algo, ...content } = JSON.parse(JSON.stringify(envelope));
        const signature = signatureOf(content, KEY);
        const reversed = Object.fromEntries(Object.entries({ ...content, signature }).reverse());
        expect(isSignedWith(reversed, KEY)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('do not verify once anything about them is another', () => {
    fc.assert(
      fc.property(envelopes, fc.nat(), fc.constantFrom(...MUTATIONS), (envelope, seed, mutate) => {
        const { signature: _dropped, signatureAlgo: _algo, ...content } = JSON.parse(JSON.stringify(envelope));
        const signedOne = {
          ...content,
          messageId: 'm-1',
          signature: signatureOf({ ...content, messageId: 'm-1' }, KEY),
        };
        const { envelope: mutated, key } = mutate(signedOne, seed);
        expect(isSignedWith(mutated, key)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });
});

type Signed = Record<string, unknown> & { readonly signature: string };
type Mutation = (envelope: Signed, seed: number) => { envelope: Record<string, unknown>; key: Buffer };

const of = (envelope: Record<string, unknown>, key = KEY) => ({ envelope, key });
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const MUTATIONS: readonly Mutation[] = [
  (envelope, seed) => {
    const at = seed % envelope.signature.length;
    const was = ALPHABET.indexOf(envelope.signature[at] ?? '');
    const other = ALPHABET[(was + 1 + (seed % (ALPHABET.length - 1))) % ALPHABET.length] ?? '';
    return of({
      ...envelope,
      signature: `${envelope.signature.slice(0, at)}${other}${envelope.signature.slice(at + 1)}`,
    });
  },
  (envelope, seed) => of({ ...envelope, signature: envelope.signature.slice(0, seed % envelope.signature.length) }),
  (envelope) => of({ ...envelope, signature: `${envelope.signature}==` }),
  (envelope) => of({ ...envelope, signature: ` ${envelope.signature}` }),
  (envelope) => of({ ...envelope, messageId: 'm-2' }),
  (envelope, seed) => of({ ...envelope, [`more-${seed}`]: seed }),
  ({ messageId: _id, ...envelope }) => of(envelope),
  (envelope) => of({ ...envelope, signatureAlgo: 'HMAC-SHA256' }),
  (envelope) => of({ ...envelope, signatureAlgo: 'none' }),
  (envelope) => of({ ...envelope, signature: 1 }),
  (envelope) => of(envelope, randomBytes(32)),
];
