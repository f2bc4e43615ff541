import {
  EXCHANGES,
  partnerQueues,
  partnerVhost,
  type ConnectionDetailsOutput,
  type PartnerQueue,
} from '@quarterhour/contracts';
import type { PartnerBroker } from '@quarterhour/http';

interface Connecting {
  /** User name on the broker. */
  readonly slug: string;
  readonly queuePrefix: string;
  /** Id of its newest live key; null when it has none. */
  readonly newestKey: string | null;
}

/** What stands for a key's id where there is no key yet. */
const KEY_ID = '{keyId}';

export function presentConnectionDetails(
  { host, port }: Pick<PartnerBroker, 'host' | 'port'>,
  { slug, queuePrefix, newestKey }: Connecting,
): ConnectionDetailsOutput {
  return {
    authInstructions: `AMQP 0-9-1 over TLS. Log in as ${slug} with an API key as password, to the virtual host of that key: ${partnerVhost(KEY_ID)}. Declare nothing: everything is there.`,
    authMethod: 'PLAIN',
    exchange: EXCHANGES.vcp,
    host,
    port,
    queuePrefix,
    queues: partnerQueues(queuePrefix).map((queue) => ({ ...queue, description: descriptionOf(queue) })),
    vhost: partnerVhost(newestKey ?? KEY_ID),
  };
}

const DESCRIPTIONS: readonly (readonly [string, string])[] = [
  ['.event.telemetry', 'Telemetry and meter readings of your plants.'],
  ['.event.status', 'What became of your commands and schedules.'],
  ['.event.execution', 'How commands were carried out.'],
  ['.event.alarm', 'Alarms, raised and cleared.'],
  ['.command', 'Set-points, device commands, mode changes, emergency stops.'],
  ['.schedule', 'Schedules, created and cancelled.'],
  ['.config', 'Constraints, topology and fallback of your plants.'],
  ['.telemetry', 'Telemetry and meter readings that you measure yourself.'],
];

function descriptionOf({ name }: PartnerQueue): string {
  return DESCRIPTIONS.find(([end]) => name.endsWith(end))?.[1] ?? '';
}
