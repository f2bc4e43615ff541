import { z } from 'zod';
import { EXCHANGES, outboundQueue, type OutboundFamily } from '../topology.js';
import { PARTNER_CHANNELS, type PartnerChannel } from './channels.js';

/** An AsyncAPI document, ready to be written as JSON. */
export type AsyncApiDocument = Readonly<Record<string, unknown>>;

const SCHEMAS = '#/components/schemas/';

const PARAMETERS: Readonly<Record<string, string>> = {
  prefix: 'The queue prefix of the partner, `queuePrefix` of its connection details.',
  siteId: 'The UUID of the site, as `GET /api/v1/vcp/sites` tells it.',
  device: 'A word of the partner; the device is named in the payload.',
};

const DESCRIPTION = [
  'What a trading partner and Quarterhour say to each other over AMQP 0-9-1: VCP 1.1 envelopes on one topic exchange, in a',
  "virtual host of the API key's own. Actions are those of Quarterhour: it receives what a partner publishes, and sends what",
  'a partner reads. Queues and exchange are there already: a partner declares nothing.',
].join(' ');

/**
 * The AsyncAPI 3.0 document of what a partner publishes and reads. Same code, same document, to the byte.
 *
 * Its schemas are made from those that messages are checked with. What they cannot say, such as which members a type of
 * set-point needs, is in their descriptions and in `POST /quarterhour/v1/messages/validate`.
 */
export function partnerAsyncApi(): AsyncApiDocument {
  return {
    asyncapi: '3.0.0',
    info: { title: 'Quarterhour for partners', version: '1.0.0', description: DESCRIPTION },
    defaultContentType: 'application/json',
    servers: {
      broker: {
        host: '{host}:{port}',
        pathname: '/{vhost}',
        protocol: 'amqps',
        protocolVersion: '0-9-1',
        description:
          'As the connection bundle of an API key says. User is the slug of the organisation, password the key.',
        variables: {
          host: { description: '`connectionBundle.host` of the key' },
          port: { default: '5671', description: '`connectionBundle.port` of the key' },
          vhost: { description: '`connectionBundle.vhost` of the key: `partner-` and its id' },
        },
        security: [{ $ref: '#/components/securitySchemes/apiKey' }],
      },
    },
    channels: Object.fromEntries(PARTNER_CHANNELS.flatMap(channelsOf)),
    operations: Object.fromEntries(PARTNER_CHANNELS.map((channel) => [operationName(channel), operationOf(channel)])),
    components: {
      messages: Object.fromEntries(PARTNER_CHANNELS.map((channel) => [channel.name, messageOf(channel)])),
      schemas: partnerSchemas(),
      securitySchemes: {
        apiKey: {
          type: 'userPassword',
          description: 'Slug of the organisation and an API key with the scope vcp:connect.',
        },
      },
    },
  };
}

/** JSON Schemas, by name, of every message and of what they are made of. */
export function partnerSchemas(): Readonly<Record<string, unknown>> {
  const registry = z.registry<{ id: string }>();
  for (const { name, schema } of PARTNER_CHANNELS) registry.add(schema, { id: schemaName(name) });
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    uri: (id) => `${SCHEMAS}${id}`,
  });
  const { [SHARED]: shared, ...messages } = schemas;
  const all = { ...messages, ...definitionsOf(shared) };
  const text = JSON.stringify(
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, withoutDialect(one)])),
  );
  return schemasShape.parse(JSON.parse(text.replaceAll(`${SCHEMAS}${SHARED}#/definitions/`, SCHEMAS)));
}

/** Where zod puts what several schemas have in common: here it stands beside them. */
const SHARED = '__shared';
const schemasShape = z.record(z.string(), z.unknown());
const definitionsShape = z.object({ definitions: z.record(z.string(), z.record(z.string(), z.unknown())) });

function definitionsOf(shared: unknown): Readonly<Record<string, object>> {
  return shared === undefined ? {} : definitionsShape.parse(shared).definitions;
}

/** Name of the schema of a kind of message. */
export function schemaName(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}Message`;
}

/** Within a document, neither a dialect nor an address of its own. */
function withoutDialect(schema: object): Readonly<Record<string, unknown>> {
  const { $schema: _dialect, $id: _address, id: _name, ...rest }: Record<string, unknown> = { ...schema };
  return rest;
}

function channelsOf(channel: PartnerChannel): [string, object][] {
  return channel.keys.map((address, place) => [
    channelName(channel, place),
    {
      address,
      title: channel.title,
      description: channel.description,
      servers: [{ $ref: '#/servers/broker' }],
      parameters: parametersOf(address),
      messages: { [channel.name]: { $ref: `#/components/messages/${channel.name}` } },
      bindings: {
        amqp: {
          is: 'routingKey',
          exchange: { name: EXCHANGES.vcp, type: 'topic', durable: true, autoDelete: false },
          bindingVersion: '0.3.0',
        },
      },
    },
  ]);
}

/** A channel has one address; the further ones of a kind of message are channels of their own. */
function channelName({ name }: PartnerChannel, place: number): string {
  return place === 0 ? name : `${name}Of${place === 1 ? 'One' : String(place)}`;
}

function parametersOf(address: string): Readonly<Record<string, object>> {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, { description: PARAMETERS[name] ?? name }]));
}

function operationName({ name, direction }: PartnerChannel): string {
  const verb = direction === 'in' ? 'receive' : 'send';
  return `${verb}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function operationOf(channel: PartnerChannel): object {
  const { name, direction, title, description } = channel;
  return {
    action: direction === 'in' ? 'receive' : 'send',
    channel: { $ref: `#/channels/${name}` },
    title,
    description: direction === 'in' ? description : `${description} Read it from the queue \`${queueOf(channel)}\`.`,
    messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
    bindings: {
      amqp:
        direction === 'in'
          ? { deliveryMode: 2, mandatory: true, bindingVersion: '0.3.0' }
          : { bindingVersion: '0.3.0' },
    },
  };
}

const FAMILY_OF_EVENT: Readonly<Record<string, OutboundFamily>> = {
  commandAck: 'status',
  execution: 'execution',
  alarm: 'alarm',
};

/** The queue that a partner reads a message from, with its prefix left open. */
export function queueOf({ name }: Pick<PartnerChannel, 'name'>): string {
  const sample = 'prefix';
  return outboundQueue(sample, FAMILY_OF_EVENT[name] ?? 'telemetry').name.replace(`.${sample}.`, '.{prefix}.');
}

function messageOf({ name, title, description, signature, payloadOf }: PartnerChannel): object {
  return {
    name,
    title,
    summary: description,
    contentType: 'application/json',
    payload: { $ref: `${SCHEMAS}${schemaName(name)}` },
    'x-signature': signature,
    'x-payload-of': payloadOf,
  };
}
