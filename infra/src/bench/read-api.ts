import { randomBytes } from 'node:crypto';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from '../start-environment.js';
import { demoIssuer } from '../start-secrets.js';
import { signToken } from '../start-token.js';
import { startApp, type App } from './app.js';
import type { Bench } from './bench.js';
import { Child } from './children/child.js';

const CONNECTIONS = 8;
const TOKEN_SECONDS = 12 * 3_600;
/** One principal asks as fast as it is answered: the limiter counts as everywhere, and never refuses. */
const REQUESTS_PER_MINUTE = '10000000';
const CURSOR_KEY = randomBytes(32).toString('hex');
const API_KEY_PEPPER = randomBytes(32).toString('hex');

/** The built read API, and a token that it accepts for the bench's organisation. */
export interface ReadApi {
  readonly port: number;
  readonly token: string;
  get(target: string): Promise<Response>;
  /** For long answers: by Node's own client, which takes less of the two cores from the server than fetch does. */
  open(target: string, accept: string): Promise<IncomingMessage>;
  end(): Promise<void>;
}

/** Cursors of one are good for another of the same run. */
export async function startReadApi(bench: Bench, readUrl: string): Promise<ReadApi> {
  const issuer = await demoIssuer(bench.stack.folder);
  const app: App = await startApp(bench.stack, 'read-api', (port) => ({
    QUARTERHOUR_READ_DATABASE_URL: readUrl,
    QUARTERHOUR_READ_API_PORT: String(port),
    QUARTERHOUR_JWKS: issuer.jwks,
    QUARTERHOUR_TOKEN_ISSUER: TOKEN_ISSUER,
    QUARTERHOUR_CURSOR_KEY: CURSOR_KEY,
    QUARTERHOUR_USAGE_DATABASE_URL: readUrl,
    QUARTERHOUR_API_KEY_PEPPER: API_KEY_PEPPER,
    QUARTERHOUR_REQUESTS_PER_MINUTE: REQUESTS_PER_MINUTE,
  }));
  await app.ready(bench.signal);
  const token = await signToken({
    privateKeyFile: issuer.privateKey,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    subject: 'bench',
    organisations: [bench.fleet.organisation.id],
    roles: ['operator'],
    validSeconds: TOKEN_SECONDS,
    clock: systemClock,
  });
  const asking = (accept: string) => ({
    headers: { authorization: `Bearer ${token}`, accept, 'accept-encoding': 'identity' },
    signal: bench.signal,
  });
  return {
    port: app.port,
    token,
    get: (target) => fetch(`http://127.0.0.1:${app.port}${target}`, asking('application/json')),
    open: (target, accept) =>
      new Promise((resolve, reject) => {
        httpGet(`http://127.0.0.1:${app.port}${target}`, asking(accept), resolve).once('error', reject);
      }),
    end: () => app.end(),
  };
}

/** Pages per second through eight connections that are kept. */
export async function pagesPerSecond({ port, token }: ReadApi, target: string, seconds: number): Promise<number> {
  const load = new Child('page-load', { port, target, token, connections: CONNECTIONS, seconds });
  const measured = await load.next(z.object({ requests: z.int(), seconds: z.number() }));
  await load.end();
  return measured.requests / measured.seconds;
}

/** Address of a list of dispatches in `[from, to)`, in milliseconds since 1970. */
export function dispatchesTarget(
  { assets, from, to }: { assets: readonly string[]; from: number; to: number },
  { order, limit, cursor }: { order: 'asc' | 'desc'; limit?: number; cursor?: string },
): string {
  const query = new URLSearchParams({
    asset_ids: assets.join(','),
    from: instantFromEpochMillis(from),
    to: instantFromEpochMillis(to),
    order,
    ...(limit === undefined ? {} : { limit: String(limit) }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  return `/asset-api/v1/dispatches?${query.toString()}`;
}

/** Address of a list of limits in `[from, to)`, in milliseconds since 1970. */
export function limitsTarget(
  { assets, from, to }: { assets: readonly string[]; from: number; to: number },
  { limit, cursor }: { limit: number; cursor?: string },
): string {
  const query = new URLSearchParams({
    asset_ids: assets.join(','),
    from: instantFromEpochMillis(from),
    to: instantFromEpochMillis(to),
    limit: String(limit),
    ...(cursor === undefined ? {} : { cursor }),
  });
  return `/asset-api/v1/limits?${query.toString()}`;
}

const page = z.record(z.string(), z.unknown());
const rowsOfPage = z.array(z.unknown());

/** One page: how many it holds, and the cursor of the next one. @throws Error when the answer is no page */
export async function readPage(api: ReadApi, target: string): Promise<{ rows: number; next: string | null }> {
  const response = await api.get(target);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} of ${target}: ${text.slice(0, 300)}`);
  const link = /<([^>]+)>; *rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
  const next = link === undefined ? null : new URL(link, 'http://127.0.0.1').searchParams.get('cursor');
  const rows = rowsOfPage.parse(Object.values(page.parse(JSON.parse(text))).find(Array.isArray));
  return { rows: rows.length, next };
}
