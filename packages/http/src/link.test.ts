import { describe, expect, test } from '@jest/globals';
import { nextPageLink, numberedPageLink } from './link.js';

describe('the link to the next page', () => {
  test.each([
    ['/a/v1/things', '</a/v1/things?cursor=C>; rel="next"'],
    ['/a/v1/things?limit=5&ids=A%2CB', '</a/v1/things?limit=5&ids=A%2CB&cursor=C>; rel="next"'],
    ['/a/v1/things?offset=10&limit=5', '</a/v1/things?limit=5&cursor=C>; rel="next"'],
    ['/a/v1/things?%6fffset=10&curso%72=B&limit=5', '</a/v1/things?limit=5&cursor=C>; rel="next"'],
    ['/a/v1/things?ids=a?b&limit=5', '</a/v1/things?ids=a?b&limit=5&cursor=C>; rel="next"'],
    ['/a/v1/things?ids=a>;rel="x",<b', '</a/v1/things?ids=a%3E;rel=%22x%22,%3Cb&cursor=C>; rel="next"'],
    ['/a/v1/things?cursor=B&limit=5', '</a/v1/things?limit=5&cursor=C>; rel="next"'],
  ])('of %s keeps everything but the position', (url, link) => {
    expect(nextPageLink(url, 'C')).toBe(link);
  });

  test.each([
    ['/a/v1/things', '</a/v1/things?page=2>; rel="next"'],
    ['/a/v1/things?page=1&limit=5', '</a/v1/things?limit=5&page=2>; rel="next"'],
  ])('of %s, where pages have numbers, names the next one', (url, link) => {
    expect(numberedPageLink(url, 2)).toBe(link);
  });
});
