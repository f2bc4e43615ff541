import { z } from 'zod';
import { instantOutput, uuidOutput } from '../outputs.js';
import { DEFAULT_PAGE_LIMIT } from '../paging.js';
import { queryCursor, queryInteger } from '../query.js';
import { TRADING_STATE_NAMES } from './trading-lifecycle.js';

/** Most partners of one page. */
export const MAX_PARTNERS = 200;

/** Query of `GET /quarterhour/v1/trading/partners`. */
export const listTradingPartnersQuery = z.strictObject({
  limit: queryInteger({ min: 1, max: MAX_PARTNERS })
    .default(DEFAULT_PAGE_LIMIT)
    .meta({ description: 'Most partners of this page.' }),
  cursor: queryCursor.optional(),
});
export type ListTradingPartnersQuery = z.output<typeof listTradingPartnersQuery>;

const partnerQueueDepth = z
  .strictObject({
    vhost: z.string(),
    name: z.string(),
    direction: z
      .enum(['inbound', 'outbound', 'dead'])
      .meta({ description: 'Seen from us; dead is where the broker puts what it gives up on.' }),
    ready: z.int().min(0),
    unsettled: z.int().min(0),
    consumers: z.int().min(0),
    publish_rate: z.number().meta({ description: 'Messages per second that come in.' }),
    deliver_rate: z.number().meta({ description: 'Messages per second that are handed out.' }),
    dropped: z
      .int()
      .min(0)
      .meta({ description: 'Oldest messages that were dropped because it was full, as far as the broker told.' }),
    sampled_at: instantOutput.meta({ format: 'date-time' }),
  })
  .meta({ id: 'PartnerQueueDepth', description: 'How a queue stood when it was last looked at.' });

const partnerKey = z
  .strictObject({
    id: uuidOutput,
    name: z.string(),
    is_expired: z.boolean(),
    expires_at: instantOutput.nullable(),
    last_used_at: instantOutput.nullable().meta({ format: 'date-time', description: 'Coarse; null when never used.' }),
    telemetry_dropped: z
      .int()
      .min(0)
      .meta({ description: 'Telemetry events that were given up because the virtual host of the key took none.' }),
    telemetry_last_dropped_at: instantOutput.nullable().meta({ format: 'date-time' }),
  })
  .meta({ id: 'PartnerKey', description: 'An API key that was not revoked.' });

/** What a partner can be alarming for. */
export const PARTNER_ALARMS = ['provision_error', 'stale', 'draining_too_long', 'depths_unknown'] as const;

/** One trading partner: how it stands, what waits, and what is wrong. */
export const tradingPartner = z
  .strictObject({
    organisation_id: uuidOutput,
    slug: z.string(),
    state: z.enum(TRADING_STATE_NAMES),
    since: instantOutput.meta({ format: 'date-time' }),
    queue_prefix: z.string().nullable(),
    is_provisioned: z.boolean().meta({ description: 'Whether the broker looks as was decided.' }),
    last_message_at: instantOutput
      .nullable()
      .meta({ format: 'date-time', description: 'Start of the last minute in which telemetry arrived.' }),
    last_message_age_seconds: z.int().min(0).nullable(),
    messages_per_minute: z.number().min(0).meta({ description: 'Telemetry, mean over the last five minutes.' }),
    queues: z.array(partnerQueueDepth),
    keys: z.array(partnerKey),
    alarms: z.array(
      z.strictObject({ code: z.enum(PARTNER_ALARMS), detail: z.string().meta({ description: 'For people.' }) }),
    ),
  })
  .meta({ id: 'TradingPartner', description: 'How a trading partner stands.' });
export type TradingPartnerOutput = z.infer<typeof tradingPartner>;

/** One page of trading partners, by slug. */
export const listTradingPartnersResponse = z
  .strictObject({ partners: z.array(tradingPartner).max(MAX_PARTNERS), limit: z.int().min(1).max(MAX_PARTNERS) })
  .meta({ id: 'TradingPartnerList', description: 'One page of trading partners.' });
