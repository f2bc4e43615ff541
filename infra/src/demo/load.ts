import { QUEUES, partnerTelemetryQueue } from '@quarterhour/contracts';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import { rabbitApi } from '@quarterhour/messaging';
import { sleep, type Clock, type Logger } from '@quarterhour/runtime';
import type { DemoMessage } from './messages.js';
import { showProgress } from './progress.js';
import type { ReadApi } from './read-api.js';
import { sumOf, wholeMinutes } from './reconciliation.js';
import { DEMO_ORGANISATION } from './register.js';
import { replay, type Published } from './replay.js';

const POLL_MS = 300;
const STALLED_AFTER_MS = 60_000;
/** The broker samples its counts every five seconds. */
const SAMPLED_EVERY_MS = 6_000;

/** Nothing more was settled for a minute, though messages are waiting. */
export class LoadStalledError extends Error {
  override readonly name = 'LoadStalledError';
  readonly code = 'LOAD_STALLED';
}

export interface LoadRequest {
  readonly amqpUrl: string;
  readonly rabbitmqApiUrl: string;
  readonly api: ReadApi;
  readonly messages: readonly DemoMessage[];
  /** When the first attempt to load them began. */
  readonly startedAt: UtcInstant;
  /** An earlier process began to publish them: what it left in the queues is waited for first. */
  readonly isResumed: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Publishes every message of the demo and waits until all are settled.
 *
 * @throws LoadStalledError
 */
export async function load(request: LoadRequest): Promise<Published> {
  const { amqpUrl, messages, log, signal } = request;
  if (request.isResumed) await untilDrained(request);
  const before = await settledSoFar(request);

  const publishing = showProgress('Publishing', messages.length);
  const published = await replay({ amqpUrl, messages, log, signal, onProgress: publishing.at }).finally(() =>
    publishing.end(),
  );

  const ingesting = showProgress('Ingesting', published.confirmed);
  await untilSettled(request, before, published.confirmed, ingesting.at).finally(() => ingesting.end());
  return published;
}

async function untilSettled(
  request: LoadRequest,
  before: number,
  due: number,
  onProgress: (settled: number) => void,
): Promise<void> {
  const { clock, signal } = request;
  let settled = 0;
  let lastProgress = clock.monotonicMillis();
  while (settled < due) {
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
    const now = (await settledSoFar(request)) - before;
    if (now > settled) lastProgress = clock.monotonicMillis();
    settled = now;
    onProgress(settled);
    if (clock.monotonicMillis() - lastProgress > STALLED_AFTER_MS) {
      throw new LoadStalledError(`${due - settled} of ${due} messages wait, and none was settled for a minute.`);
    }
  }
}

async function settledSoFar({ api, startedAt, clock }: LoadRequest): Promise<number> {
  return sumOf(await api.minutes(wholeMinutes({ from: startedAt, to: instantFromEpochMillis(clock.nowMillis()) })));
}

/** Empty in two samples, one after the other. */
async function untilDrained({ amqpUrl, rabbitmqApiUrl, signal }: LoadRequest): Promise<void> {
  const broker = rabbitApi({ url: rabbitmqApiUrl });
  const vhost = decodeURIComponent(new URL(amqpUrl).pathname.slice(1));
  const queues = [QUEUES.dispatch, partnerTelemetryQueue(DEMO_ORGANISATION.queuePrefix)];
  for (let emptySamples = 0; emptySamples < 2;) {
    const found = await Promise.all(queues.map((queue) => broker.getQueue(vhost, queue)));
    const waiting = found.reduce((sum, queue) => sum + (queue?.messages ?? 0), 0);
    emptySamples = waiting === 0 ? emptySamples + 1 : 0;
    await sleep(SAMPLED_EVERY_MS, signal);
    signal.throwIfAborted();
  }
}
