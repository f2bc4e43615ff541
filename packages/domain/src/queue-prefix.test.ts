import { expect, test } from '@jest/globals';
import { defaultQueuePrefix } from './queue-prefix.js';

test.each([
  ['acme', 'acme'],
  ['wind-park-7', 'wind-park-7'],
  ['a', 'a0'],
  ['a-', 'a0'],
  ['acme--', 'acme'],
  ['a'.repeat(63), 'a'.repeat(50)],
  [`${'a'.repeat(49)}-bcd`, 'a'.repeat(49)],
])('of %s is %s', (slug, prefix) => {
  expect(defaultQueuePrefix(slug)).toBe(prefix);
  expect(prefix).toMatch(/^[a-z0-9][a-z0-9-]{0,48}[a-z0-9]$/);
});
