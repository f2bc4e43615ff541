import { describe, expect, test } from '@jest/globals';
import { FrontendMessages } from './frontend-messages.js';

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const message = (type: string, ...fields: Buffer[]): Buffer => {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
const value = (of: string): Buffer => Buffer.concat([int32(Buffer.byteLength(of)), Buffer.from(of)]);

const STARTUP = Buffer.concat([int32(17), int32(196_608), text('user=bench')]).subarray(0, 17);
const PARSE = message('P', text('q_1'), text('select $1::text, $2::text'), int16(0));
const BIND = (first: string) =>
  message('B', text(''), text('q_1'), int16(0), int16(2), value(first), int32(-1), int16(0));

describe('what a client sends', () => {
  test('simple and prepared statements come out, with the parameters of each execution', () => {
    const session = Buffer.concat([
      STARTUP,
      message('p', text('a password')),
      message('Q', text("begin read only; set local app.orgs = '{}'")),
      PARSE,
      BIND('ö'),
      message('E', text(''), int32(0)),
      message('S'),
      BIND('two'),
      message('Q', text('commit')),
    ]);
    const expected = [
      { kind: 'simple', text: "begin read only; set local app.orgs = '{}'" },
      { kind: 'prepared', text: 'select $1::text, $2::text', values: ['ö', null] },
      { kind: 'prepared', text: 'select $1::text, $2::text', values: ['two', null] },
      { kind: 'simple', text: 'commit' },
    ];
    expect(new FrontendMessages().push(session)).toEqual(expected);
    const reader = new FrontendMessages();
    expect([...session].flatMap((byte) => reader.push(Buffer.from([byte])))).toEqual(expected);
  });

  test('a statement that is not known, or in binary form, is refused', () => {
    expect(() => new FrontendMessages().push(Buffer.concat([STARTUP, BIND('x')]))).toThrow(TypeError);
    const binary = message('B', text(''), text('q_1'), int16(1), int16(1), int16(0), int16(0));
    expect(() => new FrontendMessages().push(Buffer.concat([STARTUP, PARSE, binary]))).toThrow(TypeError);
  });
});
