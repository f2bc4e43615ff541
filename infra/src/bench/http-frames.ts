/** An answer as it came over the wire. */
export interface Framed {
  readonly status: number;
  readonly body: Buffer;
  /** The server closes the connection after it. */
  readonly isLast: boolean;
}

/** The bytes are not an answer that this reader knows. */
export class FramingError extends Error {
  override readonly name = 'FramingError';
}

const HEAD_END = '\r\n\r\n';
const MAX_HEAD_BYTES = 65_536;

interface Head {
  readonly status: number;
  readonly bodyBytes: number;
  readonly isLast: boolean;
}

/**
 * Cuts the bytes of one connection into answers. It knows answers that say their length, which is what pages do, and
 * nothing else of HTTP: a load generator shares the processor with what it measures.
 */
export class ResponseReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #head: Head | null = null;

  /** @throws FramingError */
  push(chunk: Buffer): Framed[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const complete: Framed[] = [];
    for (let next = this.#next(); next !== null; next = this.#next()) complete.push(next);
    return complete;
  }

  #next(): Framed | null {
    this.#head ??= this.#takeHead();
    if (this.#head === null || this.#bytes < this.#head.bodyBytes) return null;
    const { status, bodyBytes, isLast } = this.#head;
    this.#head = null;
    return { status, isLast, body: this.#take(bodyBytes) };
  }

  #takeHead(): Head | null {
    if (this.#bytes === 0) return null;
    const end = this.#joined().indexOf(HEAD_END);
    if (end === -1) {
      if (this.#bytes > MAX_HEAD_BYTES) throw new FramingError('a head without an end');
      return null;
    }
    return headOf(this.#take(end + HEAD_END.length).toString('latin1'));
  }

  #take(bytes: number): Buffer {
    const all = this.#joined();
    this.#chunks = [all.subarray(bytes)];
    this.#bytes -= bytes;
    return all.subarray(0, bytes);
  }

  #joined(): Buffer {
    const all =
      this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

function headOf(text: string): Head {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  const length = /\r\ncontent-length: *(\d+) *\r\n/i.exec(text)?.[1];
  if (status === undefined) throw new FramingError('not an answer of HTTP/1.1');
  if (length === undefined) throw new FramingError('an answer that does not say its length');
  return {
    status: Number(status),
    bodyBytes: Number(length),
    isLast: /\r\nconnection: *close *\r\n/i.test(text),
  };
}
