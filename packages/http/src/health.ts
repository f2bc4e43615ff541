import type { Response, Router } from 'express';
import { readiness } from '@quarterhour/runtime';
import type { HealthCheck, Metrics } from '@quarterhour/runtime';
import { pagesRouter } from './pages.js';

/**
 * `/healthz`: 200 while the process answers. `/readyz`: 200 when every check is ok, else 503, with what each found.
 * `/metrics`: Prometheus text.
 */
export function healthRouter(checks: readonly HealthCheck[], metrics: Metrics): Router {
  return pagesRouter([
    ['/healthz', (_req, res) => sendHealth(res, 200, { status: 'ok' })],
    [
      '/readyz',
      async (_req, res) => {
        const { ok, checks: found } = await readiness(checks);
        sendHealth(res, ok ? 200 : 503, { status: ok ? 'ready' : 'not ready', checks: found });
      },
    ],
    [
      '/metrics',
      async (_req, res) => {
        res.set({ 'cache-control': 'no-store', 'content-type': metrics.contentType }).send(await metrics.render());
      },
    ],
  ]);
}

function sendHealth(res: Response, status: number, body: unknown): void {
  res.status(status).set('cache-control', 'no-store').json(body);
}
