import type { Clock, Logger } from '@quarterhour/runtime';

/** Says that a stream stands still for a reason of ours, until it moves again. */
export class Alarm {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stream: string;
  #raised: { readonly since: string; readonly cause: string } | null = null;

  constructor(clock: Clock, log: Logger, stream: string) {
    this.#clock = clock;
    this.#log = log;
    this.#stream = stream;
  }

  get raised(): { readonly since: string; readonly cause: string } | null {
    return this.#raised;
  }

  raise(cause: unknown): void {
    if (this.#raised === null) this.#log.error({ err: cause, stream: this.#stream }, 'stream stopped: needs a person');
    this.#raised ??= { since: this.#clock.nowInstantText(), cause: cause instanceof Error ? cause.name : 'unknown' };
  }

  clear(): void {
    if (this.#raised !== null) this.#log.info({ stream: this.#stream, raised: this.#raised }, 'stream goes on');
    this.#raised = null;
  }
}
