import { describe, expect, test } from '@jest/globals';
import type { SampledQueue, TradingConfigRecord } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { alarmsOf } from './partner-alarms.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const ago = (minutes: number) => parseInstant(new Date(NOW - minutes * 60_000).toISOString());

interface Circumstances {
  readonly sinceMinutes?: number;
  /** Null: nothing was ever heard. */
  readonly heardMinutes?: number | null;
  readonly seenMinutes?: number;
  readonly trouble?: string | null;
}

function codes(
  state: TradingConfigRecord['state'],
  { sinceMinutes = 60, heardMinutes = 1, seenMinutes = 0.1, trouble = null }: Circumstances = {},
): string[] {
  const orgId = '0b7c9d5e-6a55-4ab6-9c5e-111111111111';
  const config: TradingConfigRecord = {
    orgId,
    id: orgId,
    slug: 'acme',
    queuePrefix: 'acme',
    state,
    isClosing: false,
    stateSince: ago(sinceMinutes),
    esmApiUrl: null,
    esmClientId: null,
    hasEsmClientSecret: false,
    closingBy: null,
    closingReason: null,
    wantedVersion: 1,
    provisionedVersion: 1,
    provisionError: trouble,
    lastSyncAt: null,
    lastSyncError: null,
    createdAt: ago(600),
    updatedAt: ago(600),
  };
  const queue: SampledQueue = {
    orgId,
    vhost: 'quarterhour',
    name: 'vcp.acme.telemetry',
    direction: 'inbound',
    ready: 0,
    unsettled: 0,
    consumers: 1,
    publishRate: 0,
    deliverRate: 0,
    dropped: 0,
    sampledAt: ago(seenMinutes),
  };
  const lastMinute = heardMinutes === null ? null : ago(heardMinutes);
  const ageSeconds = heardMinutes === null ? null : heardMinutes * 60;
  const traffic = { orgId, lastMinute, ageSeconds, perMinute: 0 };
  return alarmsOf({ config, traffic, queues: [queue], nowMillis: NOW }).map(({ code }) => code);
}

describe('a partner', () => {
  test.each([
    ['that is heard of', codes('ENABLED'), []],
    ['that was never heard of', codes('ENABLED', { heardMinutes: null }), ['stale']],
    ['that was not heard of for 16 minutes', codes('ENABLED', { heardMinutes: 16 }), ['stale']],
    ['that was enabled a moment ago', codes('ENABLED', { heardMinutes: null, sinceMinutes: 14 }), []],
    ['that is paused', codes('PAUSED', { heardMinutes: 16 }), []],
    ['that is disabled', codes('DISABLED', { heardMinutes: 16, seenMinutes: 16 }), []],
    ['that drains', codes('DRAINING', { sinceMinutes: 9 }), []],
    ['that drains too long', codes('DRAINING', { sinceMinutes: 11 }), ['draining_too_long']],
    ['whose queues nobody looks at', codes('ENABLED', { seenMinutes: 2 }), ['depths_unknown']],
    ['whose queue is another', codes('ENABLED', { trouble: 'a queue' }), ['provision_error']],
  ])('%s', (_what, found, expected) => expect(found).toEqual(expected));
});
