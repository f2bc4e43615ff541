import { describe, expect, test } from '@jest/globals';
import { NO_ORGANISATION, scopeOf } from './tenant-scope.js';

const ORG = '0190a000-0000-7000-8000-00000000000A';

describe('the scope of a transaction', () => {
  test('is a list of organisations, which may be empty', () => {
    expect(scopeOf([])).toBe('{}');
    expect(scopeOf([ORG, NO_ORGANISATION])).toBe(`{${ORG},${NO_ORGANISATION}}`);
  });

  test.each(['', 'acme', `${ORG}'`, `${ORG}}'; drop schema app cascade; --`, ` ${ORG}`, `${ORG}\n`])(
    'does not take %j for an organisation',
    (id) => {
      expect(() => scopeOf([ORG, id])).toThrow(RangeError);
    },
  );
});
