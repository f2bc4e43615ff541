import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { exchangeOf } from './exchange.js';
import type { RateLimits } from './rate-limits.js';
import { RequestRefused } from './refusal.js';
import type { TokenVerifier } from './token.js';

/**
 * Finds out who asks, and counts the request against whom it comes from: a principal, or the address of a client that
 * shows no token or a wrong one.
 *
 * Once an address has spent its failures, tokens that were never accepted here are not even looked at, so that guessing
 * gets no answer. Those that were accepted go on working: a neighbour behind the same address is not locked out.
 */
export function authenticate(verifier: TokenVerifier, limits: RateLimits): RequestHandler {
  const refuse = (error: RequestRefused, by: RequestHandler, [req, res, next]: Step) =>
    by(req, res, (limited?: unknown) => next(limited ?? error));

  return async (...step) => {
    const [req, res, next] = step;
    const authorization = req.get('authorization');
    if (authorization === undefined) return refuse(unauthenticated(false), limits.address, step);
    if (!verifier.hasAccepted(authorization) && (await limits.hasSpentFailures(req))) {
      return refuse(unauthenticated(true), limits.failedLogins, step);
    }
    try {
      exchangeOf(req).principal = await verifier.verify(authorization);
    } catch (error) {
      if (isUnauthenticated(error)) return refuse(error, limits.failedLogins, step);
      throw error;
    }
    return limits.principal(req, res, next);
  };
}

type Step = readonly [Request, Response, NextFunction];

function isUnauthenticated(error: unknown): error is RequestRefused {
  return error instanceof RequestRefused && error.refusal.kind === 'unauthenticated';
}

function unauthenticated(isTokenInvalid: boolean): RequestRefused {
  return new RequestRefused({ kind: 'unauthenticated', isTokenInvalid });
}
