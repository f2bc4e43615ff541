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
 * @throws FaultError `schema` when it was published in a partner's own virtual host under another prefix than the partner's
 */
export function senderOf(delivery: Delivery, family: string, register: Register): Sender | null {
  const { routingKey } = delivery;
  const prefix = isOfGateway(delivery) ? null : wordAt(routingKey, 0);
  if (prefix !== null) refuseForeignPrefix(delivery.owner, prefix, register);
  const familyAt = prefix === null ? 0 : prefix.length + 1;
  if (!routingKey.startsWith(`${family}.`, familyAt)) return null;
  const kindAt = familyAt + family.length + 1;
  const kind = wordAt(routingKey, kindAt);
  const siteAt = kindAt + kind.length + 1;
  const site = siteAt > routingKey.length ? null : routingKey.slice(siteAt);
  const owner = prefix === null ? register.plant(site ?? '')?.orgId : register.organisationByPrefix(prefix)?.id;
  const waitsFor = owner === undefined ? (prefix === null ? `plant ${site ?? ''}` : `prefix ${prefix}`) : null;
  return { kind, orgId: owner ?? null, site, waitsFor };
}

/** The word of a routing key that begins there, up to the next dot. */
function wordAt(routingKey: string, start: number): string {
  const end = routingKey.indexOf('.', start);
  return routingKey.slice(start, end === -1 ? undefined : end);
}

/** Whose a delivery is as far as that can be told without a look at its body; null when it cannot. */
export function ownerOf(delivery: Delivery, family: string, register: Register): string | null {
  return delivery.owner ?? senderOf(delivery, family, register)?.orgId ?? null;
}

/** Trusted publishers have no virtual host but ours: an exchange of that name elsewhere would be somebody else's. */
function isOfGateway({ owner, exchange }: Delivery): boolean {
  return owner === undefined && exchange === EXCHANGES.fleet;
}

function refuseForeignPrefix(owner: string | undefined, prefix: string, register: Register): void {
  if (owner === undefined || register.organisation(owner)?.queuePrefix === prefix) return;
  throw new FaultError('schema', null, "the routing key does not begin with the prefix of the virtual host's owner");
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
  const { site } = sender;
  if (site !== null && site !== siteId && register.plantOf(sender.orgId, site) !== plant) {
    throw new FaultError('schema', 'siteId', 'the site is not the one that the routing key names');
  }
  return plant;
}
