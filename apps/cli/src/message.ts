/** A message as it is handed to the broker. */
export interface Message {
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly body: Buffer;
}
