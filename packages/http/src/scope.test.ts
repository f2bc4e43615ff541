import { describe, expect, test } from '@jest/globals';
import { RequestRefused } from './refusal.js';
import type { Role } from './roles.js';
import { oneOrganisation, scopeOf } from './scope.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';
const A = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
const B = '0b7c9d5e-6a55-4ab6-9c5e-222222222222';

const scopeFor = (
  { organisations = [A, B], roles = ['operator'] }: { organisations?: string[]; roles?: Role[] },
  organisationHeader?: string,
  namesOneThing = false,
) =>
  scopeOf({ subject: 's', organisations, roles }, { organisationHeader, namesOneThing, unownedOrganisation: NOBODY })
    .organisations;

const kindOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof RequestRefused) return error.refusal.kind;
  }
  return 'nothing was refused';
};

describe('the scope of a request', () => {
  test('is every organisation of the token', () => {
    expect(scopeFor({})).toEqual([A, B]);
  });

  test('is the one that x-org-id picks, in whatever case', () => {
    expect(scopeFor({}, B.toUpperCase())).toEqual([B]);
  });

  test('is empty for another organisation where the address names one thing', () => {
    expect(scopeFor({ organisations: [A] }, B, true)).toEqual([]);
  });

  test('is refused for another organisation elsewhere', () => {
    expect(kindOf(() => scopeFor({ organisations: [A] }, B))).toBe('forbidden');
  });

  test.each(['', 'x', `${A}, ${B}`, `${A}'`])('is refused as invalid for x-org-id %j', (header) => {
    expect(kindOf(() => scopeFor({}, header))).toBe('invalid');
  });

  test('needs an organisation', () => {
    expect(kindOf(() => scopeFor({ organisations: [] }))).toBe('organisation-required');
  });

  test('includes what belongs to nobody for an admin only', () => {
    expect(scopeFor({ roles: ['admin'] })).toEqual([NOBODY, A, B]);
    expect(scopeFor({ organisations: [], roles: ['admin'] })).toEqual([NOBODY]);
    expect(scopeFor({ roles: ['admin'] }, NOBODY)).toEqual([NOBODY]);
  });

  test('does not believe a token that claims what belongs to nobody', () => {
    expect(scopeFor({ organisations: [A, NOBODY] })).toEqual([A]);
    expect(kindOf(() => scopeFor({ organisations: [NOBODY] }, NOBODY))).toBe('forbidden');
  });
});

describe('the one organisation of a request', () => {
  const only = (organisations: string[], header?: string, roles: Role[] = ['operator']) =>
    oneOrganisation(
      scopeOf(
        { subject: 's', organisations, roles },
        { organisationHeader: header, namesOneThing: false, unownedOrganisation: NOBODY },
      ),
    );

  test('is that of the token, or the one that x-org-id picks', () => {
    expect(only([A])).toBe(A);
    expect(only([A, B], B)).toBe(B);
  });

  test('does not count what belongs to nobody', () => {
    expect(only([A], undefined, ['admin'])).toBe(A);
    expect(kindOf(() => only([], undefined, ['admin']))).toBe('organisation-required');
  });

  test('has to be named among several', () => {
    expect(kindOf(() => only([A, B]))).toBe('organisation-required');
  });
});
