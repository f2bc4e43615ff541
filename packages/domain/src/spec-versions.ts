import { DomainError } from './errors.js';
import { compareInstants, type UtcInstant } from './time/instant.js';

/** How long a version of an asset's technical data holds. */
export interface SpecValidity {
  readonly validFrom: UtcInstant;
  /** Not included; null while nobody said when it ends: it is the active version. */
  readonly validTo: UtcInstant | null;
}

/** A version without an end begins before the active one, which it would have to succeed. */
export class SpecOrderError extends DomainError {
  override readonly name = 'SpecOrderError';
  readonly code = 'spec_order';
}

/** What an offered version meets among those of its asset. */
export interface StandingSpecs<Spec extends SpecValidity> {
  /** The one that begins at the same instant. */
  readonly same: Spec | null;
  /** The one without an end. */
  readonly active: Spec | null;
}

/**
 * What becomes of an offered version.
 *
 * - `change`: the standing one that begins at the same instant takes its values
 * - `succeed`: the active one ends where it begins
 * - `insert`: it stands beside the others, if it overlaps none of them
 */
export type SpecPlacement<Spec> =
  | { readonly kind: 'change'; readonly standing: Spec }
  | { readonly kind: 'succeed'; readonly active: Spec }
  | { readonly kind: 'insert' };

/**
 * Says where an offered version belongs. The style follows from its end, not from the type of its asset: without one it
 * succeeds the active version, with one it takes a place of its own.
 *
 * Whether versions overlap is not asked here.
 *
 * @throws SpecOrderError when it has no end and does not begin after the active version
 */
export function placeSpec<Spec extends SpecValidity>(
  { validFrom, validTo }: SpecValidity,
  { same, active }: StandingSpecs<Spec>,
): SpecPlacement<Spec> {
  if (same !== null) return { kind: 'change', standing: same };
  if (validTo !== null || active === null) return { kind: 'insert' };
  if (compareInstants(validFrom, active.validFrom) <= 0) {
    throw new SpecOrderError(
      `The active version begins at ${active.validFrom}: begin after it, or say when this version ends.`,
    );
  }
  return { kind: 'succeed', active };
}
