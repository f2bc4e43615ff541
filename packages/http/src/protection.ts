import { z } from 'zod';
import type { HeavyReadLimits } from './admission.js';
import { trustedProxies } from './client-address.js';
import type { RateLimitSettings } from './rate-limits.js';

/** How much an API answers before it says "later". Each process counts for itself. */
export interface ProtectionSettings {
  readonly rates: RateLimitSettings;
  readonly heavyReads: HeavyReadLimits;
  /** Proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
}

const number = (min: number, max: number, otherwise: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error }).default(otherwise);
};

/** Environment variables of {@link ProtectionSettings}. */
export const PROTECTION_VARIABLES = {
  QUARTERHOUR_REQUESTS_PER_MINUTE: number(60, 10_000_000, 12_000),
  QUARTERHOUR_ANONYMOUS_REQUESTS_PER_MINUTE: number(10, 1_000_000, 1_200),
  QUARTERHOUR_FAILED_LOGINS_PER_MINUTE: number(5, 100_000, 300),
  QUARTERHOUR_HEAVY_READS_PER_ORGANISATION: number(1, 100, 2),
  QUARTERHOUR_HEAVY_READS: number(1, 100, 4),
  QUARTERHOUR_TRUSTED_PROXIES: trustedProxies.optional(),
};

/** Names what was read from {@link PROTECTION_VARIABLES}. */
export function protectionSettings(read: z.output<z.ZodObject<typeof PROTECTION_VARIABLES>>): ProtectionSettings {
  return {
    rates: {
      perPrincipal: read.QUARTERHOUR_REQUESTS_PER_MINUTE,
      perAddress: read.QUARTERHOUR_ANONYMOUS_REQUESTS_PER_MINUTE,
      failedLogins: read.QUARTERHOUR_FAILED_LOGINS_PER_MINUTE,
    },
    heavyReads: {
      perOrganisation: read.QUARTERHOUR_HEAVY_READS_PER_ORGANISATION,
      inAll: read.QUARTERHOUR_HEAVY_READS,
    },
    trustedProxies: read.QUARTERHOUR_TRUSTED_PROXIES ?? [],
  };
}

/** What holds where nothing else is configured. */
export const DEFAULT_PROTECTION: ProtectionSettings = protectionSettings(z.object(PROTECTION_VARIABLES).parse({}));
