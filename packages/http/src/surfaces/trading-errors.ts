import { STATUS_CODES } from 'node:http';
import { TRADING_ERROR_CODES, tradingError } from '@quarterhour/contracts';
import type { TradingError, TradingErrorCode } from '@quarterhour/contracts';
import { textOfRefusal } from '../refusal.js';
import type { Refusal, RequestIssue } from '../refusal.js';
import type { Surface } from '../surface.js';

/**
 * How every surface below `/api/v1` says no: `{ statusCode, message, error, code, details }`, where `code` is the stable
 * part. A complaint whose own code is one of the stable ones, in lower case, decides about it.
 */
export const tradingErrors: Pick<Surface, 'invalidStatus' | 'errorSchemas' | 'errorContentType' | 'present'> = {
  invalidStatus: 400,
  errorSchemas: { invalid: tradingError, other: tradingError },
  errorContentType: 'application/json',
  present(refusal, requestId) {
    const { status, code, detail, headers } = textOfRefusal(refusal, 400);
    const body: TradingError = {
      statusCode: status,
      message: detail,
      error: STATUS_CODES[status] ?? 'Error',
      code: codeOf(refusal, code),
      details: { requestId, ...(refusal.kind === 'invalid' ? { issues: refusal.issues.map(sentenceOf) } : {}) },
    };
    return { status, contentType: 'application/json', headers, body };
  },
};

function codeOf(refusal: Refusal, code: string): TradingErrorCode {
  const issues = refusal.kind === 'invalid' && refusal.code === undefined ? refusal.issues : [];
  if (issues.some(isMalformedId)) return 'INVALID_UUID';
  const stable = [...issues.map((issue) => issue.code.toUpperCase()), code];
  return stable.flatMap((text) => TRADING_ERROR_CODES.filter((known) => known === text))[0] ?? 'NOT_FOUND';
}

/** Paths of these surfaces have no parameters but ids. */
function isMalformedId({ in: part }: RequestIssue): boolean {
  return part === 'path';
}

function sentenceOf({ in: part, path, message }: RequestIssue): string {
  return `${[part, ...path].join('.')}: ${message}`;
}
