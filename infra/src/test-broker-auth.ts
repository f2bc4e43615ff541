import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/*
 * All test files share one broker, which asks one address about partners. This process listens there and passes each
 * question on to whoever said that it answers: a test file's own control API.
 */

const TIMEOUT_MS = 5_000;

/** What {@link relayBrokerAuth} listens on. */
export interface BrokerAuthRelay {
  close(): Promise<void>;
}

/**
 * Listens for the broker's questions. `PUT` and `DELETE` with a base URL as the body announce who answers and who no
 * longer does. A question is allowed when anybody allows it; it fails when nobody allows it and somebody cannot be asked.
 */
export async function relayBrokerAuth({ host, port }: { host: string; port: number }): Promise<BrokerAuthRelay> {
  const answering = new Set<string>();
  const server = createServer((request, response) => {
    relay(request, response, answering).catch((error: unknown) => {
      response.writeHead(503).end(error instanceof Error ? error.message : 'failed');
    });
  });
  server.keepAliveTimeout = 150_000;
  await once(server.listen(port, host), 'listening');
  return {
    close: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

async function relay(request: IncomingMessage, response: ServerResponse, answering: Set<string>): Promise<void> {
  const body = await text(request);
  switch (request.method) {
    case 'PUT':
      answering.add(body);
      response.writeHead(204).end();
      return;
    case 'DELETE':
      answering.delete(body);
      response.writeHead(204).end();
      return;
    default: {
      const asked = [...answering].map((url) => ask(`${url}${request.url ?? ''}`, body));
      const answers = await Promise.all(asked.map((answer) => answer.catch(() => null)));
      const allowed = answers.find((answer) => answer?.startsWith('allow') === true);
      response.writeHead(allowed === undefined && answers.includes(null) ? 503 : 200);
      response.end(allowed ?? 'deny');
    }
  }
}

async function ask(url: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.text();
}
