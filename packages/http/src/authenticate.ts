import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { ApiKeyVerifier } from './api-key-verifier.js';
import { exchangeOf } from './exchange.js';
import type { RateLimits } from './rate-limits.js';
import { InvalidRequestError, RequestRefused } from './refusal.js';
import { credentialsOf } from './route.js';
import type { Route } from './route.js';
import type { Principal, TokenVerifier } from './token.js';

/** Who is asked about what callers show. */
export interface Verifiers {
  readonly verifier: TokenVerifier;
  readonly apiKeys: ApiKeyVerifier | undefined;
  readonly limits: RateLimits;
}

/**
 * Finds out who asks, and counts the request against whom it comes from: a principal, or the address of a client that
 * shows nothing or something wrong.
 *
 * Once an address has spent its failures, tokens and keys that were never accepted here are not even looked at, so that
 * guessing gets no answer. Those that were accepted go on working: a neighbour behind the same address is not locked out.
 * Whoever shows a token and a key at once is told so: which of the two counts would be a guess.
 */
export function authenticate(
  route: Pick<Route<never>, 'capability' | 'apiKeyScope'>,
  { verifier, apiKeys, limits }: Verifiers,
): RequestHandler {
  const takes = credentialsOf(route);
  const unauthenticated = (isTokenInvalid: boolean): RequestRefused =>
    new RequestRefused({ kind: 'unauthenticated', isTokenInvalid, takes });
  const refuse = (error: RequestRefused, by: RequestHandler, [req, res, next]: Step) =>
    by(req, res, (limited?: unknown) => next(limited ?? error));

  const attemptIn = (req: Request): Attempt | undefined => {
    const authorization = req.get('authorization');
    const key = req.get('x-api-key');
    if (authorization !== undefined && takes !== 'api-key') {
      const wasAccepted = verifier.hasAccepted(authorization);
      return { isToken: true, wasAccepted, verify: () => verifier.verify(authorization) };
    }
    if (key !== undefined && takes !== 'token' && apiKeys !== undefined) {
      const wasAccepted = apiKeys.hasAccepted(key);
      return { isToken: false, wasAccepted, verify: () => apiKeys.verify(key, req.ip ?? '') };
    }
    return undefined;
  };

  return async (...step) => {
    const [req, res, next] = step;
    if (showsTwo(req)) return refuse(twoAtOnce(takes), limits.address, step);
    const attempt = attemptIn(req);
    if (attempt === undefined) return refuse(unauthenticated(false), limits.address, step);
    if (!attempt.wasAccepted && (await limits.hasSpentFailures(req))) {
      return refuse(unauthenticated(attempt.isToken), limits.failedLogins, step);
    }
    try {
      exchangeOf(req).principal = await attempt.verify();
    } catch (error) {
      if (!isUnauthenticated(error)) throw error;
      return refuse(unauthenticated(attempt.isToken), limits.failedLogins, step);
    }
    return limits.principal(req, res, next);
  };
}

type Step = readonly [Request, Response, NextFunction];

/** What a caller shows, and how it is verified. */
interface Attempt {
  readonly isToken: boolean;
  readonly wasAccepted: boolean;
  verify(): Promise<Principal>;
}

function showsTwo(req: Request): boolean {
  return req.get('authorization') !== undefined && req.get('x-api-key') !== undefined;
}

function twoAtOnce(takes: ReturnType<typeof credentialsOf>): InvalidRequestError {
  const message = {
    token: 'Send Authorization alone: no API key is taken here',
    'api-key': 'Send X-API-Key alone: no token is taken here',
    either: 'Send X-API-Key or Authorization, not both',
  }[takes];
  return new InvalidRequestError([{ in: 'header', path: ['x-api-key'], code: 'two_credentials', message }]);
}

function isUnauthenticated(error: unknown): error is RequestRefused {
  return error instanceof RequestRefused && error.refusal.kind === 'unauthenticated';
}
