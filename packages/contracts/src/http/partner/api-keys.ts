import { z } from 'zod';
import { instantText, plainText, uuidText } from '../../scalars.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { numberedPage, numberedPageQuery } from '../trading/pages.js';

/** Everything that a key may be allowed. Those that begin with `vcp:`, and `trading:connect`, mean something here. */
export const API_KEY_SCOPES = [
  'plants:read',
  'plants:write',
  'telemetry:read',
  'telemetry:write',
  'commands:read',
  'commands:execute',
  'config:read',
  'config:write',
  'trading:read',
  'trading:write',
  'trading:connect',
  'vcp:connect',
  'vcp:read',
  'vcp:write:setpoint',
  'vcp:write:device-command',
  'vcp:write:schedule',
  'vcp:write:mode',
  'vcp:write:config',
] as const;
export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];

/** Most networks that one key may be bound to. */
export const MAX_ALLOWED_NETWORKS = 50;

const networks = z.union([z.cidrv4(), z.cidrv6()]);
/** Written as IPv6, an IPv4 network would never be met. */
const MAPPED = /^::ffff:/i;

/** A network in CIDR, IPv4 or IPv6; a bare address is the network of that address alone. */
const network = z
  .string()
  .max(64)
  .transform((text, ctx): string => {
    const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
    if (networks.safeParse(cidr).success && !MAPPED.test(cidr)) return cidr;
    const message = 'Give a network in CIDR, for example 203.0.113.0/24 or 2001:db8::/32';
    ctx.addIssue({ code: 'custom', message, params: { type: 'network_parsing' } });
    return z.NEVER;
  });

const isScope = (text: string): text is ApiKeyScope => API_KEY_SCOPES.some((known) => known === text);

const scopes = z.array(z.string().max(100)).transform((sent, ctx): ApiKeyScope[] => {
  if (sent.length === 0) {
    ctx.addIssue({ code: 'custom', message: 'Give at least one scope', params: { type: 'api_key_scopes_empty' } });
  }
  for (const [index, text] of sent.entries()) {
    if (isScope(text)) continue;
    const message = 'This is no scope that there is';
    ctx.addIssue({ code: 'custom', path: [index], message, params: { type: 'api_key_scope_invalid' } });
  }
  return [...new Set(sent.filter(isScope))];
});

/** Body of `POST /api/v1/partner/api-keys`. */
export const mintApiKeyBody = z
  .strictObject({
    name: plainText(80).meta({ description: 'By which its people know it.' }),
    scopes: scopes.meta({
      description: 'What it may be used for; one that is named twice counts once.',
      minItems: 1,
      items: { type: 'string', enum: [...API_KEY_SCOPES] },
    }),
    allowedIps: z
      .array(network)
      .max(MAX_ALLOWED_NETWORKS)
      .default([])
      .meta({ description: 'Networks in CIDR from which it may be used, over AMQP and HTTP. None: from anywhere.' }),
    expiresAt: instantText
      .nullable()
      .default(null)
      .meta({ format: 'date-time', description: 'When it ends by itself, in the future. Null: when it is revoked.' }),
  })
  .meta({ id: 'MintApiKey', description: 'A key to be made.' });
export type MintApiKeyBody = z.output<typeof mintApiKeyBody>;

/** Path of what is done with one key. */
export const apiKeyPath = z.strictObject({
  id: uuidText.meta({ format: 'uuid', description: 'Id of the key, not the key itself.' }),
});

/** Query of `GET /api/v1/partner/api-keys`. */
export const listApiKeysQuery = numberedPageQuery;

const item = {
  id: uuidOutput,
  name: z.string(),
  keyPrefix: z.string().meta({ description: 'The first characters of the key.' }),
  scopes: z.array(z.enum(API_KEY_SCOPES)).min(1),
  allowedIps: z.array(z.string()).meta({ description: 'CIDR; empty: from anywhere.' }),
  vhost: z.string().meta({ description: 'Virtual host of the broker that only this key opens.' }),
  partnerId: uuidOutput.meta({ description: 'The partner whose key it is: the organisation.' }),
  isActive: z.boolean().meta({ description: 'Neither revoked nor expired.' }),
  expiresAt: instantOutput.nullable(),
  lastUsedAt: instantOutput.nullable().meta({ description: 'At most a minute behind; null when it was never used.' }),
  createdBy: z.string().meta({ description: 'Subject of the token with which it was made.' }),
  creator: z.strictObject({ id: z.string() }),
  organizationId: uuidOutput,
  createdAt: instantOutput,
  updatedAt: instantOutput,
};

/** A key as it is listed: all about it but what opens anything. */
export const apiKeyItem = z.strictObject(item).meta({ id: 'ApiKey', description: 'An API key, without its secrets.' });
export type ApiKeyItem = z.infer<typeof apiKeyItem>;

/** One page of keys, newest first, revoked and expired ones included. */
export const listApiKeysResponse = numberedPage(apiKeyItem).meta({ id: 'ApiKeyPage' });

const queueName = z.string();

/** What a partner's client is configured with. */
export const connectionBundle = z
  .strictObject({
    orgSlug: z.string(),
    keyId: uuidOutput,
    host: z.string(),
    port: z.int().min(1).max(65_535),
    vhost: z.string(),
    exchange: z.string(),
    username: z.string().meta({ description: 'The password is the key.' }),
    tls: z.strictObject({
      ca: z.string().nullable().meta({
        description:
          'Certificate in PEM by which the broker is to be recognised; null when a public authority vouches for it.',
      }),
    }),
    queuePrefix: z.string().meta({ description: 'First word of every routing key.' }),
    queues: z
      .strictObject({
        command: queueName,
        schedule: queueName,
        config: queueName,
        telemetry: queueName,
        eventTelemetry: queueName,
        eventStatus: queueName,
        eventExecution: queueName,
        eventAlarm: queueName,
      })
      .meta({ description: 'Queues by what they carry: event… is for the partner to read, the others are fed by it.' }),
    restBaseUrl: z.string().meta({ description: 'Where paths begin: /api/v1/vcp/sites is below it.' }),
  })
  .meta({ id: 'ConnectionBundle', description: 'Everything that a client needs to connect, but the key.' });
export type ConnectionBundle = z.infer<typeof connectionBundle>;

/** A key that was made, shown this once. */
export const mintedApiKey = z
  .strictObject({
    ...item,
    key: z
      .string()
      .regex(/^vcp_live_[0-9A-Za-z]{49}$/)
      .meta({ description: 'The key: password over AMQP, X-API-Key over HTTP. It is not shown again.' }),
    signingKey: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'With which commands are signed, in hex. It is not shown again.' }),
    connectionBundle,
  })
  .meta({ id: 'MintedApiKey', description: 'A key that was made, with its secrets.' });
export type MintedApiKey = z.infer<typeof mintedApiKey>;
