import { isIP } from 'node:net';
import { isOneOf, isPublicAddress } from './public-address.js';

/** What a partner's URL may be, as far as an operator decides it. */
export interface PartnerUrlRules {
  /** Whether `http` to port 80 is allowed beside `https` to port 443. */
  readonly allowsHttp: boolean;
  /** Our own names and addresses in the public internet; names below them are ours, too. */
  readonly ownHosts: readonly string[];
  /**
   * Origins (`http://127.0.0.1:4300`) that may be used whatever they are: a partner's system that stands beside us in a
   * test. Empty wherever anybody else can reach us.
   */
  readonly testOrigins: readonly string[];
}

/** Whether a partner's URL may be kept, in the form to keep it in; or which rule it breaks, as a sentence. */
export type PartnerUrlVerdict =
  { readonly isAllowed: true; readonly url: string } | { readonly isAllowed: false; readonly why: string };

/** Longest URL that is looked at. */
export const MAX_PARTNER_URL_CHARACTERS = 2_000;

/**
 * Judges a base URL under which we shall call a partner, when somebody wants to save it. Nothing is looked up: where a name
 * leads is judged each time when we connect.
 *
 * The text is read as browsers read it (WHATWG), so that what is judged is what is called later: every spelling of an
 * address is that address. Beside what the rules say: a name of the public internet or a public address; no user, query or
 * fragment; nothing in it that one reader may see and another not.
 *
 * @see https://url.spec.whatwg.org
 */
export function judgePartnerUrl(text: string, rules: PartnerUrlRules): PartnerUrlVerdict {
  const complaint = complaintAboutText(text);
  if (complaint !== null) return refused(complaint);
  if (!URL.canParse(text)) return refused('it is no URL');
  const url = new URL(text);
  const why = complaintAboutParts(url, text) ?? complaintAboutTarget(url, rules);
  return why === null ? { isAllowed: true, url: url.origin + pathOf(url, text) } : refused(why);
}

function refused(why: string): PartnerUrlVerdict {
  return { isAllowed: false, why };
}

/** What parsers read past: blanks and line ends, backslashes for slashes, slashes left out, a host in percent signs. */
const PLAIN_START = /^https?:\/\/[^/?#%@]+(?=[/?#]|$)/i;
const UNPLAIN = /[\s\\\p{Cc}\p{Cf}]/u;

function complaintAboutText(text: string): string | null {
  if (text.length > MAX_PARTNER_URL_CHARACTERS) return `it is longer than ${MAX_PARTNER_URL_CHARACTERS} characters`;
  if (UNPLAIN.test(text)) return 'it has blanks, backslashes, control or invisible characters';
  if (/^https?:\/\/[^/?#]*@/i.test(text)) return 'it names a user';
  if (!PLAIN_START.test(text)) return 'it does not begin with https:// and a plain host';
  return null;
}

const PLAIN_PATH = /^[\w.~!$&'()*+,;=:@/-]*$/;

function complaintAboutParts(url: URL, text: string): string | null {
  if (url.username !== '' || url.password !== '') return 'it names a user';
  if (/[?#]/.test(text)) return 'it has a query or a fragment';
  if (!PLAIN_PATH.test(url.pathname)) return 'its path has escaped or unusual characters';
  return null;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' };

function complaintAboutTarget(url: URL, { allowsHttp, ownHosts, testOrigins }: PartnerUrlRules): string | null {
  if (isTestOrigin(url.origin, testOrigins)) return null;
  if (url.protocol === 'http:' && !allowsHttp) return 'it is not https';
  // A parser leaves out the port that goes without saying.
  if (url.port !== '') return `its port is not ${DEFAULT_PORTS[url.protocol] ?? '443'}`;
  const address = addressOf(url.hostname);
  if (address !== null) {
    return isPublicAddress(address) && !isOneOf(address, ownHosts) ? null : 'its address is not a public one';
  }
  if (!isPublicName(url.hostname) || ownHosts.some((own) => isAtOrBelow(url.hostname, own.toLowerCase()))) {
    return 'its host is not a public one';
  }
  return null;
}

/** Whether an operator named an origin for tests, in whatever spelling. */
export function isTestOrigin(origin: string, testOrigins: readonly string[]): boolean {
  return testOrigins.some((named) => originOf(named) === origin);
}

function originOf(text: string): string | null {
  return URL.canParse(text) ? new URL(text).origin : null;
}

/** The address that stands in place of a name, if there is one; parsers give IPv6 in brackets. */
function addressOf(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? null : bare;
}

const NAME = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/**
 * Names that mean something else in every network, and that of a cloud's metadata beside those below `internal`.
 *
 * @see IANA, Special-Use Domain Names; RFC 6762 appendix G
 */
const NO_PUBLIC_NAMES = [
  'alt',
  'arpa',
  'corp',
  'home',
  'internal',
  'intranet',
  'lan',
  'local',
  'localdomain',
  'localhost',
  'metadata.goog',
  'onion',
  'private',
];

/** With at least one dot within and none at the end; WHATWG made it lower case and ASCII. */
function isPublicName(name: string): boolean {
  return NAME.test(name) && !NO_PUBLIC_NAMES.some((reserved) => isAtOrBelow(name, reserved));
}

function isAtOrBelow(name: string, parent: string): boolean {
  return name === parent || name.endsWith(`.${parent}`);
}

/** As it was sent: nothing, when it was left out. */
function pathOf({ pathname }: URL, text: string): string {
  return pathname === '/' && !text.endsWith('/') ? '' : pathname;
}
