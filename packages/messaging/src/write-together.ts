import { Duplex } from 'node:stream';
import type { ChannelModel } from 'amqplib';

/** The part of the library's connection that hands its channels' frames to the socket. It is not among what the library promises. */
interface Multiplexer {
  readonly out: Duplex;
  _readIncoming: () => void;
}

/**
 * Makes a new connection write once for all that its channels have to send in a turn of the event loop.
 *
 * The library writes every message by itself: for each a system call, a packet, and a broker that wakes up, passes it on and
 * goes to sleep again. Those who send many at a time pay for it, and the broker more than they.
 *
 * @returns false when the library is built otherwise than known, and nothing was changed
 */
export function writeTogether({ connection }: ChannelModel): boolean {
  const multiplexer = multiplexerOf(connection);
  if (multiplexer === null) return false;
  const { out } = multiplexer;
  const writeAll = multiplexer._readIncoming.bind(multiplexer);
  multiplexer._readIncoming = () => {
    out.cork();
    try {
      writeAll();
    } finally {
      out.uncork();
    }
  };
  return true;
}

function multiplexerOf(connection: object): Multiplexer | null {
  if (!('muxer' in connection)) return null;
  const { muxer } = connection;
  return isMultiplexer(muxer) ? muxer : null;
}

function isMultiplexer(muxer: unknown): muxer is Multiplexer {
  return (
    typeof muxer === 'object' &&
    muxer !== null &&
    '_readIncoming' in muxer &&
    typeof muxer._readIncoming === 'function' &&
    'out' in muxer &&
    muxer.out instanceof Duplex
  );
}
