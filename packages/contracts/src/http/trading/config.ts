import { z } from 'zod';
import { plainText } from '../../scalars.js';
import { QUEUE_PREFIX_PATTERN } from '../../topology.js';
import { instantOutput, uuidOutput } from '../outputs.js';

/** What the contract tells of how trading stands: paused and draining are told in {@link TRADING_STATE_HEADER}. */
export const TRADING_STATUSES = ['ENABLED', 'DISABLED'] as const;

/** Header that says how trading stands in all its states: `DISABLED`, `ENABLED`, `PAUSED` or `DRAINING`. Ours. */
export const TRADING_STATE_HEADER = 'Quarterhour-Trading-State';

const queuePrefix = z
  .string()
  .regex(QUEUE_PREFIX_PATTERN, {
    error: '2 to 50 lower-case letters, digits and hyphens, none of these at either end',
  })
  .meta({ description: 'First word of the routing keys, 2 to 50 characters. Changes only while trading is disabled.' });

/** The trading configuration of an organisation. The secret never comes back. */
export const tradingConfig = z
  .strictObject({
    createdAt: instantOutput,
    esmApiUrl: z.string().nullable(),
    esmClientId: z.string().nullable(),
    hasEsmCredentials: z.boolean().meta({ description: 'Whether client id and secret are both there.' }),
    id: uuidOutput,
    lastSyncAt: instantOutput.nullable(),
    lastSyncError: z.string().nullable(),
    organizationId: uuidOutput,
    queuePrefix,
    status: z
      .enum(TRADING_STATUSES)
      .meta({ description: `Whether trading takes part; ${TRADING_STATE_HEADER} says more.` }),
    updatedAt: instantOutput,
  })
  .meta({ id: 'TradingConfig', description: "An organisation's trading configuration." });
export type TradingConfigOutput = z.infer<typeof tradingConfig>;

/** Body of `POST /api/v1/trading/config`: what is left out keeps its value. */
export const saveTradingConfigBody = z
  .strictObject({
    esmApiUrl: z
      .string()
      .min(1)
      .max(2_000)
      .regex(/^https?:\/\//i, { error: 'a URL that begins with https://' })
      .optional()
      .meta({
        format: 'uri',
        description:
          'Base URL of the partner: https, its own port, a public host. Inner and reserved addresses are refused in every spelling.',
      }),
    esmClientId: plainText(500).optional(),
    esmClientSecret: plainText(2_000).optional().meta({ writeOnly: true, description: 'Kept sealed, never answered.' }),
    queuePrefix: queuePrefix.optional(),
  })
  .meta({ id: 'SaveTradingConfig', description: 'What is to change; what is left out keeps its value.' });
export type SaveTradingConfigBody = z.infer<typeof saveTradingConfigBody>;

const partnerQueue = z.strictObject({
  description: z.string(),
  direction: z
    .enum(['inbound', 'outbound'])
    .meta({ description: 'Seen from us: inbound is published by the partner.' }),
  name: z.string(),
  routingKey: z.string(),
});

/** What a partner's AMQP client needs to know beside its key. */
export const connectionDetails = z
  .strictObject({
    authInstructions: z.string(),
    authMethod: z.string(),
    exchange: z.string(),
    host: z.string(),
    port: z.int().min(1).max(65_535),
    queuePrefix,
    queues: z.array(partnerQueue),
    vhost: z.string().meta({ description: 'Of the newest live key; every key has its own.' }),
  })
  .meta({ id: 'ConnectionDetails', description: 'How a partner connects to the broker.' });
export type ConnectionDetailsOutput = z.infer<typeof connectionDetails>;
