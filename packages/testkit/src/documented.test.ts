import { describe, expect, test } from '@jest/globals';
import { documentOfSurface, UndocumentedError, type Exchange } from './documented.js';

const check = documentOfSurface('asset');
const LIMIT = {
  start_time: '2026-01-15T10:00:00Z',
  end_time: '2026-01-15T11:00:00Z',
  max_import_from_grid: { amount: '1', unit: 'MW' },
  max_export_to_grid: { amount: '1', unit: 'MW' },
};
const page = (limits: readonly object[]) => ({
  status: 200,
  type: 'application/json',
  body: { limit: 50, offset: 0, limits },
});
const WINDOW = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z';
const read = (answer: Exchange['answer'], search = WINDOW): Exchange => ({
  method: 'get',
  url: `/asset-api/v1/sites/A/limits?${search}`,
  answer,
});
const written = (limits: readonly unknown[], status = 204): Exchange => ({
  method: 'put',
  url: '/asset-api/v1/sites/A/inverters/B/limits',
  requestBody: { limits },
  answer: {
    status,
    type: status === 204 ? '' : 'application/json',
    body: { detail: [{ loc: ['body'], msg: 'm', type: 't' }] },
  },
});

describe('an exchange with the asset API', () => {
  test.each<[string, Exchange]>([
    ['a page', read(page([LIMIT]))],
    ['a page with all that can be asked', read(page([]), `${WINDOW}&limit=5&offset=5&as_of=2026-01-15T00:00:00Z`)],
    ['a file', read({ status: 200, type: 'text/csv', body: {} })],
    ['a write', written([LIMIT])],
    ['a refusal, whatever was asked', written([{}], 422)],
  ])('is as documented: %s', (_what, exchange) => {
    expect(() => check(exchange)).not.toThrow();
  });

  test.each<[string, Exchange]>([
    ['an operation that is not there', { ...read(page([])), method: 'post' }],
    ['an address that is not there', { ...read(page([])), url: '/asset-api/v1/plants' }],
    ['a status that is not there', read({ ...page([]), status: 418 })],
    ['a media type that is not there', read({ ...page([]), type: 'text/html' })],
    ['a body where there is none', { ...written([LIMIT]), answer: { ...page([]), status: 204 } }],
    ['a member that is missing', read(page([{ ...LIMIT, end_time: undefined }]))],
    ['a number for a decimal', read(page([{ ...LIMIT, max_import_from_grid: { amount: 1, unit: 'MW' } }]))],
    ['an instant that is none', read(page([{ ...LIMIT, end_time: 'tomorrow' }]))],
    ['a parameter that is not there, and yet was taken', read(page([]), `${WINDOW}&colour=red`)],
    ['a value that is not allowed, and yet was taken', read(page([]), `${WINDOW}&limit=0`)],
    ['a body that is not allowed, and yet was taken', written([{ ...LIMIT, delivery_day: '2026-01-15' }])],
  ])('is not as documented: %s', (_what, exchange) => {
    expect(() => check(exchange)).toThrow(UndocumentedError);
  });
});
