import type { Request, RequestHandler, Response } from 'express';
import type { Clock, Logger, Metrics } from '@quarterhour/runtime';
import { exchangeOf } from './exchange.js';

const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;

/** What {@link accessLog} needs. */
export interface AccessLogOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Operation ids, which label the metric; whatever belongs to none is counted together. */
  readonly operations: readonly string[];
}

/** Writes one line and one observation per request when its answer has gone out, or was given up. */
export function accessLog({ log, metrics, clock, operations }: AccessLogOptions): RequestHandler {
  const duration = metrics.histogram({
    name: 'quarterhour_http_request_seconds',
    help: 'Time from the request line to the end of the answer.',
    labels: { operation: operations, status: STATUS_CLASSES },
    buckets: BUCKETS_SECONDS,
  });
  return (req, res, next) => {
    const start = clock.monotonicMillis();
    res.once('close', () => {
      const millis = clock.monotonicMillis() - start;
      duration.observe({ operation: exchangeOf(req).operationId ?? 'none', status: classOf(res) }, millis / 1_000);
      log.info(fieldsOf(req, res, millis), 'request');
    });
    next();
  };
}

function classOf({ statusCode }: Response): (typeof STATUS_CLASSES)[number] {
  if (statusCode < 300) return '2xx';
  if (statusCode < 400) return '3xx';
  return statusCode < 500 ? '4xx' : '5xx';
}

/** The query stays out: it may hold what does not belong in a log. */
function fieldsOf(req: Request, res: Response, millis: number): Record<string, unknown> {
  const { requestId, target, operationId, principal } = exchangeOf(req);
  return {
    requestId,
    method: req.method,
    path: target.split('?', 1)[0],
    operation: operationId,
    status: res.statusCode,
    isComplete: res.writableFinished,
    millis: Math.round(millis * 10) / 10,
    subject: principal?.subject,
    organisations: principal?.organisations,
  };
}
