import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Format } from './formats.js';
import type { Principal } from './token.js';

/** What becomes known about a request while it is answered. */
export interface Exchange {
  readonly requestId: string;
  /** Path and query as sent; never the scheme and host that an absolute request target begins with. */
  readonly target: string;
  /** Operation that answers, once one is found. */
  operationId: string | undefined;
  /** Code of its own for whatever is wrong with a request, where the operation has one. */
  invalidCode: string | undefined;
  principal: Principal | undefined;
  /** Of the answer, once the request's wishes are known. */
  format: Format;
}

const exchanges = new WeakMap<Request, Exchange>();
const ORIGIN = /^https?:\/\/[^/?]*/i;
const SAFE_REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;

/**
 * Gives each request its id: the caller's `X-Request-Id` when it is harmless (8 to 64 letters, digits, `.`, `_`, `-`), else
 * a new one. The answer carries it.
 */
export function beginExchange(): RequestHandler {
  return (req, res, next) => {
    const requestId = requestIdOr(req.get('x-request-id'), randomUUID);
    const target = pathAndQueryOf(req.originalUrl);
    exchanges.set(req, {
      requestId,
      target,
      operationId: undefined,
      invalidCode: undefined,
      principal: undefined,
      format: 'json',
    });
    res.set('x-request-id', requestId);
    next();
  };
}

/** The id that a caller offers for its request when it is harmless, else another. */
export function requestIdOr(offered: string | undefined, otherwise: () => string): string {
  return offered !== undefined && SAFE_REQUEST_ID.test(offered) ? offered : otherwise();
}

/** A request target without the scheme and host that an absolute one begins with. */
export function pathAndQueryOf(target: string): string {
  return target.replace(ORIGIN, '');
}

/** @throws TypeError when the request did not pass {@link beginExchange} */
export function exchangeOf(req: Request): Exchange {
  const exchange = exchanges.get(req);
  if (exchange === undefined) throw new TypeError('the request has no exchange');
  return exchange;
}
