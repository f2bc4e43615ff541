import { INBOUND_FAMILIES, partnerVhost, type InboundFamily } from '@quarterhour/contracts';
import type { PartnerVhostRow, TradingConfigRecord } from '@quarterhour/db';

/** What older keys and trusted publishers send to the central virtual host. */
export const CENTRAL_FAMILIES: readonly InboundFamily[] = ['telemetry', 'config'];
/** What is stored, and therefore never deleted unread; everything else is answered or delivered, or is too late. */
export const STORED_FAMILIES: readonly InboundFamily[] = ['telemetry', 'config'];

/**
 * What a place on the broker is to be: there, with some families refused; refusing everything, and gone as soon as nothing
 * in it is to be stored; or gone.
 */
export type Aim =
  | { readonly kind: 'there'; readonly refused: readonly InboundFamily[] }
  | { readonly kind: 'gone-when-empty' }
  | { readonly kind: 'gone' };

/** The virtual host of a key. */
export interface VhostAim {
  readonly keyId: string;
  readonly vhost: string;
  readonly mayExist: boolean;
  readonly aim: Aim;
}

/** What the broker has to look like for one organisation. */
export interface Aims {
  readonly prefix: string;
  /** Of its queues in the central virtual host. */
  readonly central: Aim;
  readonly vhosts: readonly VhostAim[];
}

/** What the broker has to look like, from what Postgres says. Null without a queue prefix: then there is nothing. */
export function aimsOf(config: TradingConfigRecord, vhosts: readonly PartnerVhostRow[]): Aims | null {
  if (config.queuePrefix === null) return null;
  const central = aimOf(config);
  return {
    prefix: config.queuePrefix,
    central,
    vhosts: vhosts
      .map(({ keyId, isLive, mayExist }) => ({
        keyId,
        vhost: partnerVhost(keyId),
        mayExist,
        aim: isLive || central.kind === 'gone' ? central : ({ kind: 'gone-when-empty' } as const),
      }))
      .filter(({ mayExist, aim }) => mayExist || aim.kind === 'there'),
  };
}

function aimOf({ state, isClosing }: TradingConfigRecord): Aim {
  switch (state) {
    case 'ENABLED':
    case 'PAUSED':
      return { kind: 'there', refused: [] };
    case 'DRAINING':
      // As long as it is not closing, commands are answered: an emergency is carried out.
      return { kind: 'there', refused: isClosing ? INBOUND_FAMILIES : STORED_FAMILIES };
    case 'DISABLED':
      return { kind: 'gone' };
  }
}
