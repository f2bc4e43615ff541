import { describe, expect, test } from '@jest/globals';
import { NO_ORGANISATION, scopeStatement } from './tenant-scope.js';

const ORG = '0190a000-0000-7000-8000-00000000000A';

describe('the scope of a transaction', () => {
  test('is a list of organisations, which may be empty', () => {
    expect(scopeStatement([])).toBe(`set local app.orgs = '{}'`);
    expect(scopeStatement([ORG, NO_ORGANISATION])).toBe(`set local app.orgs = '{${ORG},${NO_ORGANISATION}}'`);
  });

  test.each(['', 'acme', `${ORG}'`, `${ORG}}'; drop schema app cascade; --`, ` ${ORG}`, `${ORG}\n`])(
    'does not take %j for an organisation',
    (id) => {
      expect(() => scopeStatement([ORG, id])).toThrow(RangeError);
    },
  );
});
