import type { Broker } from '@quarterhour/messaging';
import type { Watchdog } from './watchdog.js';

/** A virtual host that queues are consumed from. */
export interface Source {
  readonly broker: Pick<Broker, 'consume'>;
  readonly watchdog: Watchdog;
  /** A partner's own virtual host and whose it is. Missing for ours, where exchange and routing key tell whose a message is. */
  readonly partner?: { readonly vhost: string; readonly orgId: string; readonly keyId: string } | undefined;
}
