import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ESM_PATHS, type EsmCredentials } from '@quarterhour/contracts';
import { systemClock, type Clock } from '@quarterhour/runtime';
import { z } from 'zod';
import { Faults, type EsmOperation, type PlannedFault, type SandboxFault } from './faults.js';
import { SandboxPlants, type SandboxPlant } from './plants.js';

/** What {@link openEsmSandbox} needs. */
export interface EsmSandboxOptions extends EsmCredentials {
  readonly plants: readonly SandboxPlant[];
  /** Of the loopback interface. Default: a free one. */
  readonly port?: number;
  /** How long a plant takes to do what it is told. Default 1,000. */
  readonly takesMs?: number;
  /** How long its tokens hold. Default 300. */
  readonly tokenSeconds?: number;
  readonly clock?: Pick<Clock, 'monotonicMillis'>;
}

/** Something that it was asked for. */
export interface SandboxCall {
  readonly operation: EsmOperation;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A partner's energy management system as the trading contract knows it, for demonstrations and tests. Keeps nothing. */
export interface EsmSandbox {
  readonly origin: string;
  /** What `esmApiUrl` has to be. */
  readonly url: string;
  readonly plants: SandboxPlants;
  /** What it was asked for, oldest first; the last thousand. */
  readonly calls: readonly SandboxCall[];
  /** Plans a fault. Faults of one operation happen one after the other. */
  plan(fault: PlannedFault): void;
  /** From now on everything is answered again as it should be. */
  forgive(): void;
  /** No token holds any more. */
  revokeTokens(): void;
  close(): Promise<void>;
}

/** Path of its base URL. */
export const ESM_SANDBOX_BASE = '/api/v1/voke-esm';
const BASE = ESM_SANDBOX_BASE;
const TAKES_MS = 1_000;
const TOKEN_SECONDS = 300;
const MOST_CALLS = 1_000;
const MOST_BODY_BYTES = 1_048_576;

/** Starts it on the loopback interface. */
export async function openEsmSandbox(options: EsmSandboxOptions): Promise<EsmSandbox> {
  const sandbox = new Sandbox(options);
  await sandbox.listen(options.port ?? 0);
  return sandbox;
}

class Sandbox implements EsmSandbox {
  readonly plants: SandboxPlants;
  readonly calls: SandboxCall[] = [];
  readonly #options: EsmSandboxOptions;
  readonly #clock: Pick<Clock, 'monotonicMillis'>;
  readonly #faults = new Faults();
  readonly #tokens = new Map<string, number>();
  readonly #server: Server;
  origin = '';

  constructor(options: EsmSandboxOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.plants = new SandboxPlants(options.plants);
    this.#server = createServer((req, res) => {
      this.#answer(req, res).catch(() => res.destroy());
    });
  }

  get url(): string {
    return `${this.origin}${BASE}`;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the sandbox has no address');
    this.origin = `http://127.0.0.1:${address.port}`;
  }

  plan(fault: PlannedFault): void {
    this.#faults.plan(fault);
  }

  forgive(): void {
    this.#faults.forget();
  }

  revokeTokens(): void {
    this.#tokens.clear();
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '/', this.origin);
    const body = await jsonOf(req);
    if (pathname === '/readyz') return send(res, 200, { status: 'ready' });
    if (pathname === `${BASE}/admin/faults`) return this.#administrate(req, res, body);
    const operation = operationOf(`${req.method ?? ''} ${pathname}`);
    if (operation === undefined) return send(res, 404, { message: 'not found' });
    const call = { operation, query: Object.fromEntries(searchParams), body };
    this.calls.push(call);
    if (this.calls.length > MOST_CALLS) this.calls.shift();
    const fault = this.#faults.next(operation);
    const [status, answer] = fault?.isDone === false ? [0, null] : this.#answerTo(call, req);
    if (fault === undefined) return send(res, status, answer);
    misbehave(res, fault);
  }

  #administrate(req: IncomingMessage, res: ServerResponse, body: unknown): void {
    if (req.method === 'DELETE') {
      this.forgive();
      return send(res, 200, {});
    }
    try {
      this.#faults.plan(body);
      send(res, 200, {});
    } catch (error) {
      send(res, 400, { message: error instanceof z.ZodError ? z.prettifyError(error) : 'not a fault' });
    }
  }

  #answerTo({ operation, query, body }: SandboxCall, req: IncomingMessage): readonly [status: number, body: unknown] {
    const now = this.#clock.monotonicMillis();
    if (operation === 'token') return this.#token(body, now);
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1] ?? '';
    if ((this.#tokens.get(token) ?? 0) <= now) return [401, { message: 'no valid token' }];
    this.plants.settle(now);
    switch (operation) {
      case 'plants':
        return [200, { plants: this.plants.plants }];
      case 'config':
        return found(this.plants.config(query['plantId'] ?? ''));
      case 'update': {
        const result = this.plants.update(body, now, this.#options.takesMs ?? TAKES_MS);
        return result === 'unreadable' ? [400, { message: 'not an update' }] : found(result);
      }
      case 'result':
        return found(this.plants.result(query['requestCode'] ?? '', now));
    }
  }

  #token(body: unknown, now: number): readonly [number, unknown] {
    const { clientId, clientSecret, tokenSeconds = TOKEN_SECONDS } = this.#options;
    const asked = z.object({ clientId: z.literal(clientId), clientSecret: z.literal(clientSecret) }).safeParse(body);
    if (!asked.success) return [401, { message: 'unknown client' }];
    const token = randomBytes(24).toString('base64url');
    this.#tokens.set(token, now + tokenSeconds * 1_000);
    return [200, { access_token: token, token_type: 'Bearer', expires_in: tokenSeconds }];
  }
}

function found(value: unknown): readonly [number, unknown] {
  return value === null || value === undefined ? [404, { message: 'not found' }] : [200, value];
}

const METHODS: Readonly<Record<EsmOperation, 'GET' | 'POST'>> = {
  token: 'POST',
  plants: 'GET',
  config: 'GET',
  update: 'POST',
  result: 'GET',
};

const OPERATIONS: readonly EsmOperation[] = ['token', 'plants', 'config', 'update', 'result'];

function operationOf(line: string): EsmOperation | undefined {
  return OPERATIONS.find((operation) => line === `${METHODS[operation]} ${BASE}${ESM_PATHS[operation]}`);
}

async function jsonOf(req: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of req.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > MOST_BODY_BYTES) throw new Error('the body is too long');
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Where it hangs, whoever asked waits until it has enough. */
function misbehave(res: ServerResponse, fault: SandboxFault): void {
  switch (fault.kind) {
    case 'answer':
      res.writeHead(fault.status, { 'content-type': fault.contentType, ...fault.headers }).end(fault.body);
      return;
    case 'hang':
      return;
    case 'reset':
      res.socket?.resetAndDestroy();
  }
}
