import { describe, expect, test } from '@jest/globals';
import { createLogger } from './logger.js';
import type { LogLevel } from './logger.js';

function aLogger(level: LogLevel = 'info') {
  const lines: string[] = [];
  const log = createLogger({ name: 'test', level, destination: { write: (line) => lines.push(line) } });
  return { log, lines, parsed: () => lines.map((line): unknown => JSON.parse(line)) };
}

describe('a log line', () => {
  test('is one line of JSON with name, level, time, fields and message', () => {
    const { log, lines, parsed } = aLogger();
    log.info({ stream: 'dispatch', count: 3 }, 'batch stored');
    expect(lines).toHaveLength(1);
    expect(parsed()[0]).toMatchObject({
      name: 'test',
      level: 'info',
      stream: 'dispatch',
      count: 3,
      msg: 'batch stored',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  test('is not written below the level', () => {
    const { log, lines } = aLogger('warn');
    log.info({}, 'quiet');
    log.error({}, 'loud');
    expect(lines).toHaveLength(1);
  });

  test('carries the fields of the child that wrote it, secrets among them redacted', () => {
    const { log, parsed } = aLogger();
    log.child({ stream: 'dispatch', token: 'abc' }).child({ worker: 'w1' }).warn({ n: 1 }, 'slow');
    expect(parsed()[0]).toMatchObject({ stream: 'dispatch', token: '[redacted]', worker: 'w1', n: 1 });
  });
});

describe('what a line never shows', () => {
  test.each([
    'password',
    'db_password',
    'PASSWD',
    'clientSecret',
    'access_token',
    'Authorization',
    'x-api-key',
    'signingKey',
    'cookie',
  ])('the value of a field named %s, however deep', (name) => {
    const { log, lines } = aLogger();
    log.info({ outer: [{ inner: { [name]: 'hunter2-hunter2' } }] }, 'event');
    expect(lines[0]).not.toContain('hunter2');
  });

  test.each([
    ['a URL', 'cannot reach amqp://worker:hunter2@broker:5672/quarterhour'],
    ['a URL whose password holds an at sign', 'postgres://u:a@hunter2@host/db'],
    ['a bearer token', 'refused: Bearer hunter2hunter2hunter2'],
    ['an API key', 'refused: vcp_live_hunter2hunter2hunter2'],
    ['a JSON web token', 'got eyJhbGciOiJIUzI1NiJ9.hunter2hunter2.c2lnbmF0dXJl'],
  ])('credentials inside %s, in a field, a message or an error', (_where, text) => {
    const { log, lines } = aLogger();
    log.error({ text, err: new Error(text, { cause: new Error(text) }) }, text);
    expect(lines[0]).not.toContain('hunter2');
  });

  test('a counter of tokens is no secret', () => {
    const { log, parsed } = aLogger();
    log.info({ tokens: 4, signatureValid: true }, 'event');
    expect(parsed()[0]).toMatchObject({ tokens: 4, signatureValid: true });
  });
});

describe('what a line bounds', () => {
  test('long strings are cut, and say by how much', () => {
    const { log, parsed } = aLogger();
    log.info({ body: 'x'.repeat(3000) }, 'event');
    expect(parsed()[0]).toMatchObject({ body: `${'x'.repeat(2048)}… (952 more)` });
  });

  test('a value cut short does not let a secret through at the cut', () => {
    const { log, lines } = aLogger();
    log.info({ text: `${'x'.repeat(2030)} amqp://u:hunter2@host` }, 'event');
    expect(lines[0]).not.toContain('hunter2');
  });

  test('control characters neither break the line nor steer a terminal', () => {
    const { log, lines, parsed } = aLogger();
    log.info({ text: 'a\r\n\u001b[31mred\u009b2J\u202e' }, 'first\nsecond');
    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(parsed()[0]).toMatchObject({ msg: 'first\nsecond' });
  });

  test('bytes, deep and circular values are described, not copied', () => {
    const { log, parsed } = aLogger();
    const circular: Record<string, unknown> = { body: Buffer.from('abc'), big: 12n };
    circular['self'] = circular;
    log.info({ circular }, 'event');
    expect(parsed()[0]).toMatchObject({ circular: { body: '[3 bytes]', big: '12' } });
    expect(JSON.stringify(parsed()[0])).toContain('[deeper]');
  });
});

describe('an error in a line', () => {
  test('brings its whole chain of causes and its telling fields', () => {
    const { log, parsed } = aLogger();
    const root = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED', detail: 'row data' });
    log.error({ err: new Error('no broker', { cause: new TypeError('dial failed', { cause: root }) }) }, 'gave up');
    expect(parsed()[0]).toMatchObject({
      err: {
        type: 'Error',
        message: 'no broker',
        stack: expect.stringContaining('logger.test'),
        cause: { type: 'TypeError', cause: { message: 'connection refused', code: 'ECONNREFUSED' } },
      },
    });
    expect(JSON.stringify(parsed()[0])).not.toContain('row data');
  });

  test('may have itself as its cause', () => {
    const { log, lines } = aLogger();
    const error = new Error('loop');
    error.cause = error;
    log.error({ err: error }, 'event');
    expect(lines).toHaveLength(1);
  });

  test('brings the errors it aggregates', () => {
    const { log, parsed } = aLogger();
    log.error({ err: new AggregateError([new Error('one'), new Error('two')], 'both') }, 'event');
    expect(parsed()[0]).toMatchObject({ err: { errors: [{ message: 'one' }, { message: 'two' }] } });
  });
});
