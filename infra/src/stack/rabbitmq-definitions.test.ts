import { describe, expect, test } from '@jest/globals';
import { MAX_MESSAGE_BYTES } from '@quarterhour/contracts';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { containerConfiguration, containerStartScript, PLUGINS } from './partner-access.js';
import { brokerDefinitions, definitionsWithUser } from './rabbitmq-definitions.js';

describe('the definitions of the broker', () => {
  test('in infra/rabbitmq/definitions.json, which containers load, are those that the code makes', async () => {
    const committed = await readFile(new URL('../../rabbitmq/definitions.json', import.meta.url), 'utf8');
    expect(JSON.parse(committed)).toEqual(brokerDefinitions());
  });

  test('come with the limit on messages that local servers have', async () => {
    const limits = await readFile(new URL('../../rabbitmq/limits.conf', import.meta.url), 'utf8');
    expect(limits).toContain(`\nmax_message_size = ${MAX_MESSAGE_BYTES}\n`);
  });

  test('come with what containers are told about partners, as the code says it', async () => {
    const committed = (name: string) => readFile(new URL(`../../rabbitmq/${name}`, import.meta.url), 'utf8');
    expect(await committed('partners.conf')).toBe(`${containerConfiguration('http://control-api:8083').join('\n')}\n`);
    expect(await committed('enabled_plugins')).toBe(PLUGINS);
    expect(await containerStartScript()).toContain('exec docker-entrypoint.sh rabbitmq-server');
  });

  test('declare only durable quorum queues, whose type is their only argument', () => {
    for (const queue of brokerDefinitions().queues) {
      expect(queue).toMatchObject({ durable: true, auto_delete: false, arguments: { 'x-queue-type': 'quorum' } });
    }
  });

  test('bind no queue that we take from to keys that are ours to publish', () => {
    const { bindings } = brokerDefinitions();
    const ours = bindings.filter((binding) => String(binding['routing_key']).includes('event'));
    expect(ours.map((binding) => binding['destination'])).toEqual(['fleet.registry']);
  });

  test('hold a password only as a salted hash', () => {
    const definitions = JSON.stringify(definitionsWithUser('somebody', 'open sesame'));
    expect(definitions).not.toContain('open sesame');
    const [{ password_hash: hash }] = JSON.parse(definitions).users;
    const bytes = Buffer.from(String(hash), 'base64');
    const expected = createHash('sha256').update(bytes.subarray(0, 4)).update('open sesame').digest();
    expect(bytes.subarray(4)).toEqual(expected);
  });
});
