import type { StreamName } from '@quarterhour/contracts';
import { ensurePartitions, type Database } from '@quarterhour/db';
import type { Clock } from '@quarterhour/runtime';

const DAY_MS = 86_400_000;
const DAYS_AROUND_NOW = [-1, 0, 1, 2];

/** Knows which days have their partition, and makes the missing ones before a batch needs them. */
export class Partitions {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #known = new Set<string>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Days are UTC, `YYYY-MM-DD`. */
  async cover(stream: StreamName, days: readonly string[]): Promise<void> {
    const missing = days.filter((day) => !this.#known.has(`${stream} ${day}`));
    if (missing.length === 0) return;
    await ensurePartitions(this.#db, stream, missing);
    for (const day of missing) this.#known.add(`${stream} ${day}`);
  }

  /** Believes nothing any more: somebody may have dropped a partition. */
  forget(): void {
    this.#known.clear();
  }

  /** Yesterday, today and the two days to come, whatever was known: at start and every hour. */
  async lookAhead(stream: StreamName): Promise<void> {
    const now = this.#clock.nowMillis();
    const days = DAYS_AROUND_NOW.map((offset) => new Date(now + offset * DAY_MS).toISOString().slice(0, 10));
    for (const day of days) this.#known.delete(`${stream} ${day}`);
    await this.cover(stream, days);
  }
}
