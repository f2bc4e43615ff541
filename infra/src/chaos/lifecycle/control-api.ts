import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { TRADING_STATE_HEADER } from '@quarterhour/contracts';
import { sleep, systemClock } from '@quarterhour/runtime';
import { freePorts } from '../../stack/ports.js';
import { demoIssuer, keyRingFile } from '../../start-secrets.js';
import { signToken } from '../../start-token.js';
import type { Arena } from '../arena.js';
import { SupervisedProcess, type ProgramOptions } from '../supervised-process.js';

const ISSUER = 'quarterhour-chaos';
const AUDIENCE = 'quarterhour';
const VALID_SECONDS = 8 * 3_600;
const READY_WITHIN_MS = 60_000;
/** Longer than the API itself lets anybody wait. */
const ANSWERED_WITHIN_MS = 20_000;
const AGAIN_AFTER_MS = 250;
/** Of the arena's broker: its queues tell their counts every second, its API collects them as often. */
const SAMPLING_MS = 2_200;

/** What was answered to a request in the end. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** How trading stands, where the answer says so. */
  readonly state: string | null;
  /** Requests that it took: those before were not answered, or with somebody else's fault. */
  readonly attempts: number;
  readonly millis: number;
}

/** The control API, in a process that is started again when it ends, and a trader who asks until an answer comes. */
export class ControlApi extends SupervisedProcess {
  readonly #token: string;
  readonly #url: string;

  private constructor(program: ProgramOptions, url: string, token: string) {
    super(program);
    this.#url = url;
    this.#token = token;
  }

  static async start(arena: Arena, entry: string): Promise<ControlApi> {
    const { servers } = arena;
    const { rabbitmq, folder } = servers;
    const { brokerAuthPort } = rabbitmq;
    if (brokerAuthPort === null) throw new RangeError('the broker asks nobody about partners');
    const [port = 0] = await freePorts(1);
    const files = await demoIssuer(folder);
    const url = `http://127.0.0.1:${port}`;
    const environment = {
      QUARTERHOUR_CONTROL_DATABASE_URL: arena.databaseUrl('control'),
      QUARTERHOUR_CONTROL_API_PORT: String(port),
      QUARTERHOUR_BROKER_AUTH_PORT: String(brokerAuthPort),
      QUARTERHOUR_KEY_RING: keyRingFile(folder),
      QUARTERHOUR_API_KEY_PEPPER: randomBytes(32).toString('hex'),
      QUARTERHOUR_PUBLIC_URL: url,
      QUARTERHOUR_JWKS: files.jwks,
      QUARTERHOUR_TOKEN_ISSUER: ISSUER,
      QUARTERHOUR_TOKEN_AUDIENCE: AUDIENCE,
      QUARTERHOUR_RABBITMQ_API_URL: rabbitmq.apiUrl(0),
      QUARTERHOUR_BROKER_VHOST: arena.vhost,
      QUARTERHOUR_BROKER_SAMPLING_MS: String(SAMPLING_MS),
    };
    const token = await signToken({
      privateKeyFile: files.privateKey,
      issuer: ISSUER,
      audience: AUDIENCE,
      subject: 'a trader in chaos',
      organisations: arena.organisations.map(({ id }) => id),
      roles: ['trader'],
      validSeconds: VALID_SECONDS,
      clock: systemClock,
    });
    const logFile = path.join(folder, 'control-api.log');
    const record: ProgramOptions['record'] = (pid, marks) => servers.record(pid, marks);
    const program = { entry, environment, announces: 'answering requests', logFile, record };
    const api = new ControlApi(program, url, token);
    arena.endsFirst(() => api.stop());
    await api.ready(READY_WITHIN_MS);
    return api;
  }

  /**
   * Asks, again and again while nobody answers or something else than the request is at fault.
   *
   * @returns the first answer that is about the request; null when the signal was aborted before
   */
  async ask(orgId: string, path: string, body: object, signal: AbortSignal): Promise<Answer | null> {
    const began = systemClock.monotonicMillis();
    for (let attempts = 1; !signal.aborted; attempts += 1) {
      const response = await this.#post(orgId, path, body);
      if (response !== null) return { ...response, attempts, millis: systemClock.monotonicMillis() - began };
      await sleep(AGAIN_AFTER_MS, signal);
    }
    return null;
  }

  async #post(orgId: string, path: string, body: object): Promise<Omit<Answer, 'attempts' | 'millis'> | null> {
    try {
      const response = await fetch(`${this.#url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#token}`, 'x-org-id': orgId, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
      });
      const text = await response.text();
      if (response.status >= 500 || response.status === 429) return null;
      return {
        status: response.status,
        body: text === '' ? null : JSON.parse(text),
        state: response.headers.get(TRADING_STATE_HEADER),
      };
    } catch {
      return null;
    }
  }
}
