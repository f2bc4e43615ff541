import { loadRegister, registerMark, type Database, type RegisterRows } from '@quarterhour/db';
import { Register } from './register.js';

/** The register as last read, and the way to read it again when it changed. */
export class RegisterWatch {
  readonly #db: Database;
  #register: Register;
  #nowMillis: number;

  private constructor(db: Database, rows: RegisterRows) {
    this.#db = db;
    this.#register = new Register(rows);
    this.#nowMillis = rows.nowMillis;
  }

  static async open(db: Database): Promise<RegisterWatch> {
    return new RegisterWatch(db, await loadRegister(db));
  }

  get current(): Register {
    return this.#register;
  }

  /** What the database's clock showed at the last look, in epoch milliseconds. Keys expire by it. */
  get nowMillis(): number {
    return this.#nowMillis;
  }

  /** Looks at the clock, and reads the register again if it changed. @returns whether it did */
  async refresh(): Promise<boolean> {
    const { version, nowMillis } = await registerMark(this.#db);
    this.#nowMillis = nowMillis;
    if (version === this.#register.version) return false;
    this.#register = new Register(await loadRegister(this.#db));
    return true;
  }
}
