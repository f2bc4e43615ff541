import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { connectionBundle } from '../http/partner/api-keys.js';
import { inboundQueue, INBOUND_FAMILIES, isBoundBy, OUTBOUND_FAMILIES, outboundQueue } from '../topology.js';
import { PARTNER_CHANNELS } from './channels.js';
import { partnerAsyncApi, queueOf } from './document.js';
import { partnerAsyncApiPage } from './page.js';

const reference = z.strictObject({ $ref: z.string() });
const described = z.record(z.string(), z.object({ description: z.string() }));
/** What AsyncAPI 3.0 demands of the parts that we use; members that it does not know are refused. */
const asyncApi = z.strictObject({
  asyncapi: z.literal('3.0.0'),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  defaultContentType: z.string(),
  servers: z.record(
    z.string().regex(/^[\w-]+$/),
    z.strictObject({
      host: z.string(),
      pathname: z.string(),
      protocol: z.literal('amqps'),
      protocolVersion: z.string(),
      description: z.string(),
      variables: z.record(z.string(), z.strictObject({ default: z.string().optional(), description: z.string() })),
      security: z.array(reference),
    }),
  ),
  channels: z.record(
    z.string(),
    z.strictObject({
      address: z.string(),
      title: z.string(),
      description: z.string(),
      servers: z.array(reference),
      parameters: described,
      messages: z.record(z.string(), reference),
      bindings: z.object({ amqp: z.looseObject({ is: z.literal('routingKey'), bindingVersion: z.literal('0.3.0') }) }),
    }),
  ),
  operations: z.record(
    z.string(),
    z.strictObject({
      action: z.enum(['send', 'receive']),
      channel: reference,
      title: z.string(),
      description: z.string(),
      messages: z.array(reference).length(1),
      bindings: z.object({ amqp: z.looseObject({ bindingVersion: z.literal('0.3.0') }) }),
    }),
  ),
  components: z.strictObject({
    messages: z.record(
      z.string(),
      z.strictObject({
        name: z.string(),
        title: z.string(),
        summary: z.string(),
        contentType: z.string(),
        payload: reference,
        'x-signature': z.string(),
        'x-payload-of': z.string(),
      }),
    ),
    schemas: z.record(z.string().regex(/^\w+$/), z.record(z.string(), z.unknown())),
    securitySchemes: z.record(z.string(), z.strictObject({ type: z.literal('userPassword'), description: z.string() })),
  }),
});

describe('the AsyncAPI document', () => {
  const document = partnerAsyncApi();
  const text = JSON.stringify(document);

  test('has the shape that AsyncAPI 3.0 demands', () => {
    expect(asyncApi.parse(document)).toEqual(document);
  });

  test('refers to nothing that it does not hold', () => {
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, address = '']) => address);
    expect(references.length).toBeGreaterThan(50);
    for (const address of references) {
      const [root, ...path] = address.split('/');
      expect(root).toBe('#');
      expect(document).toHaveProperty(path);
    }
  });

  test('names the parameters of each address, and no others', () => {
    for (const { address, parameters } of Object.values(asyncApi.parse(document).channels)) {
      expect(Object.keys(parameters)).toEqual([...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    }
  });

  test('has a channel for every queue of a partner, and each of its keys reaches the queue that it names', () => {
    const families = PARTNER_CHANNELS.map(({ keys: [key] }) => key.split('.')[1]);
    for (const family of INBOUND_FAMILIES) expect(families).toContain(family);
    const queues = PARTNER_CHANNELS.filter(({ direction }) => direction === 'out').map(queueOf);
    expect(new Set(queues)).toEqual(
      new Set(OUTBOUND_FAMILIES.map((family) => outboundQueue('xx', family).name.replace('xx', '{prefix}'))),
    );
    for (const channel of PARTNER_CHANNELS) {
      const bindings =
        channel.direction === 'in'
          ? INBOUND_FAMILIES.map((family) => inboundQueue('xx', family))
          : OUTBOUND_FAMILIES.map((family) => outboundQueue('xx', family));
      for (const key of channel.keys) {
        const matching = bindings.filter(({ routingKey }) => isBoundBy(routingKey, key.replace('{prefix}', 'xx')));
        expect(matching).toHaveLength(1);
        if (channel.direction === 'out') expect(matching[0]?.name).toBe(queueOf(channel).replace('{prefix}', 'xx'));
      }
    }
  });

  test('finds in the connection bundle what a server needs to be told', () => {
    for (const [name, { description }] of Object.entries(asyncApi.parse(document).servers['broker']?.variables ?? {})) {
      const [, member = ''] = /`connectionBundle\.(\w+)`/.exec(description) ?? [];
      expect([name, Object.keys(connectionBundle.shape)]).toEqual([member, expect.arrayContaining([member])]);
    }
  });

  test('says of a set-point what checks it', () => {
    expect(document).toHaveProperty(['components', 'schemas', 'SiteSetpointMessage', 'properties', 'payload'], {
      $ref: '#/components/schemas/VcpSiteSetpointPayload',
    });
    expect(document).toHaveProperty(
      ['components', 'schemas', 'VcpSiteSetpointPayload', 'properties', 'direction', 'enum'],
      ['IMPORT', 'EXPORT'],
    );
  });

  test('is the same every time', () => {
    expect(JSON.stringify(partnerAsyncApi())).toBe(text);
  });

  test('is shown to people with every key and every schema, without a script and with nothing from elsewhere', () => {
    const page = partnerAsyncApiPage();
    for (const { keys } of PARTNER_CHANNELS) for (const key of keys) expect(page).toContain(key);
    for (const name of Object.keys(asyncApi.parse(document).components.schemas)) expect(page).toContain(`id="${name}"`);
    expect(page).not.toMatch(/<script|<link|src=|https?:\/\/(?!json-schema)/);
  });
});
