import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentError } from 'commander';
import { assetCode, queuePrefix, shortText, slug, utcDay, uuid, wholeNumber, zone } from './values.js';

describe('values from the command line', () => {
  test.each([
    ['slug', slug, 'wind-hof1'],
    ['queue prefix', queuePrefix, 'wind-hof1'],
    ['asset code', assetCode, 'W_HOE-1'],
    ['zone', zone, 'Europe/Berlin'],
    ['day', utcDay, '2024-02-29'],
    ['text', shortText, 'Windhof, Scheune'],
    ['UUID', uuid, '01980d5e-7a60-7c3e-9d11-1f0a52f2b6d4'],
  ])('%s: what is right is taken as it is', (_name, read, text) => {
    expect(read(text)).toBe(text);
  });

  test.each([
    ['slug with capitals', slug, 'Windhof'],
    ['slug that would be an option', slug, '-x'],
    ['slug with something behind it', slug, 'windhof; drop'],
    ['queue prefix of one letter', queuePrefix, 'w'],
    ['queue prefix of two words of a routing key', queuePrefix, 'wind.hof'],
    ['queue prefix that matches every word', queuePrefix, '#'],
    ['asset code with a slash', assetCode, 'W/HOE#1'],
    ['asset code of 65 characters', assetCode, 'W'.repeat(65)],
    ['zone that is an abbreviation', zone, 'CET5'],
    ['zone in another spelling', zone, 'europe/berlin'],
    ['day that is not in the calendar', utcDay, '2025-02-29'],
    ['text with an escape sequence', shortText, 'a\x1b[2J'],
    ['empty text', shortText, ''],
    ['UUID with a letter too many', uuid, '01980d5e-7a60-7c3e-9d11-1f0a52f2b6d4a'],
  ])('%s is refused', (_name, read, text) => {
    expect(() => read(text)).toThrow(InvalidArgumentError);
  });

  test.each(['0', '11', '5.5', '-1', '1e1', '', ' 5'])('the number "%s" is not a whole one from 1 to 10', (text) => {
    expect(() => wholeNumber(1, 10)(text)).toThrow(InvalidArgumentError);
  });
});
