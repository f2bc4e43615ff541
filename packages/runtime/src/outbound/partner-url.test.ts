import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judgePartnerUrl, type PartnerUrlRules } from './partner-url.js';

const RULES: PartnerUrlRules = {
  allowsHttp: false,
  ownHosts: ['quarterhour.example', '198.41.0.4', '2001:503:ba3e::2:30'],
  testOrigins: [],
};
/** As lenient as an operator can be without naming an origin. */
const LENIENT: PartnerUrlRules = { ...RULES, allowsHttp: true };

const isAllowed = (text: string, rules = RULES): boolean => judgePartnerUrl(text, rules).isAllowed;

describe('a URL of the public internet is kept as it was sent', () => {
  test.each([
    'https://esm.partner.example',
    'https://esm.partner.example/',
    'https://esm.partner.example/api/v1/voke-esm',
    'https://esm.partner.example/api/v1/voke-esm/',
    'https://a-b.co.uk/~partner/v1,2;x=(1)',
    'https://8.8.8.8/esm',
    'https://[2606:4700:4700::1111]/esm',
    'https://notquarterhour.example',
    'https://xn--bcher-kva.example/esm',
  ])('%s', (text) => expect(judgePartnerUrl(text, RULES)).toEqual({ isAllowed: true, url: text }));

  test.each([
    ['HTTPS://ESM.Partner.Example/API', 'https://esm.partner.example/API'],
    ['https://esm.partner.example:443/esm', 'https://esm.partner.example/esm'],
    ['https://esm.partner.example/a/../b/./c', 'https://esm.partner.example/b/c'],
    ['https://bücher.example/esm', 'https://xn--bcher-kva.example/esm'],
    ['https://[2606:4700:4700:0:0:0:0:1111]', 'https://[2606:4700:4700::1111]'],
  ])('in its one spelling: %s', (text, url) => expect(judgePartnerUrl(text, RULES)).toEqual({ isAllowed: true, url }));
});

/** 127.0.0.1 and other inner addresses, as people have written them to get past filters. */
const INTERNAL_HOSTS: readonly (readonly [string, string])[] = [
  ['dotted loopback', '127.0.0.1'],
  ['another loopback address', '127.255.255.254'],
  ['decimal', '2130706433'],
  ['octal', '0177.0.0.1'],
  ['octal as one number', '017700000001'],
  ['hexadecimal as one number', '0x7f000001'],
  ['hexadecimal by byte', '0x7f.0x0.0x0.0x1'],
  ['mixed radices', '0x7f.0.0.01'],
  ['two parts', '127.1'],
  ['three parts', '127.0.1'],
  ['zero', '0'],
  ['unspecified', '0.0.0.0'],
  ['with a dot at its end', '127.0.0.1.'],
  ['full-width digits', '１２７.０.０.１'],
  ['circled digits', '①②⑦.⓪.⓪.①'],
  ['ideographic full stops', '127。0。0。1'],
  ['private, class A', '10.0.0.1'],
  ['private, class B', '172.31.255.255'],
  ['private, class C', '192.168.1.1'],
  ['shared', '100.64.0.1'],
  ['link-local metadata', '169.254.169.254'],
  ['link-local metadata, decimal', '2852039166'],
  ['IPv6 loopback', '[::1]'],
  ['IPv6 loopback in full', '[0000:0000:0000:0000:0000:0000:0000:0001]'],
  ['IPv6 unspecified', '[::]'],
  ['mapped loopback', '[::ffff:127.0.0.1]'],
  ['mapped loopback in hexadecimal', '[::ffff:7f00:1]'],
  ['compatible loopback', '[::127.0.0.1]'],
  ['NAT64 of loopback', '[64:ff9b::127.0.0.1]'],
  ['6to4 of loopback', '[2002:7f00:1::1]'],
  ['Teredo', '[2001:0:7f00:1::1]'],
  ['IPv6 link-local', '[fe80::1]'],
  ['unique local', '[fc00::1]'],
  ['metadata over IPv6', '[fd00:ec2::254]'],
  ['mapped metadata', '[::ffff:a9fe:a9fe]'],
  ['multicast', '224.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['a cloud’s own public address', '168.63.129.16'],
];

describe('a URL of something inside is refused', () => {
  test.each(INTERNAL_HOSTS)('%s: %s', (_what, host) => {
    for (const text of [`https://${host}/`, `https://${host}`, `http://${host}:80/esm`]) {
      expect([text, isAllowed(text, LENIENT)]).toEqual([text, false]);
    }
  });

  test.each([
    'localhost',
    'LOCALHOST',
    'localhost.',
    'a.localhost',
    'localhost.localdomain',
    'printer.local',
    'db.internal',
    'metadata.google.internal',
    'metadata.google.internal.',
    'metadata.goog',
    'intranet.corp',
    'router.home.arpa',
    'nas.lan',
    'hidden.onion',
    'rabbitmq',
    'postgres',
    'esm.partner.example.',
    'a..example',
    'under_score.example',
    '-a.example',
    'a-.example',
    '256.256.256.256',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(126)}example`,
  ])('host %s', (host) => expect(isAllowed(`https://${host}/`, LENIENT)).toBe(false));
});

describe('our own address is refused', () => {
  test.each([
    'quarterhour.example',
    'api.quarterhour.example',
    'QUARTERHOUR.example',
    '198.41.0.4',
    '3324575748',
    '[::ffff:198.41.0.4]',
    '[2001:503:ba3e:0:0:0:2:30]',
  ])('%s', (host) => expect(isAllowed(`https://${host}/api`)).toBe(false));
});

describe('what parsers read past is refused', () => {
  test.each([
    ['a user', 'https://user@esm.partner.example/'],
    ['a user and a password', 'https://user:word@esm.partner.example/'],
    ['an empty user', 'https://@esm.partner.example/'],
    ['a user that looks like the host', 'https://esm.partner.example@127.0.0.1/'],
    ['a user behind a fragment', 'https://127.0.0.1#@esm.partner.example/'],
    ['a user behind a backslash', 'https://127.0.0.1\\@esm.partner.example/'],
    ['backslashes', 'https:\\\\esm.partner.example\\'],
    ['a tab within', 'https://esm.part\tner.example/'],
    ['a line end within', 'https://esm.partner.example/a\r\nHost: b'],
    ['escaped line ends', 'https://esm.partner.example/a%0d%0aHost:%20b'],
    ['an escaped zero byte', 'https://esm.partner.example%00.evil.example/'],
    ['an escaped zero byte in the path', 'https://esm.partner.example/%00'],
    ['an escaped host', 'https://%6c%6f%63alhost/'],
    ['blanks around', ' https://esm.partner.example/ '],
    ['an invisible character', 'https://esm.part\u200bner.example/'],
    ['a direction mark', 'https://esm.partner.example/\u202e'],
    ['no slashes', 'https:esm.partner.example'],
    ['one slash', 'https:/esm.partner.example'],
    ['three slashes', 'https:///esm.partner.example'],
    ['a query', 'https://esm.partner.example/?a=b'],
    ['an empty query', 'https://esm.partner.example/?'],
    ['a fragment', 'https://esm.partner.example/#a'],
    ['a zone', 'https://[fe80::1%25eth0]/'],
    ['more than 2,000 characters', `https://esm.partner.example/${'a'.repeat(2_000)}`],
    ['nothing', ''],
    ['no URL', 'esm.partner.example'],
    ['a relative reference', '//esm.partner.example/'],
    ['broken punycode', 'https://xn--a/'],
  ])('%s', (_what, text) => expect(isAllowed(text, LENIENT)).toBe(false));
});

test.each(['file:///etc/passwd', 'data:text/plain,a', 'gopher://a.example/', 'ws://a.example/', 'wss://a.example/'])(
  'scheme of %s is refused',
  (text) => expect(isAllowed(text, LENIENT)).toBe(false),
);
test.each([
  'unix:/run/a.sock',
  'http+unix://%2frun%2fa/',
  'javascript:alert(1)',
  'ftp://a.example/',
  'blob:https://a/',
])('scheme of %s is refused', (text) => expect(isAllowed(text, LENIENT)).toBe(false));

test.each(['22', '80', '5432', '5671', '5672', '6379', '8080', '8443', '15672', '65535', '0', '65536', '443a'])(
  'port %s is refused with https',
  (port) => expect(isAllowed(`https://esm.partner.example:${port}/`, LENIENT)).toBe(false),
);

test('http needs the setting, and its own port', () => {
  expect(isAllowed('http://esm.partner.example/')).toBe(false);
  expect(isAllowed('http://esm.partner.example:80/', LENIENT)).toBe(true);
  expect(isAllowed('http://esm.partner.example:443/', LENIENT)).toBe(false);
});

describe('an origin that an operator names for tests', () => {
  const rules = { ...RULES, testOrigins: ['http://127.0.0.1:4300', 'not a URL'] };

  test('is allowed, whatever it is, in any spelling', () => {
    for (const text of ['http://127.0.0.1:4300/api/v1/voke-esm', 'http://2130706433:4300', 'http://0x7f.1:4300']) {
      expect([text, isAllowed(text, rules)]).toEqual([text, true]);
    }
  });

  test('opens nothing else', () => {
    for (const text of [
      'http://127.0.0.1:4301/',
      'https://127.0.0.1:4300/',
      'http://127.0.0.2:4300/',
      'http://127.0.0.1/',
      'http://user@127.0.0.1:4300/',
      'http://127.0.0.1:4300/?a',
      'data:text/plain,a',
    ]) {
      expect([text, isAllowed(text, rules)]).toEqual([text, false]);
    }
  });
});

test('no spelling of a private address is allowed', () => {
  const aByte = fc.integer({ min: 0, max: 255 });
  const aPrivateAddress = fc.oneof(
    fc.tuple(fc.constant(10), aByte, aByte, aByte),
    fc.tuple(fc.constant(127), aByte, aByte, aByte),
    fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), aByte, aByte),
    fc.tuple(fc.constant(192), fc.constant(168), aByte, aByte),
    fc.tuple(fc.constant(169), fc.constant(254), aByte, aByte),
    fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), aByte, aByte),
  );
  const spellings: readonly ((bytes: readonly number[]) => string)[] = [
    (bytes) => bytes.join('.'),
    (bytes) => bytes.map((byte) => `0${byte.toString(8)}`).join('.'),
    (bytes) => bytes.map((byte) => `0x${byte.toString(16)}`).join('.'),
    (bytes) => String(numberOf(bytes)),
    (bytes) => `0x${numberOf(bytes).toString(16)}`,
    (bytes) => `0${numberOf(bytes).toString(8)}`,
    ([a = 0, b = 0, c = 0, d = 0]) => `${a}.${numberOf([b, c, d])}`,
    ([a = 0, b = 0, c = 0, d = 0]) => `${a}.${b}.${numberOf([c, d])}`,
    (bytes) => `${bytes.join('.')}.`,
    (bytes) => `[::ffff:${bytes.join('.')}]`,
    (bytes) => `[::${bytes.join('.')}]`,
    (bytes) => `[64:ff9b::${bytes.join('.')}]`,
    (bytes) => bytes.join('。'),
    (bytes) => bytes.join('.').replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
  ];
  fc.assert(
    fc.property(aPrivateAddress, fc.constantFrom(...spellings), fc.boolean(), (bytes, spell, hasPath) => {
      const text = `http://${spell(bytes)}${hasPath ? '/esm' : ''}`;
      expect([text, isAllowed(text, LENIENT)]).toEqual([text, false]);
    }),
    { numRuns: 3_000 },
  );
});

test('whatever is allowed is kept in a form that is allowed and stays as it is', () => {
  const part = fc.constantFrom(
    'https',
    'http',
    '://',
    '/',
    '\\',
    '@',
    ':',
    '443',
    '80',
    '.',
    'a.example',
    '127.0.0.1',
    '%2e',
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 3, maxLength: 9 }), (parts) => {
      const verdict = judgePartnerUrl(`https://${parts.join('')}`, LENIENT);
      if (verdict.isAllowed) expect(judgePartnerUrl(verdict.url, LENIENT)).toEqual(verdict);
    }),
    { numRuns: 3_000 },
  );
});

function numberOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}
