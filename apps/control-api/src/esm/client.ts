import {
  ESM_PATHS,
  esmPlantConfig,
  esmPlantList,
  esmResult,
  esmToken,
  type EsmConfigQuery,
  type EsmConfigUpdate,
  type EsmCredentials,
  type EsmPlantConfig,
  type EsmResult,
  type EsmResultQuery,
  type EsmToken,
} from '@quarterhour/contracts';
import { OutboundError, type Clock, type GuardedClient, type OutboundAnswer } from '@quarterhour/runtime';
import type { z } from 'zod';
import type { EsmAccess } from './access.js';
import { EsmError } from './esm-error.js';
import { EsmTokens } from './tokens.js';

interface EsmRequest {
  readonly method: 'GET' | 'POST';
  readonly path: (typeof ESM_PATHS)[keyof typeof ESM_PATHS];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Speaks with ESMs. Whatever they answer is judged; nothing is sent twice but what they said they did not take. */
export class EsmClient {
  readonly #client: Pick<GuardedClient, 'request'>;
  readonly #tokens: EsmTokens;

  constructor({
    client,
    clock,
  }: {
    readonly client: Pick<GuardedClient, 'request'>;
    readonly clock: Pick<Clock, 'monotonicMillis'>;
  }) {
    this.#client = client;
    this.#tokens = new EsmTokens({ clock, ask: (access) => this.#token(access) });
  }

  /** The plants that an ESM has, each as it says it. @throws EsmError */
  listPlants(access: EsmAccess): Promise<readonly unknown[]> {
    return this.#call(access, { method: 'GET', path: ESM_PATHS.plants }, esmPlantList);
  }

  /** The configuration that an ESM has of a plant. @throws EsmError, ESM_NOT_FOUND when it does not know the plant */
  async readConfig(access: EsmAccess, plantId: string): Promise<EsmPlantConfig> {
    const query: EsmConfigQuery = { plantId };
    const config = await this.#call(
      access,
      { method: 'GET', path: ESM_PATHS.config, query: { ...query } },
      esmPlantConfig,
    );
    if (config.plantId !== plantId) throw invalidAnswer(200, new Error('it is about another plant'));
    return config;
  }

  /** Sends a configuration, once. @throws EsmError */
  sendConfig(access: EsmAccess, update: EsmConfigUpdate): Promise<EsmResult> {
    return this.#call(access, { method: 'POST', path: ESM_PATHS.update, body: update }, esmResult);
  }

  /** What became of a configuration that was sent. @throws EsmError, ESM_NOT_FOUND when the ESM does not know it */
  readResult(access: EsmAccess, requestCode: string): Promise<EsmResult> {
    const query: EsmResultQuery = { requestCode };
    return this.#call(access, { method: 'GET', path: ESM_PATHS.result, query: { ...query } }, esmResult);
  }

  async #call<S extends z.ZodType>(access: EsmAccess, request: EsmRequest, schema: S): Promise<z.output<S>> {
    let token = await this.#tokens.tokenFor(access);
    let answer = await this.#send(access, request, { authorization: `Bearer ${token.reveal()}` });
    if (answer.status === 401) {
      this.#tokens.forget(access, token);
      token = await this.#tokens.tokenFor(access);
      answer = await this.#send(access, request, { authorization: `Bearer ${token.reveal()}` });
    }
    return valueOf(answer, schema, { namesOneThing: request.path !== ESM_PATHS.plants });
  }

  async #token(access: EsmAccess): Promise<EsmToken> {
    const credentials: EsmCredentials = { clientId: access.clientId, clientSecret: access.clientSecret.reveal() };
    try {
      const request = { method: 'POST', path: ESM_PATHS.token, body: credentials } as const;
      return valueOf(await this.#send(access, request, {}), esmToken, { namesOneThing: false });
    } catch (error) {
      throw error instanceof EsmError ? asTokenError(error) : error;
    }
  }

  async #send(
    access: EsmAccess,
    { method, path, query, body }: EsmRequest,
    headers: Readonly<Record<string, string>>,
  ): Promise<OutboundAnswer> {
    try {
      return await this.#client.request(access.orgId, {
        method,
        baseUrl: access.baseUrl,
        path,
        ...(query && { query }),
        headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      throw new EsmError(error.code, { mayHaveHappened: error.mayHaveArrived, cause: error });
    }
  }
}

/** Nothing that was to happen has happened where there was not even a token. */
function asTokenError({ code, status, cause }: EsmError): EsmError {
  const isRefused = code === 'ESM_REFUSED' || code === 'ESM_UNAUTHORIZED';
  return new EsmError(isRefused ? 'ESM_UNAUTHORIZED' : code, { mayHaveHappened: false, status, cause });
}

const JSON_TYPE = /^application\/(json|[\w.+-]+\+json)$/;

/** @param namesOneThing whether 404 can mean that the ESM does not have what was named; else nobody is at that address */
function valueOf<S extends z.ZodType>(
  { status, contentType, text }: OutboundAnswer,
  schema: S,
  { namesOneThing }: { readonly namesOneThing: boolean },
): z.output<S> {
  if (status === 401 || status === 403) throw new EsmError('ESM_UNAUTHORIZED', { mayHaveHappened: false, status });
  if (status === 404) {
    throw new EsmError(namesOneThing ? 'ESM_NOT_FOUND' : 'ESM_UNREACHABLE', { mayHaveHappened: false, status });
  }
  if (status >= 400 && status < 500 && status !== 408) {
    throw new EsmError('ESM_REFUSED', { mayHaveHappened: false, status });
  }
  if (status < 200 || status >= 300) throw new EsmError('ESM_UNREACHABLE', { mayHaveHappened: true, status });
  if (contentType === null || !JSON_TYPE.test(contentType)) throw invalidAnswer(status, new Error('it is no JSON'));
  const value = jsonOf(text, status);
  if (hasError(value)) throw invalidAnswer(status, new Error('it tells of an error'));
  const read = schema.safeParse(value);
  if (!read.success) throw invalidAnswer(status, read.error);
  return read.data;
}

function jsonOf(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Its message quotes the text, which may hold a token.
    throw invalidAnswer(status, new Error('it is no JSON'));
  }
}

function hasError(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'error' in value && value.error !== null;
}

function invalidAnswer(status: number, cause: Error): EsmError {
  return new EsmError('ESM_ANSWER_INVALID', { mayHaveHappened: true, status, cause });
}
