/** Where in a request something stands. */
export type RequestPart = 'path' | 'query' | 'header' | 'body';

/** One complaint about a request. */
export interface RequestIssue {
  readonly in: RequestPart;
  /** Names and array indexes below that part. */
  readonly path: readonly (string | number)[];
  /** Stable, in snake_case: `missing`, `int_parsing`, `less_than_equal`, `offset_too_deep`. */
  readonly code: string;
  /** For people; may change. */
  readonly message: string;
  /** What was sent, when there was something. */
  readonly input?: unknown;
  /** The bound that was broken, by name. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** By what an operation lets itself be told who asks. */
export type Credentials = 'token' | 'api-key' | 'either';

/**
 * Why a request is not answered as asked: the whole vocabulary of errors at the HTTP edge. A surface turns it into its own
 * status and body.
 */
export type Refusal =
  /** `code` where the operation has one of its own for whatever is wrong with a request. */
  | { readonly kind: 'invalid'; readonly issues: readonly RequestIssue[]; readonly code?: string }
  | { readonly kind: 'unauthenticated'; readonly isTokenInvalid: boolean; readonly takes?: Credentials }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'organisation-required' }
  /** `message` where a sentence of its own says what is missing. */
  | { readonly kind: 'not-found'; readonly thing?: string; readonly message?: string }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'not-acceptable' }
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'precondition'; readonly code: string; readonly message: string }
  | { readonly kind: 'precondition-failed' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'unsupported-media-type' }
  | { readonly kind: 'too-many-requests'; readonly retryAfterSeconds: number }
  | { readonly kind: 'busy'; readonly retryAfterSeconds: number }
  | { readonly kind: 'internal' }
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number };

/** Thrown at the HTTP edge to refuse a request; whatever throws it, the surface's error responder answers. */
export class RequestRefused extends Error {
  override readonly name: string = 'RequestRefused';
  readonly code: string;
  readonly refusal: Refusal;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(`request refused: ${refusal.kind}`, options);
    this.refusal = refusal;
    this.code = refusal.kind;
  }
}

/** The request does not keep to its declared shape or rules. Carries every complaint at once. */
export class InvalidRequestError extends RequestRefused {
  override readonly name = 'InvalidRequestError';

  constructor(issues: readonly RequestIssue[], options?: ErrorOptions) {
    super({ kind: 'invalid', issues }, options);
  }
}

/** We do not have it, or it belongs to another organisation: both are the same answer. */
export class NotFoundError extends RequestRefused {
  override readonly name = 'NotFoundError';

  /**
   * @param thing what was looked for, in snake_case: `plant`, `dispatch`, `api_key`
   * @param message a sentence that says more than that it is not there
   */
  constructor(thing: string, message?: string) {
    super({ kind: 'not-found', thing, ...(message === undefined ? {} : { message }) });
  }
}

/** A refusal with what every surface says about it in common. */
export interface RefusalText {
  readonly status: number;
  /** Stable, in capitals: `VALIDATION_ERROR`. */
  readonly code: string;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Seconds after which asking again makes sense when a dependency is out of reach, or too much is asked at once. */
export const RETRY_AFTER_SECONDS = 1;

/**
 * Status, code, sentence and headers of a refusal. Says nothing about the inside: no cause, no SQL, no path.
 *
 * @param invalidStatus the surface's status for a request that breaks its rules
 */
export function textOfRefusal(refusal: Refusal, invalidStatus: 400 | 422): RefusalText {
  switch (refusal.kind) {
    case 'invalid':
      return text(invalidStatus, refusal.code ?? 'VALIDATION_ERROR', 'The request breaks a rule of this operation.');
    case 'unauthenticated':
      return textOfUnauthenticated(refusal);
    case 'forbidden':
      return text(403, 'FORBIDDEN', 'What you showed does not allow this.');
    case 'organisation-required':
      return text(403, 'ORG_CONTEXT_REQUIRED', 'Say for which organisation, in the header x-org-id.');
    case 'not-found':
      return textOfNotFound(refusal);
    case 'method-not-allowed':
      return text(405, 'METHOD_NOT_ALLOWED', 'This address does not know the method.', {
        allow: refusal.allow.join(', '),
      });
    case 'not-acceptable':
      return text(406, 'NOT_ACCEPTABLE', 'The answer does not exist in a form that the Accept header allows.');
    case 'conflict':
      return text(409, 'CONFLICT', refusal.message);
    case 'precondition':
      return text(400, refusal.code, refusal.message);
    case 'precondition-failed':
      return text(412, 'PRECONDITION_FAILED', 'It is not any more what If-Match says: read it again.');
    case 'too-large':
      return text(413, 'PAYLOAD_TOO_LARGE', 'The body is larger than this operation takes.');
    case 'unsupported-media-type':
      return text(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send application/json in UTF-8, not compressed.');
    case 'too-many-requests':
      return text(429, 'TOO_MANY_REQUESTS', 'Too many requests; ask again later.', retryAfter(refusal));
    case 'busy':
      return text(503, 'SERVICE_UNAVAILABLE', 'Too much is asked at this moment; ask again.', retryAfter(refusal));
    case 'internal':
      return text(500, 'INTERNAL_SERVER_ERROR', 'Something went wrong on our side.');
    case 'unavailable':
      return text(
        503,
        'SERVICE_UNAVAILABLE',
        'A part that this needs is out of reach; ask again.',
        retryAfter(refusal),
      );
  }
}

function textOfNotFound({ thing, message }: Extract<Refusal, { kind: 'not-found' }>): RefusalText {
  if (thing === undefined) return text(404, 'NOT_FOUND', message ?? 'There is nothing at this address.');
  const sentence = message ?? `There is no such ${thing.replaceAll('_', ' ')}.`;
  return text(404, `${thing.toUpperCase()}_NOT_FOUND`, sentence);
}

const CHALLENGES: Readonly<Record<Credentials, readonly [detail: string, challenge: string]>> = {
  token: ['A valid bearer token is required.', 'Bearer'],
  'api-key': ['A valid API key is required, in the header X-API-Key.', 'ApiKey'],
  either: ['A valid bearer token is required, or an API key in the header X-API-Key.', 'Bearer, ApiKey'],
};

function textOfUnauthenticated({
  isTokenInvalid,
  takes = 'token',
}: Extract<Refusal, { kind: 'unauthenticated' }>): RefusalText {
  const [detail, challenge] = CHALLENGES[takes];
  const told = isTokenInvalid ? challenge.replace('Bearer', 'Bearer error="invalid_token"') : challenge;
  return text(401, 'UNAUTHORIZED', detail, { 'www-authenticate': told });
}

function text(status: number, code: string, detail: string, headers: Record<string, string> = {}): RefusalText {
  return { status, code, detail, headers };
}

function retryAfter({ retryAfterSeconds }: { retryAfterSeconds: number }): Record<string, string> {
  return { 'retry-after': String(retryAfterSeconds) };
}
