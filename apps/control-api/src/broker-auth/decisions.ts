import {
  CONNECT_SCOPES,
  EXCHANGES,
  OUTBOUND_FAMILIES,
  outboundQueue,
  partnerVhost,
  scopesToPublish,
} from '@quarterhour/contracts';
import type { PartnerLogin } from '@quarterhour/db';
import { isWithin } from '@quarterhour/http';

/*
 * What the holder of an API key may do on the broker: pure, so that all of it can be tried. Whatever is not allowed here is
 * denied. See docs/decisions/0021-broker-logins.md.
 */

/** A live key whose organisation trades, or is about to stop. */
export interface Partner {
  readonly keyId: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly allowedIps: readonly string[];
}

/** What the broker asks about an exchange or a queue. */
export interface ResourceQuestion {
  readonly vhost: string;
  readonly resource: string;
  readonly name: string;
  readonly permission: string;
}

/** What the broker asks about a routing key of a topic exchange: to publish with (`write`) or to bind with (`read`). */
export interface TopicQuestion extends ResourceQuestion {
  readonly routing_key: string;
}

/** The partner that a key makes of its holder; null when the key opens nothing on the broker. */
export function partnerOf({ keyId, queuePrefix, state, scopes, allowedIps }: PartnerLogin): Partner | null {
  const mayConnect = CONNECT_SCOPES.some((scope) => scopes.includes(scope));
  if (!mayConnect || queuePrefix === null || state === 'DISABLED') return null;
  return { keyId, prefix: queuePrefix, scopes, allowedIps };
}

/** One virtual host, and where the key is bound to addresses, only from there. */
export function mayEnter(partner: Partner, { vhost, ip }: { vhost: string; ip: string }): boolean {
  return isVhostOf(partner, vhost) && isWithin(partner.allowedIps, ip);
}

/** Publish to one exchange, read four queues. A partner declares, binds and deletes nothing. */
export function mayUse(partner: Partner, { vhost, resource, name, permission }: ResourceQuestion): boolean {
  if (!isVhostOf(partner, vhost)) return false;
  if (resource === 'exchange') return permission === 'write' && name === EXCHANGES.vcp;
  if (resource === 'queue') return permission === 'read' && isOutboundQueue(partner.prefix, name);
  return false;
}

/** Publish under its own prefix what a scope of the key names. */
export function mayRoute(partner: Partner, question: TopicQuestion): boolean {
  const { vhost, name, permission, routing_key: routingKey } = question;
  if (!isVhostOf(partner, vhost) || name !== EXCHANGES.vcp || permission !== 'write') return false;
  const [prefix, ...words] = routingKey.split('.');
  if (prefix !== partner.prefix || !words.every(isWord)) return false;
  const needed = scopesToPublish(words);
  return needed !== null && needed.some((scope) => partner.scopes.includes(scope));
}

function isVhostOf({ keyId }: Partner, vhost: string): boolean {
  return vhost === partnerVhost(keyId);
}

function isOutboundQueue(prefix: string, name: string): boolean {
  return OUTBOUND_FAMILIES.some((family) => outboundQueue(prefix, family).name === name);
}

/** No wildcard, no white space, nothing empty, and all of them together far below the 255 bytes of a routing key. */
function isWord(word: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(word);
}

/** The tag that stands for a key: what the broker is told at the login and says in every later question. */
export function tagOfKey(keyId: string): string {
  return `key-${keyId}`;
}

/** The key that a user was let in with. Null unless exactly one is named, and rightly written. */
export function keyOfTags(tags: string): string | null {
  const named = tags.split(' ').filter((tag) => tag.startsWith('key-'));
  const [tag] = named;
  if (tag === undefined || named.length > 1) return null;
  const keyId = tag.slice('key-'.length);
  return UUID.test(keyId) ? keyId : null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
