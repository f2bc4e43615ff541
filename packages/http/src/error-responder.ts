import type { ErrorRequestHandler, Response } from 'express';
import { z } from 'zod';
import { DomainError } from '@quarterhour/domain';
import type { Logger } from '@quarterhour/runtime';
import { exchangeOf } from './exchange.js';
import { RequestRefused, RETRY_AFTER_SECONDS } from './refusal.js';
import { BROKEN_ESCAPE } from './query-string.js';
import type { Refusal, RequestIssue } from './refusal.js';
import type { Surface } from './surface.js';

/** What an error from below the edge means: the words of the database package. */
export type ErrorClassifier = (error: unknown) => 'data' | 'infrastructure' | 'bug' | 'commit-unknown';

/**
 * Answers whatever was thrown, in the shape of the surface that the address belongs to. What is our fault is logged with
 * its causes, once, here; the caller sees none of it.
 */
export function errorResponder(options: {
  readonly log: Logger;
  readonly classifyError: ErrorClassifier;
  readonly surfaceOf: (path: string) => Surface;
}): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    const { requestId, target, invalidCode } = exchangeOf(req);
    const refusal = withCode(refusalOf(error, options.classifyError), invalidCode);
    if (refusal.kind === 'internal' || refusal.kind === 'unavailable') {
      options.log.error({ requestId, refusal: refusal.kind, err: error }, 'a request could not be answered');
    }
    if (res.headersSent) {
      next(error);
      return;
    }
    sendRefusal(res, options.surfaceOf(target), refusal, requestId);
  };
}

function withCode(refusal: Refusal, invalidCode: string | undefined): Refusal {
  return refusal.kind === 'invalid' && invalidCode !== undefined ? { ...refusal, code: invalidCode } : refusal;
}

function sendRefusal(res: Response, surface: Surface, refusal: Refusal, requestId: string): void {
  const { status, contentType, headers, body } = surface.present(refusal, requestId);
  res
    .status(status)
    .set({ 'cache-control': 'no-store', ...headers })
    .type(contentType)
    .send(JSON.stringify(body));
}

/** The one place where an error becomes an answer. */
export function refusalOf(error: unknown, classifyError: ErrorClassifier): Refusal {
  if (error instanceof RequestRefused) return error.refusal;
  if (error instanceof DomainError) {
    return { kind: 'invalid', issues: [{ in: 'query', path: [], code: error.code, message: error.message }] };
  }
  if (error instanceof z.ZodError) return { kind: 'internal' };
  return refusalOfExpress(error) ?? refusalOfClass(classifyError(error));
}

/** Express and its body parser throw errors with a `status`; one of the 500 range is none of the caller's business. */
function refusalOfExpress(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  switch (error.status) {
    case 400:
      return { kind: 'invalid', issues: ['type' in error ? UNREADABLE_BODY : UNREADABLE_PATH] };
    case 413:
      return { kind: 'too-large' };
    case 415:
      return { kind: 'unsupported-media-type' };
    default:
      return undefined;
  }
}

/** The body parser names the type of its error; what cannot be decoded otherwise is a path parameter. */
const UNREADABLE_BODY: RequestIssue = {
  in: 'body',
  path: [],
  code: 'json_invalid',
  message: 'This is not one JSON text',
};
const UNREADABLE_PATH: RequestIssue = { in: 'path', path: [], code: 'escape_parsing', message: BROKEN_ESCAPE };

function refusalOfClass(found: ReturnType<ErrorClassifier>): Refusal {
  switch (found) {
    case 'infrastructure':
    case 'commit-unknown':
      return { kind: 'unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
    case 'data':
      return {
        kind: 'invalid',
        issues: [{ in: 'query', path: [], code: 'value_error', message: 'A value is outside what can be stored' }],
      };
    case 'bug':
      return { kind: 'internal' };
  }
}
