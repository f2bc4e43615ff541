import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { DOCUMENTS_FOLDER } from '../src/openapi/documents.js';
import { factsOf, type Facts } from '../src/openapi/facts.js';

/**
 * What our document of the trading API says, compared with what the public contract says, fact by fact. The contract's facts
 * are kept in `trading-contract.json`; every difference is in one of these tables, with its reason.
 */
const ADDED: readonly { readonly at: RegExp; readonly because: string }[] = [
  {
    at: / header x-org-id$/,
    because: 'the contract asks for it in words; one of several organisations is picked by it',
  },
  { at: /^GET .* (header if-none-match|304)$/, because: 'what names one thing can be asked for again by its tag' },
  { at: / 406$/, because: 'no form of the answer may suit the Accept header' },
  { at: /^POST .* (413|415)$/, because: 'bodies are bounded, and JSON' },
  {
    at: /^(GET|POST) \/(config|config\/disable|connection-details) 400$/,
    because: 'a parameter that is not known is refused',
  },
  { at: /\/(telemetry|meters) query (limit|cursor)$/, because: 'a measurement list can be taken home in parts' },
  {
    at: /\/(telemetry|meters|telemetry\/latest) query as_of$/,
    because: 'what was known at an instant can be asked for',
  },
  { at: /^error\.details\.(requestId|issues|issues\[\])$/, because: 'details are free, and this is what ours hold' },
];

const PREFIX = 'pattern "^[a-z0-9][a-z0-9-]{0,48}[a-z0-9]$"';
const CHANGED: readonly { readonly at: RegExp; readonly ours: string; readonly because: string }[] = [
  {
    at: /^(GET|POST) \/(config|config\/enable|config\/disable|connection-details) 200\.queuePrefix$/,
    ours: `string, ${PREFIX}, required`,
    because: 'the pattern holds the lengths',
  },
  { at: /^POST \/config body\.queuePrefix$/, ours: `string, ${PREFIX}`, because: 'the pattern holds the lengths' },
  {
    at: /^POST \/config body\.esmApiUrl$/,
    ours: 'string, format "uri", minLength 1, maxLength 2000',
    because: 'what is kept is bounded',
  },
  {
    at: /^POST \/config body\.esmClientId$/,
    ours: 'string, minLength 1, maxLength 500',
    because: 'what is kept is bounded',
  },
  {
    at: /^POST \/config body\.esmClientSecret$/,
    ours: 'string, minLength 1, maxLength 2000',
    because: 'what is kept is bounded',
  },
  {
    at: /\/(command|config)-log query page$/,
    ours: 'integer, minimum 1, maximum 100000, default 1',
    because: 'nobody reads further, and a page costs what lies before it',
  },
  {
    at: /command-log 200\.data\[\]\.ackStatus$/,
    ours: 'null or string, enum ["ACK","NACK",null], required',
    because: 'we know what we answer',
  },
  {
    at: /command-log 200\.data\[\]\.commandType$/,
    ours: 'string, enum ["SITE_SETPOINT","DEVICE_COMMAND","EMERGENCY","MODE_CHANGE"], required',
    because: 'what is asked for by these is also answered in these',
  },
  {
    at: /meters 200\[\]\.interval$/,
    ours: 'string, pattern "^PT\\\\d{1,2}M$", required',
    because: 'the form is ours to choose: an ISO 8601 duration',
  },
  { at: /\.fve_reg$/, ours: 'null, required', because: 'no source reports it' },
  { at: /^error\.(error|message)$/, ours: 'string, minLength 1, required', because: 'never empty' },
];

const FACTS = path.join(import.meta.dirname, 'trading-contract.json');
const facts = z.record(z.string(), z.string());
const ERROR_CODE = 'error.code';

let contract: Facts;
let ours: Facts;
beforeAll(async () => {
  contract = facts.parse(JSON.parse(await readFile(FACTS, 'utf8')));
  ours = factsOf(JSON.parse(await readFile(path.join(DOCUMENTS_FOLDER, 'trading.json'), 'utf8')), {
    errors: { error: 'Error' },
  });
});

const added = (): string[] => Object.keys(ours).filter((place) => contract[place] === undefined);
const changed = (): string[] =>
  Object.keys(contract).filter((place) => place !== ERROR_CODE && ours[place] !== contract[place]);

describe('the document of the trading API', () => {
  test('has all 14 operations of the contract, and no other', () => {
    const operations = (from: Facts): string[] => Object.keys(from).filter((place) => from[place] === 'operation');
    expect(operations(contract)).toHaveLength(14);
    expect(operations(ours)).toEqual(operations(contract));
  });

  test('leaves out nothing that the contract says', () => {
    expect(Object.keys(contract).filter((place) => ours[place] === undefined)).toEqual([]);
  });

  test('adds only what there is a reason for', () => {
    expect(added().filter((place) => !ADDED.some(({ at }) => at.test(place)))).toEqual([]);
  });

  test('changes only what there is a reason for', () => {
    const unexplained = changed().filter(
      (place) => !CHANGED.some((change) => change.at.test(place) && change.ours === ours[place]),
    );
    expect(unexplained.map((place) => [place, contract[place], ours[place]])).toEqual([]);
  });

  test('knows every code of the contract', () => {
    const codes = (from: Facts): string[] => from[ERROR_CODE]?.match(/[A-Z_]{3,}/g) ?? [];
    expect(codes(contract)).toHaveLength(9);
    expect(codes(contract).filter((code) => !codes(ours).includes(code))).toEqual([]);
  });
});

describe('the reasons', () => {
  test.each(ADDED)('$at is still true', ({ at }) => {
    expect(added().some((place) => at.test(place))).toBe(true);
  });

  test.each(CHANGED)('$at is still true', ({ at, ours: text }) => {
    expect(changed().some((place) => at.test(place) && ours[place] === text)).toBe(true);
  });
});
