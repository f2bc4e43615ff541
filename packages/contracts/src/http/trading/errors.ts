import { z } from 'zod';

/** Stable error codes of the surfaces below `/api/v1`. */
export const TRADING_ERROR_CODES = [
  'BAD_REQUEST',
  'VALIDATION_ERROR',
  'INVALID_UUID',
  'TRADING_CONFIG_INCOMPLETE',
  'TRADING_NOT_ENABLED',
  'ESM_NOT_CONFIGURED',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'ORG_CONTEXT_REQUIRED',
  'NOT_FOUND',
  'PLANT_NOT_FOUND',
  'SITE_NOT_FOUND',
  'API_KEY_NOT_FOUND',
  'API_KEY_SCOPES_EMPTY',
  'API_KEY_SCOPE_INVALID',
  'METHOD_NOT_ALLOWED',
  'NOT_ACCEPTABLE',
  'CONFLICT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_REQUESTS',
  'INTERNAL_SERVER_ERROR',
  'SERVICE_UNAVAILABLE',
] as const;
export type TradingErrorCode = (typeof TRADING_ERROR_CODES)[number];

/** Error body of the trading API. `code` is the stable part; `error` is the reason phrase of `statusCode`. */
export const tradingError = z
  .strictObject({
    statusCode: z.int().min(400).max(599),
    message: z.string().min(1),
    error: z.string().min(1),
    code: z.enum(TRADING_ERROR_CODES),
    details: z
      .strictObject({
        requestId: z.string().min(1).meta({ description: 'The same as the header X-Request-Id.' }),
        issues: z.array(z.string().min(1)).min(1).optional().meta({ description: 'What was wrong, and where.' }),
      })
      .optional(),
  })
  .meta({ id: 'Error', description: 'Why the request was not answered.' });
export type TradingError = z.infer<typeof tradingError>;
