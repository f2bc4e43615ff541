import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { createLogger } from './logger.js';
import { Secret } from './secret.js';

test('a secret is given away by reveal, and by nothing that prints', () => {
  const secret = new Secret('hunter2');
  const lines: string[] = [];
  createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } }).info(
    { found: secret, list: [secret], err: new Error('no', { cause: { secret } }) },
    'event',
  );
  const shown = [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ deep: [secret] }), ...lines];
  for (const text of shown) {
    expect(text).toContain('[secret]');
    expect(text).not.toContain('hunter2');
  }
  expect(secret.reveal()).toBe('hunter2');
});
