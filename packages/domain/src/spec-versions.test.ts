import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { instants } from '../test/arbitraries.js';
import { placeSpec, SpecOrderError, type SpecValidity } from './spec-versions.js';
import { compareInstants, parseInstant } from './time/instant.js';

const from = (validFrom: string, validTo: string | null = null): SpecValidity => ({
  validFrom: parseInstant(validFrom),
  validTo: validTo === null ? null : parseInstant(validTo),
});
const ACTIVE = from('2026-01-01T00:00:00Z');

describe('a version of technical data', () => {
  test('is the first of its asset, with an end or without', () => {
    const nothing = { same: null, active: null };
    expect(placeSpec(from('2026-01-01T00:00:00Z'), nothing)).toEqual({ kind: 'insert' });
    expect(placeSpec(from('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'), nothing)).toEqual({ kind: 'insert' });
  });

  test('without an end succeeds the active one when it begins strictly later', () => {
    const standing = { same: null, active: ACTIVE };
    expect(placeSpec(from('2026-01-01T00:00:00.000001Z'), standing)).toEqual({ kind: 'succeed', active: ACTIVE });
  });

  test('without an end is refused when it begins before the active one', () => {
    const standing = { same: null, active: ACTIVE };
    expect(() => placeSpec(from('2025-12-31T23:59:59.999999Z'), standing)).toThrow(SpecOrderError);
  });

  test.each([
    ['without an end', null],
    ['with an end', '2026-02-01T00:00:00Z'],
  ])('%s changes the one that begins at the same instant, active or not', (_style, validTo) => {
    const offered = from(ACTIVE.validFrom, validTo);
    const closed = from(ACTIVE.validFrom, '2026-03-01T00:00:00Z');
    expect(placeSpec(offered, { same: ACTIVE, active: ACTIVE })).toEqual({ kind: 'change', standing: ACTIVE });
    expect(placeSpec(offered, { same: closed, active: null })).toEqual({ kind: 'change', standing: closed });
  });

  test('with an end never closes the active one', () => {
    const standing = { same: null, active: ACTIVE };
    expect(placeSpec(from('2027-01-01T00:00:00Z', '2028-01-01T00:00:00Z'), standing)).toEqual({ kind: 'insert' });
  });

  test('never leaves the one that it succeeds without a length', () => {
    fc.assert(
      fc.property(instants, instants, (activeFrom, validFrom) => {
        const active = { validFrom: activeFrom, validTo: null };
        try {
          const placed = placeSpec({ validFrom, validTo: null }, { same: null, active });
          return placed.kind === 'succeed' && compareInstants(active.validFrom, validFrom) < 0;
        } catch (error) {
          return error instanceof SpecOrderError && compareInstants(active.validFrom, validFrom) >= 0;
        }
      }),
    );
  });
});
