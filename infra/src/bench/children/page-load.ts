import { connect } from 'node:net';
import { systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { ResponseReader, type Framed } from '../http-frames.js';
import { instructions, report } from './talk.js';

const STALLED_MS = 10_000;

/*
 * Asks for one page again and again for some seconds, on some connections that each wait for their answer. Only of a server
 * on this machine. Every answer must be a 200 of the same size: what is fast because it is wrong is not measured.
 */
const { port, target, token, connections, seconds } = await instructions(
  z.object({
    port: z.int(),
    target: z.string(),
    token: z.string(),
    connections: z.int().max(64),
    seconds: z.number().max(60),
  }),
);
const request = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
const began = systemClock.monotonicMillis();
const until = began + seconds * 1_000;
let requests = 0;
let bodyBytes: number | null = null;
let last = began;

await Promise.all(Array.from({ length: connections }, keepAsking));
report({ requests, seconds: (last - began) / 1_000, bodyBytes });

/** One connection after the other: the server ends each after a number of answers. */
async function keepAsking(): Promise<void> {
  while (systemClock.monotonicMillis() < until) await askOnOneConnection();
}

function askOnOneConnection(): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new ResponseReader();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(STALLED_MS, () => fail(new Error('no answer within 10 s')));
    socket.on('error', fail);
    socket.on('close', () => resolve());
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      try {
        for (const answer of reader.push(chunk)) {
          count(answer);
          if (answer.isLast || systemClock.monotonicMillis() >= until) socket.destroy();
          else socket.write(request);
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error('the answer could not be read', { cause: error }));
      }
    });
  });
}

function count({ status, body }: Framed): void {
  bodyBytes ??= body.length;
  if (status !== 200 || body.length !== bodyBytes) {
    throw new Error(`answer ${requests + 1} is a ${status} of ${body.length} bytes: ${body.toString('utf8', 0, 300)}`);
  }
  requests += 1;
  last = systemClock.monotonicMillis();
}
