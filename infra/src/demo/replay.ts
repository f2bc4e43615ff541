import { ConfirmLostError, openBroker, type Publisher } from '@quarterhour/messaging';
import type { Logger } from '@quarterhour/runtime';
import type { DemoMessage } from './messages.js';

const MOST_ATTEMPTS = 5;

export interface ReplayRequest {
  readonly amqpUrl: string;
  readonly messages: readonly DemoMessage[];
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told how many messages are confirmed. */
  readonly onProgress: (confirmed: number) => void;
}

/** How many copies were sent: all confirmed, and beside them those whose confirm was lost. */
export interface Published {
  readonly confirmed: number;
  readonly withoutConfirm: number;
}

/**
 * Publishes as a partner and an optimiser would: with confirms, several in flight, and again when a confirm was lost.
 *
 * @throws the publisher's error when a message is refused or no queue takes it
 */
export async function replay({ amqpUrl, messages, log, signal, onProgress }: ReplayRequest): Promise<Published> {
  const broker = await openBroker({ url: amqpUrl, applicationName: 'quarterhour demo', log, signal });
  try {
    const publisher = broker.publisher();
    const counts = { confirmed: 0, withoutConfirm: 0 };
    const failed = new AbortController();
    const sent: Promise<void>[] = [];
    for (const message of messages) {
      await publisher.room();
      signal.throwIfAborted();
      if (failed.signal.aborted) break;
      const confirmed = publish(publisher, message, () => (counts.withoutConfirm += 1)).then(() => {
        counts.confirmed += 1;
        onProgress(counts.confirmed);
      });
      confirmed.catch(() => failed.abort());
      sent.push(confirmed);
    }
    await Promise.all(sent);
    return counts;
  } finally {
    await broker.close();
  }
}

async function publish(publisher: Publisher, message: DemoMessage, onLost: () => void, attempt = 1): Promise<void> {
  const { exchange, routingKey, messageId, contentType, body } = message;
  try {
    await publisher.publish({ exchange, routingKey, messageId, contentType, body });
  } catch (error) {
    if (!(error instanceof ConfirmLostError) || attempt === MOST_ATTEMPTS) throw error;
    onLost();
    await publish(publisher, message, onLost, attempt + 1);
  }
}
