import { loadRegister, registerVersion, type Database } from '@quarterhour/db';
import { Register } from './register.js';

/** The register as last read, and the way to read it again when it changed. */
export class RegisterWatch {
  readonly #db: Database;
  #register: Register;

  private constructor(db: Database, register: Register) {
    this.#db = db;
    this.#register = register;
  }

  static async open(db: Database): Promise<RegisterWatch> {
    return new RegisterWatch(db, new Register(await loadRegister(db)));
  }

  get current(): Register {
    return this.#register;
  }

  /** Reads the register again if it changed. @returns whether it did */
  async refresh(): Promise<boolean> {
    if ((await registerVersion(this.#db)) === this.#register.version) return false;
    this.#register = new Register(await loadRegister(this.#db));
    return true;
  }
}
