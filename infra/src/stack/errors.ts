/** The servers could not be found or started. The message is written for the person at the terminal. */
export class StackError extends Error {
  override readonly name: string = 'StackError';
  readonly code: string = 'STACK_UNAVAILABLE';
}

/** Another run in the same checkout holds the folder. */
export class StackInUseError extends StackError {
  override readonly name = 'StackInUseError';
  override readonly code = 'STACK_IN_USE';
}

/** A server ended while it was being waited for. */
export class ServerExitedError extends StackError {
  override readonly name = 'ServerExitedError';
  override readonly code = 'SERVER_EXITED';
  /** True when the reason was a port that somebody else took between our choosing it and the server's binding it. */
  readonly portWasTaken: boolean;

  constructor(message: string, portWasTaken: boolean) {
    super(message);
    this.portWasTaken = portWasTaken;
  }
}

/** True for an error of the system with that code. By shape, because a library may have another `Error` than ours. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** Why something failed, for people: what a program wrote on its error output, else the message and that of its cause. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  if ('stderr' in error && typeof error.stderr === 'string' && error.stderr.trim() !== '') return error.stderr.trim();
  const cause = 'cause' in error && error.cause !== undefined ? `: ${reasonOf(error.cause)}` : '';
  return `${String(error.message)}${cause}`;
}
