import { STATUS_CODES } from 'node:http';
import { TRADING_ERROR_CODES, tradingError } from '@quarterhour/contracts';
import type { TradingError, TradingErrorCode } from '@quarterhour/contracts';
import { textOfRefusal } from '../refusal.js';
import type { Refusal, RequestIssue } from '../refusal.js';
import type { Surface } from '../surface.js';

/** The trading API: `{ statusCode, message, error, code, details }`, where `code` is the stable part. */
export const tradingSurface: Surface = {
  name: 'trading',
  title: 'Quarterhour trading API',
  version: '1.0.0',
  description: 'Trading partner integration: measurements of plants that arrived over AMQP.',
  basePath: '/api/v1/trading',
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
  if (refusal.kind === 'invalid' && refusal.issues.some(isMalformedId)) return 'INVALID_UUID';
  return TRADING_ERROR_CODES.find((known) => known === code) ?? 'NOT_FOUND';
}

/** Paths of this surface have no parameters but ids. */
function isMalformedId({ in: part }: RequestIssue): boolean {
  return part === 'path';
}

function sentenceOf({ in: part, path, message }: RequestIssue): string {
  return `${[part, ...path].join('.')}: ${message}`;
}
