/** All that anybody outside learns of a call that failed: the target may not be called, or did not answer as it has to. */
export type OutboundErrorCode = 'ESM_URL_NOT_ALLOWED' | 'ESM_UNREACHABLE';

/** A call of a partner's system that gave no answer. Why exactly is in `cause`, for the log alone. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly code: OutboundErrorCode;
  /** Whether the partner may have got the request, and acted on it. */
  readonly mayHaveArrived: boolean;

  constructor(
    code: OutboundErrorCode,
    { mayHaveArrived, ...options }: ErrorOptions & { readonly mayHaveArrived: boolean },
  ) {
    super(code === 'ESM_UNREACHABLE' ? 'the partner gave no answer' : 'the partner may not be called there', options);
    this.code = code;
    this.mayHaveArrived = mayHaveArrived;
  }
}
