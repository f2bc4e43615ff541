import { describe, expect, test } from '@jest/globals';
import { countFailedDeliveries } from './delivery.js';

describe('how often a message was delivered in vain', () => {
  test.each([
    ['a queue that counts every return in the first header', { 'x-delivery-count': 3 }, 3],
    ['a queue that counts what surely failed and every return', { 'x-delivery-count': 1, 'x-acquired-count': 4 }, 4],
    ['a queue that counts every return in the second header only', { 'x-acquired-count': 2 }, 2],
    ['a queue that counts nothing', {}, 0],
    ['counts that are none', { 'x-delivery-count': '7', 'x-acquired-count': -1 }, 0],
  ])('is read from %s', (_what, headers, count) => {
    expect(countFailedDeliveries({ redelivered: true }, headers)).toBe(count);
  });

  test('is nought the first time, whatever its publisher wrote', () => {
    expect(countFailedDeliveries({ redelivered: false }, { 'x-delivery-count': 9, 'x-acquired-count': 9 })).toBe(0);
  });
});
