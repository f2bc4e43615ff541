/** One statement that a client sent to Postgres. */
export type RecordedStatement =
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'prepared'; readonly text: string; readonly values: readonly (string | null)[] };

/** Type byte and length. */
const HEADER_BYTES = 5;
/** The first message of a connection has no type byte. */
const STARTUP_HEADER_BYTES = 4;

/**
 * Reads what a client sends to Postgres, protocol 3, and keeps the statements: simple queries, and prepared ones with the
 * parameters of each execution. What else goes over the wire, a login for example, is skipped.
 */
export class FrontendMessages {
  #pending: Buffer = Buffer.alloc(0);
  #hasStarted = false;
  /** Texts by the name that they were prepared under. */
  readonly #prepared = new Map<string, string>();

  push(chunk: Buffer): RecordedStatement[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const statements: RecordedStatement[] = [];
    for (let message = this.#next(); message !== null; message = this.#next()) {
      const statement = this.#statementOf(message);
      if (statement !== null) statements.push(statement);
    }
    return statements;
  }

  #next(): Buffer | null {
    const lengthAt = this.#hasStarted ? 1 : 0;
    const header = this.#hasStarted ? HEADER_BYTES : STARTUP_HEADER_BYTES;
    if (this.#pending.length < header) return null;
    const end = lengthAt + this.#pending.readInt32BE(lengthAt);
    if (this.#pending.length < end) return null;
    const message = this.#pending.subarray(0, end);
    this.#pending = this.#pending.subarray(end);
    if (this.#hasStarted) return message;
    this.#hasStarted = true;
    return this.#next();
  }

  #statementOf(message: Buffer): RecordedStatement | null {
    const fields = new Fields(message.subarray(HEADER_BYTES));
    switch (String.fromCharCode(message[0] ?? 0)) {
      case 'Q':
        return { kind: 'simple', text: fields.text() };
      case 'P':
        this.#prepared.set(fields.text(), fields.text());
        return null;
      case 'B':
        return this.#execution(fields);
      default:
        return null;
    }
  }

  #execution(fields: Fields): RecordedStatement {
    fields.text(); // the portal
    const name = fields.text();
    const formats = Array.from({ length: fields.int16() }, () => fields.int16());
    if (formats.includes(1)) throw new TypeError('a parameter in binary form cannot be written into a script');
    const values = Array.from({ length: fields.int16() }, () => fields.value());
    const text = this.#prepared.get(name);
    if (text === undefined) throw new TypeError(`${JSON.stringify(name)} was prepared before the recording`);
    return { kind: 'prepared', text, values };
  }
}

/** Reads the fields of one message in order. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  value(): string | null {
    const length = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    if (length === -1) return null;
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }
}
