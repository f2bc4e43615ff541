import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { DOCUMENTS_FOLDER } from '../src/openapi/documents.js';
import { compareFacts, factsOf, type Differences, type Facts } from '../src/openapi/facts.js';

/**
 * What our document of the asset API says, compared with what its contract says, fact by fact. The contract's facts are kept in
 * `asset-contract.json`, made by `npm run openapi:compare -- asset <contract> --keep <file>`; every difference is in one of these
 * tables, with its reason.
 */
const ADDED: readonly { readonly at: RegExp; readonly because: string }[] = [
  { at: / header x-org-id$/, because: 'a token may have several organisations; one of them is picked by it' },
  { at: /^GET .* (header if-none-match|304)$/, because: 'what names one thing can be asked for again by its tag' },
  {
    at: /^(POST|PATCH|DELETE) \/(assets|sites)\/\{\w+\}(\/actions\/[a-z-]+)? (header if-match|412)$/,
    because: 'who changes one thing may say what it looked like when it was read',
  },
  { at: /^POST .* header idempotency-key$/, because: 'what was not answered can be sent again, and is done once' },
  { at: /^GET .* query cursor$/, because: 'a list can be followed beyond 100,000 rows, and while it grows' },
  { at: /^GET .* query as_of$/, because: 'what is agreed can be asked for as it was known at an instant' },
  { at: /^GET .* query order$/, because: 'lists by time can be read from their end' },
  { at: / 406$/, because: 'no form of the answer may suit the Accept header' },
  { at: /^(POST|PUT|PATCH) .* (413|415)$/, because: 'bodies are bounded, and JSON' },
  { at: / (429|503)$/, because: 'nobody takes more than a share, and what is out of reach is told as such' },
];

const CHANGED: readonly { readonly at: RegExp; readonly ours: RegExp; readonly because: string }[] = [
  {
    at: / 20[01]\..*(amount|_efficiency|ramp_rate|import_from_grid_fee)$/,
    ours: /^(null or )?string, pattern "[^"]+", required$/,
    because: 'the same texts, in other letters',
  },
  {
    at: /^GET \S+ 200\.[a-z_]+$/,
    ours: /^array, maxItems 1000, required$/,
    because: 'a page has no more rows than its limit can be',
  },
  {
    at: /^GET \S+ query limit$/,
    ours: /^integer, minimum 1$/,
    because:
      'the same parameter bounds an export, which has as many rows as there are; of JSON it is 1 to 1000, default 50',
  },
  {
    at: / query asset_ids$/,
    ours: /^array, minItems 1, maxItems 500, required$/,
    because: 'at most 500 are taken, as the contract says in words',
  },
  {
    at: / query (sources|markets|status)$/,
    ours: /^array, minItems 1, maxItems \d+$/,
    because: 'no list of a query is without an end',
  },
  {
    at: / body(\.\w+)?\.asset_ids$| body\.asset_ids$/,
    ours: /^array( or null)?, minItems 1, maxItems 500, uniqueItems true(, required)?$/,
    because: 'what is kept is bounded',
  },
  {
    at: /^PUT \/specs body\.ramp_type$/,
    ours: /^null or string, minLength 1, maxLength 200$/,
    because: 'what is kept is bounded, and null is the one way to say nothing',
  },
  {
    at: / body\.(charge|discharge)_efficiency$/,
    ours: /^(null or )?number or string(, required)?$/,
    because: 'the bounds hold for numbers and for texts alike, so they stand in words; outside of them is 422',
  },
  {
    at: /^PATCH \/(assets|sites)\/\{\w+\} body\.(type|provider|dispatch_mode_name)$/,
    ours: /^null or string, enum \[.*,null\]$/,
    because: 'null is one of the values that are taken: the contract has it beside the enumeration',
  },
  {
    at: /^GET \/state-snapshots 200\.state_snapshots\[\]\.\w+$/,
    ours: /, required$/,
    because: 'the contract composes the row of two schemas, and ours is one',
  },
  {
    at: /^GET \/dispatches 200\.dispatches\[\]\.source$/,
    ours: /^string, minLength 1, required$/,
    because: 'a dispatch without a source is not stored',
  },
  {
    at: /^(invalid\.detail\[\]\.(loc|msg|type)|problem\.detail)$/,
    ours: /^(array, minItems 1|string, minLength 1), required$/,
    because: 'never empty',
  },
];

const FACTS = path.join(import.meta.dirname, 'asset-contract.json');

let contract: Facts;
let ours: Facts;
let differences: Differences;
beforeAll(async () => {
  contract = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(FACTS, 'utf8')));
  const document: unknown = JSON.parse(await readFile(path.join(DOCUMENTS_FOLDER, 'asset.json'), 'utf8'));
  ours = factsOf(document, { errors: { invalid: 'HTTPValidationError', problem: 'Problem' } });
  differences = compareFacts(ours, contract);
});

describe('the document of the asset API', () => {
  test('has all 36 operations of the contract, and no other', () => {
    const operations = (from: Facts): string[] => Object.keys(from).filter((place) => from[place] === 'operation');
    expect(operations(contract)).toHaveLength(36);
    expect(operations(ours)).toEqual(operations(contract));
  });

  test('leaves out nothing that the contract says', () => {
    expect(differences.missing).toEqual([]);
  });

  test('adds only what there is a reason for', () => {
    expect(differences.added.filter((place) => !ADDED.some(({ at }) => at.test(place)))).toEqual([]);
  });

  test('changes only what there is a reason for', () => {
    const unexplained = differences.changed.filter(
      (place) => !CHANGED.some(({ at, ours: said }) => at.test(place) && said.test(ours[place] ?? '')),
    );
    expect(unexplained.map((place) => [place, contract[place], ours[place]])).toEqual([]);
  });
});

describe('the reasons', () => {
  test.each(ADDED)('$at is still true', ({ at }) => {
    expect(differences.added.some((place) => at.test(place))).toBe(true);
  });

  test.each(CHANGED)('$at is still true', ({ at, ours: said }) => {
    expect(differences.changed.some((place) => at.test(place) && said.test(ours[place] ?? ''))).toBe(true);
  });
});
