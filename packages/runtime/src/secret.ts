import { inspect } from 'node:util';

/**
 * Something that must not be seen by accident: printed, logged, put into JSON or a template it reads `[secret]`. Only
 * {@link Secret.reveal} gives it away, so that a search for that word finds every place that does.
 */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** What it is. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

const SHOWN = '[secret]';
