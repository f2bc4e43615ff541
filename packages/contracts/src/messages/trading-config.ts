import { z } from 'zod';
import { instantText, plainText, uuidText } from '../scalars.js';
import { QUEUE_PREFIX_PATTERN } from '../topology.js';
import { CONFIG_SUBJECTS } from './vcp/config.js';

/** What a control plane did to an organisation's trading, the last word of `trading.config.{change}`. */
export const TRADING_CHANGES = ['enabled', 'disabled', 'updated', 'paused', 'draining', 'resumed'] as const;
export type TradingChange = (typeof TRADING_CHANGES)[number];

/** What a trading config event can be about: a partner's config subject, or a control plane's change. */
export const TRADING_CONFIG_KINDS = [...CONFIG_SUBJECTS, ...TRADING_CHANGES] as const;
export type TradingConfigKind = (typeof TRADING_CONFIG_KINDS)[number];

/** Who said it: a partner about its plants, or a control plane about a partner. */
export const TRADING_CONFIG_ORIGINS = ['partner', 'control-plane'] as const;
export type TradingConfigOrigin = (typeof TRADING_CONFIG_ORIGINS)[number];

/**
 * A trading event of a control plane: exchange `trading`, routing key `trading.config.{change}`.
 *
 * Only control planes may publish on that exchange, so the organisation is the one that the body names. `event_id`
 * identifies the event for ever: a second message with the same id and content changes nothing, one with other content is
 * set aside as a conflict. `details` holds whatever else the change is about, for example counts. Members that are not
 * listed are kept with the raw message and have no effect. The shape is ours.
 */
export const tradingConfigMessage = z
  .object({
    event_id: uuidText,
    organisation_id: uuidText,
    occurred_at: instantText,
    source: plainText(200),
    actor: plainText(200).nullish(),
    reason: plainText(1000).nullish(),
    queue_prefix: z.string().regex(QUEUE_PREFIX_PATTERN, { error: 'a queue prefix such as acme' }).nullish(),
    plant_id: uuidText.nullish(),
    details: z
      .record(z.string(), z.json({ error: 'text, a finite number, true, false, null, or these in arrays and objects' }))
      .nullish(),
  })
  .meta({ id: 'TradingConfigMessage', title: 'Trading config event' });
export type TradingConfigMessage = z.infer<typeof tradingConfigMessage>;
