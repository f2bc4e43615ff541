import { describe, expect, test } from '@jest/globals';
import { FramingError, ResponseReader } from './http-frames.js';

const answer = (body: string, head = ''): Buffer =>
  Buffer.from(`HTTP/1.1 200 OK\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

describe('reading answers', () => {
  test('several in one chunk come out in order', () => {
    const read = new ResponseReader().push(Buffer.concat([answer('one'), answer(''), answer('drei')]));
    expect(read.map(({ status, body }) => [status, body.toString()])).toEqual([
      [200, 'one'],
      [200, ''],
      [200, 'drei'],
    ]);
  });

  test('one may come byte by byte', () => {
    const reader = new ResponseReader();
    const bytes = answer('{"ö":1}', 'Connection: close\r\n');
    const read = [...bytes].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(read).toHaveLength(1);
    expect(read[0]).toMatchObject({ status: 200, isLast: true });
    expect(read[0]?.body.toString()).toBe('{"ö":1}');
  });

  test('the head of the next one may come with the end of the last', () => {
    const reader = new ResponseReader();
    const both = Buffer.concat([answer('first'), answer('second')]);
    const cut = answer('first').length + 5;
    expect(reader.push(both.subarray(0, cut))).toHaveLength(1);
    expect(reader.push(both.subarray(cut)).map(({ body }) => body.toString())).toEqual(['second']);
  });

  test('a connection that stays says nothing', () => {
    expect(new ResponseReader().push(answer('x', 'Connection: keep-alive\r\n'))[0]?.isLast).toBe(false);
  });

  test.each([
    ['chunks instead of a length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a head without an end', 'x'.repeat(70_000)],
  ])('%s is refused', (_case, text) => {
    expect(() => new ResponseReader().push(Buffer.from(text))).toThrow(FramingError);
  });
});
