import { constants } from 'node:zlib';
import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/** Below this a compressed answer is hardly smaller, or larger. */
export const COMPRESSED_FROM_BYTES = 1_024;
/** Chosen by measurement, see docs/decisions/0019-protecting-the-apis.md. */
const GZIP_LEVEL = 1;
const BROTLI_QUALITY = 4;

/**
 * Compresses answers of 1 KiB and more with what the caller's `Accept-Encoding` prefers, gzip or Brotli. Of a stream, each
 * piece goes out as it is written.
 */
export function compressAnswers(): RequestHandler {
  const compress = compression({
    filter: (req, res) => isNdjson(res) || compression.filter(req, res),
    threshold: COMPRESSED_FROM_BYTES,
    level: GZIP_LEVEL,
    flush: constants.Z_SYNC_FLUSH,
    brotli: {
      flush: constants.BROTLI_OPERATION_FLUSH,
      params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
    },
  });
  return (req, res, next) => {
    if (asksForCoding(req)) {
      compress(req, res, next);
      return;
    }
    res.vary('Accept-Encoding');
    next();
  };
}

/** Who does not ask is spared what the library hooks into an answer. */
export function asksForCoding(req: Request): boolean {
  return req.headers['accept-encoding'] !== undefined;
}

/** The library's list of compressible types does not know it. */
function isNdjson(res: Response): boolean {
  return String(res.getHeader('content-type')).startsWith('application/x-ndjson');
}
