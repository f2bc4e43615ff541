import { describe, expect, test } from '@jest/globals';
import { numberedPageQuery } from '@quarterhour/contracts';
import { numberedPageReply, offsetOf } from './numbered-page.js';
import { InvalidRequestError } from './refusal.js';

const TOTAL = 250_000;
const URL = '/api/v1/trading/plants/p/command-log?limit=';

/** Numbers of the pages that somebody sees who follows the links from a page on. */
function followed(limit: number, from: number): number[] {
  const seen: number[] = [];
  for (let page: number | undefined = from; page !== undefined;) {
    seen.push(page);
    const asked = numberedPageQuery.parse({ page: String(page), limit: String(limit) });
    expect(offsetOf(asked)).toBe((page - 1) * limit);
    const { headers } = numberedPageReply(asked, { json: '[]', total: TOTAL }, `${URL}${limit}`);
    const next: string | undefined = /page=(\d+)>/.exec(headers['link'] ?? '')?.[1];
    page = next === undefined ? undefined : Number(next);
  }
  return seen;
}

describe('pages by their numbers', () => {
  test.each([
    [20, 4_998],
    [100, 998],
    [1, 99_998],
    [7, 14_283],
  ])(
    'of %i rows can be asked for as far as links lead, and links lead to the hundred-thousandth row',
    (limit, from) => {
      const last = followed(limit, from).at(-1) ?? 0;
      expect(last).toBe(Math.floor(100_000 / limit));
      expect(() => offsetOf({ page: last + 1, limit })).toThrow(InvalidRequestError);
    },
  );

  test('end with the list', () => {
    const { headers } = numberedPageReply({ page: 3, limit: 20 }, { json: '[]', total: 60 }, `${URL}20`);
    expect(headers).toEqual({});
  });
});
