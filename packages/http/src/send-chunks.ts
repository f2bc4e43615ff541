import { pipeline } from 'node:stream/promises';
import { isNativeError } from 'node:util/types';
import type { Request, Response } from 'express';
import type { Logger } from '@quarterhour/runtime';
import { exchangeOf } from './exchange.js';
import type { StreamedReply } from './reply.js';

const CLIENT_IS_GONE = 'ERR_STREAM_PREMATURE_CLOSE';

/**
 * Sends a text chunk by chunk, as fast as the client reads: no chunk is asked for before the one before has left.
 *
 * A failure on the way is logged and cuts the connection, so that nobody takes what came for the whole. A client that goes
 * away is no failure.
 */
export async function sendChunks(req: Request, res: Response, { chunks }: StreamedReply, log: Logger): Promise<void> {
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  try {
    await pipeline(chunks, res);
  } catch (error) {
    if (isClientGone(error)) return;
    log.error({ requestId: exchangeOf(req).requestId, err: error }, 'an answer was cut');
  }
}

function isClientGone(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && error.code === CLIENT_IS_GONE;
}
