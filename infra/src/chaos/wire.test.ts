import { describe, expect, test } from '@jest/globals';
import { AckTrap, AmqpReader } from './amqp-wire.js';
import { CommitReplyTrap, FrontendReader } from './postgres-wire.js';

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt8(type, 0);
  header.writeUInt16BE(channel, 1);
  header.writeUInt32BE(payload.length, 3);
  return Buffer.concat([header, payload, Buffer.from([0xce])]);
}

function method(classId: number, methodId: number, more = 9): Buffer {
  const payload = Buffer.alloc(4 + more);
  payload.writeUInt16BE(classId, 0);
  payload.writeUInt16BE(methodId, 2);
  return frame(1, 3, payload);
}

const HEADER = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');
const ACK = method(60, 80);
const CONSUME = method(60, 20, 40);
const HEARTBEAT = frame(8, 0, Buffer.alloc(0));

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type, 'latin1'), length, body]);
}

const query = (text: string) => message('Q', Buffer.from(`${text}\0`));
const STARTUP = message('', Buffer.from('\0\x03\0\0user\0quarterhour\0\0', 'latin1'));
const bind = (statement: string, valueBytes: number) =>
  message('B', Buffer.concat([Buffer.from(`\0${statement}\0`), Buffer.alloc(valueBytes, 0x51)]));

/** The same bytes in pieces of every size: what is found does not depend on how the network cuts. */
const SLICES = [1, 2, 3, 5, 7, 64, 1_000_000];

function pieces(bytes: Buffer, size: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) found.push(bytes.subarray(at, at + size));
  return found;
}

describe('reading what a client of RabbitMQ sends', () => {
  test.each(SLICES)('finds its methods in pieces of %i bytes', (size) => {
    const reader = new AmqpReader();
    const bytes = Buffer.concat([HEADER, CONSUME, HEARTBEAT, ACK, ACK]);
    const found = pieces(bytes, size).flatMap((piece) => reader.read(piece));
    expect(found.map(({ classId, methodId }) => `${classId}.${methodId}`)).toEqual(['60.20', '60.80', '60.80']);
    expect(new Set(found.map(({ channel }) => channel))).toEqual(new Set([3]));
  });

  test('an armed trap cuts at the next ack, once', async () => {
    const trap = new AckTrap();
    const tap = trap.tap();
    expect(tap.toServer(Buffer.concat([HEADER, ACK]))).toBe('pass');
    const sprung = trap.spring(1_000);
    expect(tap.toServer(CONSUME)).toBe('pass');
    expect(tap.toServer(ACK)).toBe('cut');
    expect(await sprung).toBe(true);
    expect(tap.toServer(ACK)).toBe('pass');
  });

  test('a trap that nothing springs says so', async () => {
    expect(await new AckTrap().spring(10)).toBe(false);
  });
});

describe('reading what a client of Postgres sends', () => {
  test.each(SLICES)('finds the statements that it executes in pieces of %i bytes', (size) => {
    const reader = new FrontendReader();
    const bytes = Buffer.concat([STARTUP, query('rollback'), bind('q_1', 100_000), bind('', 0), bind('commit', 4)]);
    const found = pieces(bytes, size).flatMap((piece) => reader.read(piece));
    expect(found).toEqual([
      { type: '', statement: null },
      { type: 'Q', statement: null },
      { type: 'B', statement: 'q_1' },
      { type: 'B', statement: '' },
      { type: 'B', statement: 'commit' },
    ]);
  });

  test('a request for TLS is followed by another start', () => {
    const reader = new FrontendReader();
    const tls = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
    const last = reader.read(Buffer.concat([tls, STARTUP, bind('commit', 4)])).at(-1);
    expect(last).toEqual({ type: 'B', statement: 'commit' });
  });

  test('an armed trap swallows the answer to COMMIT and to nothing else', async () => {
    const trap = new CommitReplyTrap();
    const tap = trap.tap();
    let committed = 0;
    const sprung = trap.spring(1_000, () => (committed += 1));
    const answer = Buffer.from('anything');
    tap.toServer(Buffer.concat([STARTUP, bind('begin', 4)]));
    expect(tap.toClient(answer)).toBe('pass');
    expect(tap.toServer(Buffer.concat([bind('q_1', 40), bind('commit', 4)]))).toBe('pass');
    expect(tap.toClient(answer)).toBe('cut');
    expect(await sprung).toBe(true);
    expect(committed).toBe(1);
  });
});
