import { z } from 'zod';

const TIMEOUT_MS = 10_000;

const overviewAnswer = z.object({
  rabbitmq_version: z.string(),
  listeners: z.array(z.object({ protocol: z.string(), port: z.number() })),
});

/** What the broker says of itself, its open listeners included. Answered only to valid credentials. */
export async function brokerOverview(apiUrl: string): Promise<z.infer<typeof overviewAnswer>> {
  return overviewAnswer.parse(await (await call(apiUrl, 'GET', '/api/overview')).json());
}

/** Declares all of some definitions in a virtual host. What exists already stays. */
export async function importDefinitions(apiUrl: string, vhost: string, definitions: object): Promise<void> {
  await call(apiUrl, 'POST', `/api/definitions/${encodeURIComponent(vhost)}`, definitions);
}

async function call(apiUrl: string, method: string, path: string, body?: object): Promise<Response> {
  const url = new URL(path, apiUrl);
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`${method} ${url.href}: ${answer.status} ${await answer.text()}`);
  return answer;
}
