import type { ChannelModel } from 'amqplib';

/** The part of the library's connection that reads frames. It is not among what the library promises. */
interface FrameReader {
  /** What has arrived and is not read yet. */
  rest: Buffer;
  recvFrame: () => unknown;
}

const FRAME_TYPE_HEADER = 2;
/** Type, channel, size. */
const FRAME_START_BYTES = 7;
/** Class, weight, size of the body. */
const BEFORE_FLAGS_BYTES = 12;
const FLAGS_BYTES = 2;
const HAS_CONTENT_TYPE = 0x8000;
const HAS_CONTENT_ENCODING = 0x4000;
const HAS_HEADERS = 0x2000;
const LENGTH_BYTES = 4;

/** A level takes at least five bytes, and the library reads thousands of levels: a smaller table is never too deep. */
const CERTAINLY_SHALLOW_BYTES = 8_192;
/** Far more than anybody needs, and far fewer levels than exhaust a stack. */
const MOST_LEVELS = 64;

/**
 * Makes a new connection survive messages whose headers are nested too deeply.
 *
 * The library reads tables within tables by recursion. About 4,700 levels, which fit into one frame, exhaust the stack,
 * and the whole connection is lost with everything that was unsettled on it; the message comes again, and so on. Headers
 * are hints here, so those that are too deep are taken for none.
 *
 * @returns false when the library is built otherwise than known, and nothing was changed
 */
export function bearDeepHeaders({ connection }: ChannelModel): boolean {
  if (!readsFrames(connection)) return false;
  const readNext = connection.recvFrame.bind(connection);
  connection.recvFrame = () => {
    connection.rest = withBearableHeaders(connection.rest);
    return readNext();
  };
  return true;
}

function readsFrames(connection: object): connection is FrameReader {
  return (
    'rest' in connection &&
    Buffer.isBuffer(connection.rest) &&
    'recvFrame' in connection &&
    typeof connection.recvFrame === 'function'
  );
}

/** Looks at the next frame. One that is not complete yet comes again with more bytes. */
function withBearableHeaders(bytes: Buffer): Buffer {
  if (bytes.length < FRAME_START_BYTES || bytes[0] !== FRAME_TYPE_HEADER) return bytes;
  const size = bytes.readUInt32BE(3);
  const end = FRAME_START_BYTES + size;
  if (size <= CERTAINLY_SHALLOW_BYTES || bytes.length <= end) return bytes;
  const payload = bytes.subarray(FRAME_START_BYTES, end);
  const table = headersIn(payload);
  if (table === null || !isDeeper(payload.subarray(table.from, table.to))) return bytes;
  const start = Buffer.from(bytes.subarray(0, FRAME_START_BYTES));
  start.writeUInt32BE(size - (table.to - table.from), 3);
  const before = Buffer.from(payload.subarray(0, table.from));
  before.writeUInt32BE(0, table.from - LENGTH_BYTES);
  return Buffer.concat([start, before, payload.subarray(table.to), bytes.subarray(end)]);
}

/** Where the headers' bytes are; null when there are none, or the frame is not as it should be. */
function headersIn(payload: Buffer): { from: number; to: number } | null {
  const flags = payload.readUInt16BE(BEFORE_FLAGS_BYTES);
  if ((flags & HAS_HEADERS) === 0) return null;
  let at = BEFORE_FLAGS_BYTES + FLAGS_BYTES;
  for (const property of [HAS_CONTENT_TYPE, HAS_CONTENT_ENCODING]) {
    if ((flags & property) !== 0) at += 1 + payload.readUInt8(at);
  }
  const from = at + LENGTH_BYTES;
  const to = from + payload.readUInt32BE(at);
  return to <= payload.length ? { from, to } : null;
}

/** Bytes of values whose size follows from their type. */
const FIXED_BYTES: Readonly<Record<string, number>> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  f: 4,
  D: 5,
  l: 8,
  L: 8,
  d: 8,
  T: 8,
  V: 0,
};

/** Whether a table has more levels than {@link MOST_LEVELS}. What cannot be understood is left to the library. */
function isDeeper(table: Buffer): boolean {
  const open: { end: number; hasNames: boolean }[] = [{ end: table.length, hasNames: true }];
  let at = 0;
  for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
    if (at >= inner.end) {
      open.pop();
      continue;
    }
    if (inner.hasNames) at += 1 + (table[at] ?? 0);
    if (at >= table.length) return false;
    const type = String.fromCharCode(table.readUInt8(at));
    at += 1;
    const fixed = FIXED_BYTES[type];
    if (fixed !== undefined) {
      at += fixed;
      continue;
    }
    if (at + LENGTH_BYTES > table.length) return false;
    const length = table.readUInt32BE(at);
    at += LENGTH_BYTES;
    if (type === 'F' || type === 'A') {
      if (open.length > MOST_LEVELS) return true;
      open.push({ end: at + length, hasNames: type === 'F' });
    } else if (type === 'S' || type === 'x') {
      at += length;
    } else {
      return false;
    }
  }
  return false;
}
