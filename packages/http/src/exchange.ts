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
    const offered = req.get('x-request-id');
    const requestId = offered !== undefined && SAFE_REQUEST_ID.test(offered) ? offered : randomUUID();
    const target = req.originalUrl.replace(ORIGIN, '');
    exchanges.set(req, { requestId, target, operationId: undefined, principal: undefined, format: 'json' });
    res.set('x-request-id', requestId);
    next();
  };
}

/** @throws TypeError when the request did not pass {@link beginExchange} */
export function exchangeOf(req: Request): Exchange {
  const exchange = exchanges.get(req);
  if (exchange === undefined) throw new TypeError('the request has no exchange');
  return exchange;
}
