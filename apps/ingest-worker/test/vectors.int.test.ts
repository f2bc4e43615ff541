import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listReceipts, NO_ORGANISATION, type QuarantinedRecord } from '@quarterhour/db';
import type { StartedProcess } from '@quarterhour/testkit';
import { aVectorHouse, type Message, type VectorHouse } from './vector-house.js';
import { VECTORS } from './vectors.js';

let at: VectorHouse;
let workers: readonly StartedProcess[];
const published = new Map<string, Message>();
const neighbours: string[] = [];

beforeAll(async () => {
  at = await aVectorHouse();
  workers = [await at.house.startWorker(), await at.house.startWorker()];
  await publishVectors();
}, 90_000);

afterAll(() => at.close());

/** Each between two good samples. */
async function publishVectors(): Promise<void> {
  const messages = VECTORS.flatMap(({ title, to, body, key, properties }) => {
    const message = at.message(to, body(at), {
      ...(key === undefined ? {} : { key: key(at) }),
      ...(properties === undefined ? {} : { properties }),
    });
    published.set(title, message);
    const neighbour = at.sample();
    neighbours.push(neighbour.messageId);
    return [message, at.message('realtime', neighbour)];
  });
  await at.inOneGo(messages);
}

function messageOf(title: string): Message {
  const message = published.get(title);
  if (message === undefined) throw new Error(`${title} was not published`);
  return message;
}

describe('what the worker makes of', () => {
  test.each(VECTORS)('$title', async ({ title, expected }) => {
    const message = messageOf(title);
    const aside = await at.setAside(message);
    if (expected.outcome === 'stored') {
      expect(aside).toBeNull();
      expect(await at.factsOf(message)).toBe(1);
      return;
    }
    expect(aside).toMatchObject({ reason: expected.reason, path: expected.path ?? null, state: 'open' });
    expect(aside?.body.equals(message.body)).toBe(true);
    expect(aside?.bodyBytes).toBe(message.body.length);
    expect(aside?.detail).toMatch(/^.{5,500}$/);
    expect([at.house.organisation.id, NO_ORGANISATION]).toContain(aside?.orgId);
  });
});

describe('among all of that', () => {
  test('every neighbour is stored, and every delivery is counted once', async () => {
    const stored = await at.house.rows('select 1 from app.telemetry_realtime where message_id = any ($1)', neighbours);
    expect(stored).toHaveLength(neighbours.length);
    const counts = await at.house.counts();
    expect(Object.values(counts).reduce((sum, n) => sum + n, 0)).toBe(at.sent());
  });

  test('P8 no prototype was touched, here or in the worker', () => {
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('P14 nothing tells a plant of somebody else from one that does not exist', async () => {
    const [foreign, unknown] = await Promise.all(
      ['P14 a plant of somebody else', 'P14 a plant that nobody has'].map((title) => at.setAside(messageOf(title))),
    );
    const shown = (one: QuarantinedRecord | null | undefined) => [
      one?.orgId,
      one?.reason,
      one?.path,
      one?.detail,
      one?.replayable,
    ];
    expect(shown(foreign)).toEqual(shown(unknown));
  });

  test('a reason can be found by the message id, where one could be made out', async () => {
    const message = messageOf('P11 a text as a power');
    const { messageId }: { messageId: string } = JSON.parse(message.body.toString());
    const page = await at.read.read([at.house.organisation.id], (trx) =>
      listReceipts(trx, { messageId, limit: 10 }, [
        { name: 'outcome', column: 'outcome', as: 'text' },
        { name: 'reason', column: 'reason', as: 'text' },
        { name: 'path', column: 'path', as: 'text' },
      ]),
    );
    expect(JSON.parse(page.json)).toEqual([{ outcome: 'quarantined', reason: 'schema', path: 'payload.fvePowerKw' }]);
  });

  test('P27 headers are kept as they came, or it is said why not', async () => {
    const tooDeep = await at.setAside(messageOf('P27 headers that nobody can keep'));
    expect(tooDeep?.properties).toEqual({ omitted: 'deeper than 16 levels' });
  });

  test('P31 every line of a log is one line of JSON, of bearable length', () => {
    for (const line of workers.flatMap(({ stdout }) => stdout)) {
      expect(() => void JSON.parse(line)).not.toThrow();
      expect(line.length).toBeLessThan(20_000);
      expect(line).not.toContain('\u001b');
    }
    expect(workers.flatMap(({ stderr }) => stderr)).toEqual([]);
  });
});
