import { randomInt } from 'node:crypto';
import { Agent, request as send, type buildConnector } from 'undici';
import { sleep, type Clock } from '../clock.js';
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.js';
import { guardedConnector, type Resolve } from './guarded-connector.js';
import { OutboundError } from './outbound-error.js';
import { judgePartnerUrl, type PartnerUrlRules } from './partner-url.js';

/** How long a partner may take, in milliseconds, and how much it may say, in bytes. */
export interface OutboundLimits {
  readonly connectMs: number;
  readonly headersMs: number;
  /** Longest pause within a body. */
  readonly bodyMs: number;
  /** For everything. */
  readonly totalMs: number;
  readonly headerBytes: number;
  readonly bodyBytes: number;
  readonly connectionsPerCaller: number;
  /** Most that a failure is told later by, by chance: how long it took says nothing about what is where. */
  readonly jitterMs: number;
}

const LIMITS: OutboundLimits = {
  connectMs: 5_000,
  headersMs: 5_000,
  bodyMs: 5_000,
  totalMs: 10_000,
  headerBytes: 16_384,
  bodyBytes: 1_048_576,
  connectionsPerCaller: 4,
  jitterMs: 250,
};

/** What {@link GuardedClient} needs. */
export interface GuardedClientOptions {
  readonly rules: PartnerUrlRules;
  readonly clock: Pick<Clock, 'monotonicMillis'>;
  readonly limits?: Partial<OutboundLimits>;
  readonly breaker?: Omit<CircuitBreakerOptions, 'clock'>;
  readonly resolve?: Resolve;
  /** Certificates to trust beside those of the machine, as PEM; for tests. */
  readonly ca?: string;
  /** Opens a connection to an address; for tests. */
  readonly dial?: buildConnector.connector;
}

/** One request to a partner. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST';
  /** The partner's base URL as it is kept; judged again each time. */
  readonly baseUrl: string;
  /** Below the base, a text of ours. */
  readonly path: `/${string}`;
  /** Values in any characters: they are escaped. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a partner answered, whatever its status; redirects are answers like any other. */
export interface OutboundAnswer {
  readonly status: number;
  /** Without parameters, in lower case; null when it says none. */
  readonly contentType: string | null;
  readonly text: string;
}

/**
 * Calls partners' systems, of which nothing good is assumed: neither that their addresses are theirs, nor that they answer,
 * end or spare us.
 *
 * Each caller has connections of its own, so that nothing of one is sent over another's. Nothing is followed, inflated or
 * sent by a proxy, whatever answers or environment say. Who fails again and again for a caller is not asked for a while.
 */
export class GuardedClient {
  readonly #options: GuardedClientOptions;
  readonly #limits: OutboundLimits;
  readonly #breaker: CircuitBreaker;
  readonly #agents = new Map<string, Agent>();

  constructor(options: GuardedClientOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#breaker = new CircuitBreaker({ clock: options.clock, ...options.breaker });
  }

  /**
   * Sends a request once.
   *
   * @param caller on whose behalf: an organisation's id
   * @throws OutboundError when there is no answer; a TypeError when a header of ours cannot be sent
   */
  async request(caller: string, request: OutboundRequest): Promise<OutboundAnswer> {
    try {
      const url = this.#urlOf(request);
      assertSendable(request.headers ?? {});
      const attempt = this.#breaker.enter(`${caller} ${url.origin}`);
      if (attempt === null) throw new OutboundError('ESM_UNREACHABLE', { mayHaveArrived: false });
      try {
        const answer = await this.#send(caller, url, request);
        attempt.ended(answer.status < 500);
        return answer;
      } catch (error) {
        attempt.ended(false);
        throw asOutboundError(error);
      }
    } catch (error) {
      if (this.#limits.jitterMs > 0) await sleep(randomInt(this.#limits.jitterMs));
      throw error;
    }
  }

  /** Ends all connections, whatever is going on in them. */
  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #urlOf({ baseUrl, path, query = {} }: OutboundRequest): URL {
    const verdict = judgePartnerUrl(baseUrl, this.#options.rules);
    if (!verdict.isAllowed) throw new OutboundError('ESM_URL_NOT_ALLOWED', { mayHaveArrived: false });
    const url = new URL(`${verdict.url.replace(/\/+$/, '')}${path}`);
    url.search = new URLSearchParams(query).toString();
    return url;
  }

  async #send(caller: string, url: URL, { method, headers = {}, body }: OutboundRequest): Promise<OutboundAnswer> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#limits.totalMs);
    try {
      const answer = await send(url, {
        dispatcher: this.#agentOf(caller),
        method,
        headers: { ...headers, accept: 'application/json', 'accept-encoding': 'identity' },
        ...(body === undefined ? {} : { body }),
        signal: deadline.signal,
      });
      // Leaving a body before its end makes it fail once more, when nobody reads it.
      answer.body.on('error', () => undefined);
      const encoding = answer.headers['content-encoding'] ?? 'identity';
      if (encoding !== 'identity') {
        answer.body.destroy();
        throw new Error('the answer is compressed');
      }
      return {
        status: answer.statusCode,
        contentType: mediaTypeOf(answer.headers['content-type']),
        text: await textOf(answer.body, this.#limits.bodyBytes),
      };
    } finally {
      clearTimeout(timer);
    }
  }

  #agentOf(caller: string): Agent {
    const open = this.#agents.get(caller);
    if (open !== undefined) return open;
    const { rules, resolve, ca, dial } = this.#options;
    const { connectMs, headersMs, bodyMs, headerBytes, bodyBytes, connectionsPerCaller } = this.#limits;
    const agent = new Agent({
      connect: guardedConnector({
        rules,
        connectTimeoutMs: connectMs,
        ...(resolve && { resolve }),
        ...(ca === undefined ? {} : { ca }),
        ...(dial && { dial }),
      }),
      connections: connectionsPerCaller,
      pipelining: 1,
      keepAliveTimeout: KEPT_ALIVE_MS,
      keepAliveMaxTimeout: KEPT_ALIVE_MS,
      headersTimeout: headersMs,
      bodyTimeout: bodyMs,
      maxHeaderSize: headerBytes,
      maxResponseSize: bodyBytes,
    });
    this.#agents.set(caller, agent);
    return agent;
  }
}

/** Shorter than servers keep connections: what is sent over one that ends may have arrived, or not. */
const KEPT_ALIVE_MS = 1_000;

const PLAIN = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/** @throws TypeError when a value has anything that could end its line */
function assertSendable(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!PLAIN.test(value)) throw new TypeError(`the value of header ${name} cannot be sent`);
  }
}

function mediaTypeOf(header: string | string[] | undefined): string | null {
  if (typeof header !== 'string') return null;
  return header.split(';', 1)[0]?.trim().toLowerCase() ?? null;
}

/** @throws when it is too long, or not UTF-8 */
async function textOf(body: AsyncIterable<unknown>, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new Error('the answer is not made of bytes');
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(Buffer.concat(chunks));
}

function asOutboundError(cause: unknown): OutboundError {
  return cause instanceof OutboundError ? cause : new OutboundError('ESM_UNREACHABLE', { mayHaveArrived: true, cause });
}
