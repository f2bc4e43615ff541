import type { Channel, ConsumeMessage, Message, MessageProperties } from 'amqplib';

/** One message as the broker handed it over. Its properties are what the publisher wrote, unchecked. */
export interface AmqpDelivery {
  readonly body: Buffer;
  /** Exchange it was published to; empty for the default exchange. */
  readonly exchange: string;
  readonly routingKey: string;
  /** The broker has handed it to somebody before. False proves nothing. */
  readonly redelivered: boolean;
  /**
   * How often a quorum queue has handed it over in vain: it was given back, or its consumer was lost. 0 the first time,
   * and on other queues.
   */
  readonly failedDeliveries: number;
  readonly properties: AmqpProperties;
  /** For the consumer that delivered it, to settle it. */
  readonly tag: DeliveryTag;
}

/** Properties of a message; one that is missing or of another type than AMQP gives it is undefined. */
export interface AmqpProperties {
  readonly messageId: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly type: string | undefined;
  readonly appId: string | undefined;
  /** Seconds since 1970, as AMQP has it. */
  readonly timestamp: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

/**
 * Names a delivery on the one channel that made it. The broker counts deliveries anew on each channel, so the number means
 * another message, or none, anywhere else.
 */
export class DeliveryTag {
  readonly #channel: Channel;
  readonly #number: number;

  constructor(channel: Channel, number: number) {
    this.#channel = channel;
    this.#number = number;
  }

  /** Whether this channel made the delivery. */
  isOf(channel: Channel | null): boolean {
    return this.#channel === channel;
  }

  /**
   * Acknowledges on the channel that delivered.
   *
   * @param upTo together with all earlier deliveries of that channel
   * @throws when that channel sends nothing any more
   */
  acknowledge(upTo: boolean): void {
    this.#channel.ack(messageOf(this.#number), upTo);
  }
}

/**
 * What the library wants for an acknowledgement, and of which it reads the number. The message itself is not kept for that:
 * thousands are in hand, and what lives as long as they do is copied by each collection.
 */
function messageOf(deliveryTag: number): Message {
  const fields = { deliveryTag, redelivered: false, exchange: '', routingKey: '' };
  return { content: NO_CONTENT, fields, properties: NO_PROPERTIES };
}

const NO_CONTENT = Buffer.alloc(0);
const NO_PROPERTIES: MessageProperties = {
  contentType: undefined,
  contentEncoding: undefined,
  headers: undefined,
  deliveryMode: undefined,
  priority: undefined,
  correlationId: undefined,
  replyTo: undefined,
  expiration: undefined,
  messageId: undefined,
  timestamp: undefined,
  type: undefined,
  userId: undefined,
  appId: undefined,
  clusterId: undefined,
};

const NO_HEADERS: Readonly<Record<string, unknown>> = Object.freeze({});

/** The library's message as a delivery. */
export function deliveryOf(channel: Channel, message: ConsumeMessage): AmqpDelivery {
  const { content, fields, properties } = message;
  const { headers = NO_HEADERS } = properties;
  return {
    body: content,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    redelivered: fields.redelivered,
    failedDeliveries: countFailedDeliveries(fields, headers),
    properties: {
      messageId: textOrNothing(properties.messageId),
      contentType: textOrNothing(properties.contentType),
      contentEncoding: textOrNothing(properties.contentEncoding),
      type: textOrNothing(properties.type),
      appId: textOrNothing(properties.appId),
      timestamp: numberOrNothing(properties.timestamp),
      headers,
    },
    tag: new DeliveryTag(channel, fields.deliveryTag),
  };
}

/**
 * Written by the queue, over whatever a publisher wrote, but only from the second delivery on. RabbitMQ up to 4.2 counts
 * every return in the first; since 4.3 the first counts only what surely failed, and the second every return.
 */
const COUNTS = ['x-delivery-count', 'x-acquired-count'];

/** For {@link AmqpDelivery.failedDeliveries}. */
export function countFailedDeliveries(
  { redelivered }: { readonly redelivered: boolean },
  headers: Readonly<Record<string, unknown>>,
): number {
  if (!redelivered) return 0;
  const counts = COUNTS.map((name) => numberOrNothing(headers[name]) ?? 0);
  return Math.max(0, ...counts.filter((count) => Number.isSafeInteger(count)));
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOrNothing(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
