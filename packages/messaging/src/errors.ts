/** What this package throws on purpose. `code` is stable; `cause` is what the broker or the library said. */
export abstract class MessagingError extends Error {
  abstract readonly code: string;
}

/** The URL of a broker cannot be understood. It is not quoted: it may hold a password. */
export class InvalidBrokerUrlError extends MessagingError {
  override readonly name = 'InvalidBrokerUrlError';
  readonly code = 'BROKER_URL';
}

/** The broker answered and let us in nowhere: wrong user or password, or a virtual host that is not there or not ours. */
export class BrokerRefusedError extends MessagingError {
  override readonly name = 'BrokerRefusedError';
  readonly code = 'BROKER_REFUSED';
}

/** No broker answered within the time given. */
export class BrokerUnreachableError extends MessagingError {
  override readonly name = 'BrokerUnreachableError';
  readonly code = 'BROKER_UNREACHABLE';
}

/** The broker was closed by us before this could be done; nothing was sent. */
export class BrokerClosedError extends MessagingError {
  override readonly name = 'BrokerClosedError';
  readonly code = 'BROKER_CLOSED';
}

/** Objects exist on the broker with other properties than declared. They were left as they are. */
export class TopologyMismatchError extends MessagingError {
  override readonly name = 'TopologyMismatchError';
  readonly code = 'TOPOLOGY_MISMATCH';
  /** `queue "ingest.dispatch"`, `exchange "vcp"`, in order of declaration. */
  readonly objects: readonly string[];

  constructor(objects: readonly string[], options: ErrorOptions) {
    super(`on the broker with other properties than declared: ${objects.join(', ')}`, options);
    this.objects = objects;
  }
}

/** No queue is bound for this exchange and routing key: the broker took the message and dropped it. */
export class UnroutableError extends MessagingError {
  override readonly name = 'UnroutableError';
  readonly code = 'UNROUTABLE';
}

/** The broker did not take the message, for example because a queue is full. It is stored nowhere for certain. */
export class PublishRefusedError extends MessagingError {
  override readonly name = 'PublishRefusedError';
  readonly code = 'PUBLISH_REFUSED';
}

/** The broker may or may not have taken the message: no confirm came. Send it again under the same message id. */
export class ConfirmLostError extends MessagingError {
  override readonly name = 'ConfirmLostError';
  readonly code = 'CONFIRM_LOST';
}

/** A call of the broker's HTTP API failed. */
export class BrokerApiError extends MessagingError {
  override readonly name = 'BrokerApiError';
  readonly code = 'BROKER_API';
  /** HTTP status, or null when no answer came. */
  readonly status: number | null;
  /** The beginning of the answer's body. */
  readonly body: string;

  constructor(request: string, answer: { status: number | null; body: string }, options?: ErrorOptions) {
    super(`${request}: ${answer.status === null ? 'no answer' : `status ${answer.status} ${answer.body}`}`, options);
    this.status = answer.status;
    this.body = answer.body;
  }
}
