import { describe, expect, test } from '@jest/globals';
import { entityTagOf } from './entity-tag.js';
import { preconditionOf } from './precondition.js';

const ORG = '0190a000-0000-7000-8000-000000000001';
const tag = entityTagOf('getThing', [ORG], '{"a":1}');
const asked = (header: string | undefined) => () => preconditionOf(header, 'getThing', [ORG]).check('{"a":1}');

describe('If-Match', () => {
  test.each([
    ['left out', undefined],
    ['the tag of what is there', tag],
    ['one of several tags', `"other", ${tag}`],
    ['the tag of its compressed form', tag.replace(/"$/, '-gzip"')],
    ['whatever is there', '*'],
  ])('lets a change through: %s', (_what, header) => {
    expect(asked(header)).not.toThrow();
  });

  test.each([
    ['another tag', '"other"'],
    ['a weak tag of the same', `W/${tag}`],
    ['no tag', 'nonsense'],
    ['nothing', ''],
  ])('stops a change: %s', (_what, header) => {
    expect(asked(header)).toThrow(expect.objectContaining({ refusal: { kind: 'precondition-failed' } }));
  });

  test('names what one caller saw: another scope has another tag', () => {
    expect(() => preconditionOf(tag, 'getThing', [ORG, ORG]).check('{"a":1}')).toThrow('precondition-failed');
  });
});
