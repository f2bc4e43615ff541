import type { TradingPartnerOutput } from '@quarterhour/contracts';
import type { PartnerTraffic, SampledQueue, TradingConfigRecord } from '@quarterhour/db';

type Alarm = TradingPartnerOutput['alarms'][number];

const STALE_AFTER_MS = 15 * 60_000;
const DRAINING_AT_MOST_MS = 10 * 60_000;
/** Looked at every few seconds. */
const DEPTHS_AT_MOST_MS = 60_000;

/** What is known of a partner when it is judged. */
export interface Judged {
  readonly config: TradingConfigRecord;
  readonly traffic: PartnerTraffic | undefined;
  readonly queues: readonly SampledQueue[];
  readonly nowMillis: number;
}

/** What somebody should look at. Pausing is somebody's decision: a paused partner is not late. */
export function alarmsOf({ config, traffic, queues, nowMillis }: Judged): Alarm[] {
  const standsFor = nowMillis - Date.parse(config.stateSince);
  const alarms: Alarm[] = [];
  if (config.provisionError !== null) alarms.push({ code: 'provision_error', detail: config.provisionError });
  if (config.state === 'ENABLED' && standsFor > STALE_AFTER_MS && isLate(traffic)) {
    alarms.push({ code: 'stale', detail: `no telemetry for ${minutes(STALE_AFTER_MS)} minutes` });
  }
  if (config.state === 'DRAINING' && standsFor > DRAINING_AT_MOST_MS) {
    alarms.push({ code: 'draining_too_long', detail: `draining for ${minutes(standsFor)} minutes` });
  }
  if (config.state !== 'DISABLED' && config.queuePrefix !== null && standsFor > DEPTHS_AT_MOST_MS) {
    const isOld = ({ sampledAt }: SampledQueue) => nowMillis - Date.parse(sampledAt) > DEPTHS_AT_MOST_MS;
    if (queues.length === 0 || queues.some(isOld)) {
      alarms.push({ code: 'depths_unknown', detail: 'queues were not looked at within the last minute' });
    }
  }
  return alarms;
}

function isLate(traffic: PartnerTraffic | undefined): boolean {
  return traffic?.ageSeconds == null || traffic.ageSeconds * 1_000 > STALE_AFTER_MS;
}

function minutes(millis: number): number {
  return Math.floor(millis / 60_000);
}
