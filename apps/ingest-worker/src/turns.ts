/**
 * Works off items in the order in which they came, so many in a turn of the event loop: between two turns everybody else is
 * heard, however much comes in.
 */
export class Turns<T> {
  readonly #most: number;
  readonly #work: (items: readonly T[]) => void;
  #waiting: T[] = [];
  #isAtWork = false;

  /**
   * @param most items of one turn
   * @param work must not throw
   */
  constructor(most: number, work: (items: readonly T[]) => void) {
    this.#most = most;
    this.#work = work;
  }

  /** Items whose turn has not come. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(item: T): void {
    this.#waiting.push(item);
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    setImmediate(() => this.#turn());
  }

  /** Resolves when nothing waits. */
  async done(): Promise<void> {
    while (this.#isAtWork) await new Promise((resolve) => setImmediate(resolve));
  }

  #turn(): void {
    this.#work(this.#waiting.splice(0, this.#most));
    if (this.#waiting.length > 0) setImmediate(() => this.#turn());
    else this.#isAtWork = false;
  }
}
