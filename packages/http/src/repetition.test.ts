import { describe, expect, test } from '@jest/globals';
import { repetitionOf } from './repetition.js';

const parsed = { params: { id: 'a' }, body: { name: 'x' } };
const hash = (operationId: string, request: { params: unknown; body: unknown }) =>
  repetitionOf('key', operationId, request)?.sha256.toString('hex');

describe('a request that may be repeated', () => {
  test('is known by operation, path and body', () => {
    expect(hash('make', parsed)).toBe(hash('make', structuredClone(parsed)));
    const others = [hash('take', parsed), hash('make', { ...parsed, params: { id: 'b' } })];
    expect(others).not.toContain(hash('make', parsed));
    expect(hash('make', { ...parsed, body: { name: 'y' } })).not.toBe(hash('make', parsed));
  });

  test('is none without a key', () => {
    expect(repetitionOf(undefined, 'make', parsed)).toBeUndefined();
  });

  test.each([
    ['a UUID', '4b1c7f4e-7f65-4a54-9b34-0f8a3a3b5a10', true],
    ['200 characters', 'k'.repeat(200), true],
    ['201 characters', 'k'.repeat(201), false],
    ['nothing', '', false],
    ['a blank', 'a b', false],
    ['other than ASCII', 'schlüssel', false],
  ])('has a key of %s', (_what, key, isTaken) => {
    const ask = () => repetitionOf(key, 'make', parsed);
    if (isTaken) expect(ask()).toMatchObject({ key });
    else expect(ask).toThrow(expect.objectContaining({ refusal: expect.objectContaining({ kind: 'invalid' }) }));
  });
});
