import type { UtcInstant } from '@quarterhour/domain';

/**
 * One message as the broker handed it over. Its properties are hints: what a message says follows from the body, and whose it
 * is from the routing key, or from the virtual host where that is a partner's own.
 */
export interface Delivery {
  readonly body: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
  readonly redelivered: boolean;
  readonly properties: DeliveryProperties;
  /**
   * Whose it is for certain: the organisation in whose own virtual host it was published. Missing where exchange and
   * routing key tell.
   */
  readonly owner?: string | undefined;
  /** The key in whose virtual host it was published. */
  readonly keyId?: string | undefined;
  /** When it first came, for one that was parked and is tried again. */
  readonly firstSeen?: UtcInstant;
}

export interface DeliveryProperties {
  readonly messageId?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly type?: string | undefined;
  readonly appId?: string | undefined;
  /** Epoch seconds, as AMQP has it. */
  readonly timestamp?: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}
