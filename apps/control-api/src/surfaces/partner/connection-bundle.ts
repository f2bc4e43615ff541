import { EXCHANGES, inboundQueue, outboundQueue, partnerVhost, type ConnectionBundle } from '@quarterhour/contracts';
import type { OrganisationRow } from '@quarterhour/db';
import type { PartnerBroker } from '@quarterhour/http';
import { queuePrefixOf } from '../../trading/config.js';

/** Where partners find us. */
export interface PartnerAddresses {
  readonly broker: PartnerBroker;
  /** Without a slash at the end; paths of every surface begin there. */
  readonly restBaseUrl: string;
}

/** What a client of a key is configured with. */
export function connectionBundleOf(
  keyId: string,
  organisation: OrganisationRow,
  { broker, restBaseUrl }: PartnerAddresses,
): ConnectionBundle {
  const queuePrefix = queuePrefixOf(organisation);
  return {
    orgSlug: organisation.slug,
    keyId,
    host: broker.host,
    port: broker.port,
    vhost: partnerVhost(keyId),
    exchange: EXCHANGES.vcp,
    username: organisation.slug,
    tls: { ca: broker.ca },
    queuePrefix,
    queues: {
      command: inboundQueue(queuePrefix, 'command').name,
      schedule: inboundQueue(queuePrefix, 'schedule').name,
      config: inboundQueue(queuePrefix, 'config').name,
      telemetry: inboundQueue(queuePrefix, 'telemetry').name,
      eventTelemetry: outboundQueue(queuePrefix, 'telemetry').name,
      eventStatus: outboundQueue(queuePrefix, 'status').name,
      eventExecution: outboundQueue(queuePrefix, 'execution').name,
      eventAlarm: outboundQueue(queuePrefix, 'alarm').name,
    },
    restBaseUrl,
  };
}
