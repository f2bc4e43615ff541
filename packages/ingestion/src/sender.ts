import { EXCHANGES } from '@quarterhour/contracts';
import type { Delivery } from './delivery.js';
import { FaultError } from './received.js';
import type { Register, RegisteredPlant } from './register.js';

/** Who sends an envelope, what kind, and which site the key names: all of it from the transport, none from the body. */
export interface Sender {
  readonly kind: string;
  readonly orgId: string | null;
  /** Null when the key names none. */
  readonly site: string | null;
  /** What has to be registered before anybody can be named; null when somebody is. */
  readonly waitsFor: string | null;
}

/**
 * Reads `{prefix}.{family}.{kind}[.{site}]` of a partner on `vcp`, and `{family}.{kind}.{plantId}` of our gateways on
 * `fleet`.
 *
 * @returns null when the key is of another form
 */
export function senderOf({ exchange, routingKey }: Delivery, family: string, register: Register): Sender | null {
  const words = routingKey.split('.');
  const prefix = exchange === EXCHANGES.fleet ? null : (words.shift() ?? '');
  const [namedFamily, kind, ...site] = words;
  if (namedFamily !== family || kind === undefined) return null;
  const namedSite = site.length === 0 ? null : site.join('.');
  const owner = prefix === null ? register.plant(namedSite ?? '')?.orgId : register.organisationByPrefix(prefix)?.id;
  const waitsFor = owner === undefined ? (prefix === null ? `plant ${namedSite ?? ''}` : `prefix ${prefix}`) : null;
  return { kind, orgId: owner ?? null, site: namedSite, waitsFor };
}

/**
 * The plant that an envelope is about.
 *
 * @param siteId as the envelope names it: our id, or the one that its partner knows it by
 * @throws FaultError `unknown_plant`, or `schema` when envelope and routing key name different sites
 */
export function plantOf(sender: Sender, siteId: string, register: Register): RegisteredPlant {
  if (sender.orgId === null) {
    throw new FaultError('unknown_plant', null, 'the routing key names nobody who is registered', sender.waitsFor);
  }
  const plant = register.plantOf(sender.orgId, siteId);
  if (plant === undefined) {
    const detail = 'no plant of this organisation has that id';
    throw new FaultError('unknown_plant', 'siteId', detail, `site ${sender.orgId} ${siteId}`);
  }
  if (sender.site !== null && register.plantOf(sender.orgId, sender.site) !== plant) {
    throw new FaultError('schema', 'siteId', 'the site is not the one that the routing key names');
  }
  return plant;
}
