import { createHash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { rateLimit, type RateLimitRequestHandler } from 'express-rate-limit';
import type { Counter } from '@quarterhour/runtime';
import { clientAddress } from './client-address.js';
import { exchangeOf } from './exchange.js';
import { RequestRefused } from './refusal.js';
import type { Principal } from './token.js';

/** How many requests per minute are answered, by whom they come from. Each process counts for itself. */
export interface RateLimitSettings {
  /** Of one principal: one subject with one set of organisations. */
  readonly perPrincipal: number;
  /** Without a token, of one client address. */
  readonly perAddress: number;
  /** With a token that is not valid, of one client address. */
  readonly failedLogins: number;
}

/** What ran out; bounded, so that it can label a metric. */
export const RATE_LIMITS = ['principal', 'address', 'failed-logins'] as const;
export type RateLimitName = (typeof RATE_LIMITS)[number];

/**
 * Count a request and say in `RateLimit` and `RateLimit-Policy` what is left; the one that is too many is refused, with
 * `Retry-After`.
 *
 * @see draft-ietf-httpapi-ratelimit-headers, version 8
 */
export interface RateLimits {
  /** Needs the principal of the exchange. */
  readonly principal: RequestHandler;
  readonly address: RequestHandler;
  readonly failedLogins: RequestHandler;
  /** Whether the client's address has no failure left. */
  hasSpentFailures(req: Request): Promise<boolean>;
}

const WINDOW_MS = 60_000;

/** @param refused counts what was refused, by the name of the limit */
export function createRateLimits(
  settings: RateLimitSettings,
  refused: Counter<{ limit: typeof RATE_LIMITS }>,
): RateLimits {
  const limiter = (name: RateLimitName, limit: number, key: (req: Request) => string): RateLimitRequestHandler =>
    rateLimit({
      windowMs: WINDOW_MS,
      limit,
      identifier: name,
      keyGenerator: key,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      validate: false,
      handler: (_req, res, next) => {
        refused.add({ limit: name });
        next(new RequestRefused({ kind: 'too-many-requests', retryAfterSeconds: secondsIn(res.get('retry-after')) }));
      },
    });
  const failedLogins = limiter('failed-logins', settings.failedLogins, clientAddress);
  return {
    principal: limiter('principal', settings.perPrincipal, principalKey),
    address: limiter('address', settings.perAddress, clientAddress),
    failedLogins,
    async hasSpentFailures(req) {
      const found = await failedLogins.getKey(clientAddress(req));
      return found !== undefined && found.totalHits >= settings.failedLogins;
    },
  };
}

/** The library has put the seconds until the window ends into the header; zero would be an invitation to hammer. */
function secondsIn(retryAfter: string | undefined): number {
  return Math.max(1, Number(retryAfter ?? WINDOW_MS / 1_000));
}

/** A verified token is remembered, and its principal with it. */
const keys = new WeakMap<Principal, string>();

function principalKey(req: Request): string {
  const { principal } = exchangeOf(req);
  if (principal === undefined) throw new TypeError('the request has no principal');
  const known = keys.get(principal);
  if (known !== undefined) return known;
  const key = keyOf(principal);
  keys.set(principal, key);
  return key;
}

function keyOf({ subject, organisations }: Principal): string {
  return createHash('sha256')
    .update(JSON.stringify([subject, organisations]))
    .digest('base64url');
}
