/** What is told of an ESM that did not do as it has to; why exactly is in `cause`, for the log alone. */
export type EsmErrorCode =
  | 'ESM_URL_NOT_ALLOWED'
  | 'ESM_UNREACHABLE'
  | 'ESM_UNAUTHORIZED'
  | 'ESM_ANSWER_INVALID'
  | 'ESM_REFUSED'
  | 'ESM_NOT_FOUND';

/** An ESM did not do as it has to. */
export class EsmError extends Error {
  override readonly name = 'EsmError';
  readonly code: EsmErrorCode;
  /** Whether it may have done all the same what it was asked for. */
  readonly mayHaveHappened: boolean;
  /** Of its answer; null when there was none. */
  readonly status: number | null;

  constructor(
    code: EsmErrorCode,
    {
      mayHaveHappened,
      status = null,
      ...options
    }: ErrorOptions & { readonly mayHaveHappened: boolean; readonly status?: number | null },
  ) {
    super(`the energy management system: ${code}`, options);
    this.code = code;
    this.mayHaveHappened = mayHaveHappened;
    this.status = status;
  }
}
