import { addFanOutDrops, type Database } from '@quarterhour/db';

/** Telemetry events that keys were not told of, until they are written down for the operator. */
export class Drops {
  readonly #db: Database;
  /** By organisation and key. */
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(db: Database) {
    this.#db = db;
  }

  add(orgId: string, keyId: string, count = 1): void {
    const keys = this.#counts.get(orgId) ?? new Map<string, number>();
    this.#counts.set(orgId, keys.set(keyId, (keys.get(keyId) ?? 0) + count));
  }

  /** What cannot be written is kept for the next time. */
  async writeDown(): Promise<void> {
    for (const [orgId, counts] of this.#counts) {
      this.#counts.delete(orgId);
      try {
        const keys = [...counts].map(([keyId, count]) => ({ keyId, count }));
        await this.#db.transaction([orgId], (trx) => addFanOutDrops(trx, orgId, keys));
      } catch (error) {
        for (const [keyId, count] of counts) this.add(orgId, keyId, count);
        throw error;
      }
    }
  }
}
