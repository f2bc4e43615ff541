import { z } from 'zod';
import { TRADING_CONFIG_KINDS, TRADING_CONFIG_ORIGINS } from '../../messages/trading-config.js';
import { uuidText } from '../../scalars.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import {
  exportLimit,
  queryAsOf,
  queryCursor,
  queryInstant,
  queryInteger,
  queryList,
  queryMessageId,
} from '../query.js';

/**
 * Query of `GET /quarterhour/v1/trading-config-events`: all filters narrow, `[from, to)` bounds when an event was received.
 */
export const listTradingConfigEventsQuery = z.strictObject({
  limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
    .default(DEFAULT_PAGE_LIMIT)
    .meta({ description: 'Most events of this page.' }),
  kind: queryList(z.enum(TRADING_CONFIG_KINDS), TRADING_CONFIG_KINDS.length)
    .optional()
    .meta({ description: 'Only these kinds, repeated or comma-separated.' }),
  origin: z
    .enum(TRADING_CONFIG_ORIGINS)
    .optional()
    .meta({ description: 'Only what partners, or control planes, said.' }),
  plant_id: uuidText.optional().meta({ format: 'uuid', description: 'Only what is about this plant.' }),
  message_id: queryMessageId.optional().meta({ description: 'Only the event of this message.' }),
  from: queryInstant.optional().meta({ description: 'Received then or later.' }),
  to: queryInstant.optional().meta({ description: 'Received before then.' }),
  order: z
    .enum(['asc', 'desc'])
    .default('asc')
    .meta({ description: 'In the order in which the events became known, or against it.' }),
  as_of: queryAsOf.optional(),
  cursor: queryCursor.optional(),
});
export type ListTradingConfigEventsQuery = z.output<typeof listTradingConfigEventsQuery>;

/** The same for an export. */
export const exportTradingConfigEventsQuery = listTradingConfigEventsQuery.extend({
  limit: exportLimit(pageLimitText(DEFAULT_PAGE_LIMIT)),
});
export type ExportTradingConfigEventsQuery = z.output<typeof exportTradingConfigEventsQuery>;

/**
 * One trading config event: a partner's config of a plant (`constraints`, `topology`, `fallback`), or what a control plane did
 * to an organisation's trading (`enabled`, `disabled`, …). Kept as it came and never changed.
 */
export const tradingConfigEvent = z
  .strictObject({
    organisation_id: uuidOutput,
    message_id: z.string().meta({ description: 'As the publisher named it; unique within the organisation.' }),
    correlation_id: z.string().nullable(),
    origin: z.enum(TRADING_CONFIG_ORIGINS),
    kind: z.enum(TRADING_CONFIG_KINDS),
    plant_id: uuidOutput.nullable().meta({ format: 'uuid', description: 'Null when it is about the organisation.' }),
    source: z.string().meta({ description: 'The system that published it.' }),
    actor: z.string().nullable().meta({ description: 'Who did it, where the control plane says so.' }),
    reason: z.string().nullable().meta({ description: 'Why, where the control plane says so.' }),
    occurred_at: instantOutput.meta({
      format: 'date-time',
      description: 'When it happened, by the clock of its source.',
    }),
    received_at: instantOutput.meta({ format: 'date-time', description: 'When it became known here.' }),
    routing_key: z.string(),
    payload: z.record(z.string(), z.unknown()).meta({ description: "The config, or the change's details." }),
  })
  .meta({ id: 'TradingConfigEvent', description: 'What was said about a plant or about trading, and when.' });
export type TradingConfigEvent = z.infer<typeof tradingConfigEvent>;

/** One page of trading config events, oldest first unless asked otherwise. */
export const listTradingConfigEventsResponse = z
  .strictObject({
    events: z.array(tradingConfigEvent).max(MAX_PAGE_LIMIT),
    limit: z.int().min(1).max(MAX_PAGE_LIMIT),
  })
  .meta({ id: 'TradingConfigEventList', description: 'One page of trading config events.' });
export type ListTradingConfigEventsResponse = z.infer<typeof listTradingConfigEventsResponse>;
