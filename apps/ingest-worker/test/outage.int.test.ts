import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { QUEUES } from '@quarterhour/contracts';
import { dispatchStream } from '@quarterhour/ingestion';
import { readiness } from '@quarterhour/runtime';
import { aDispatch, eventually } from '@quarterhour/testkit';
import { brokerCheck, databaseCheck } from '../src/health.js';
import { aStreamHouse, type StreamHouse } from './stream-house.js';

const OUTAGE_MS = 20_000;
const GIVE_BACK_AFTER_MS = 5_000;
const WATCH_MS = 500;
/** How long it may take until the page tells of an outage: a broken connection has to be noticed first. */
const NOTICED_AFTER_MS = 6_000;
const MESSAGES_PER_PHASE = 150;

interface Course {
  /** What the readiness said, from the time on by which it must have noticed. */
  readonly during: readonly boolean[];
  readonly counts: Record<string, number>;
  readonly stored: object | undefined;
}

const OUTAGES: readonly (readonly [string, (house: StreamHouse) => unknown])[] = [
  ['the database refuses connections', ({ databaseProxy }) => databaseProxy.refuse()],
  ['the database swallows everything', ({ databaseProxy }) => databaseProxy.swallow()],
  ['the broker refuses connections', ({ brokerProxy }) => brokerProxy.refuse()],
  [
    'both refuse connections',
    ({ brokerProxy, databaseProxy }) => Promise.all([brokerProxy.refuse(), databaseProxy.refuse()]),
  ],
];

/** All at once, each on servers of its own: one after the other would take minutes. */
let courses: Map<string, Course | { readonly error: unknown }>;
const houses: StreamHouse[] = [];

beforeAll(async () => {
  const entries = OUTAGES.map(async ([what, begin]) => {
    const course = await endure(begin).catch((error: unknown) => ({ error }));
    return [what, course] as const;
  });
  courses = new Map(await Promise.all(entries));
}, 180_000);

afterAll(() => Promise.all(houses.map((house) => house.close())), 60_000);

describe.each(OUTAGES)('while %s for 20 s', (what) => {
  test('the stream is not ready, and afterwards recovers by itself with everything stored exactly once', () => {
    const course = courses.get(what);
    if (course === undefined || 'error' in course) throw course?.error;
    const all = 3 * MESSAGES_PER_PHASE;
    expect(course.stored).toEqual({ commands: all, receipts: all, quarantined: 0, suspects: 0 });
    expect(course.counts['dispatch stored']).toBe(all);
    expect(course.during.length).toBeGreaterThan(5);
    expect(course.during.filter((ok) => ok)).toEqual([]);
  });
});

async function endure(begin: (house: StreamHouse) => unknown): Promise<Course> {
  const house = await aStreamHouse();
  houses.push(house);
  const stream = await house.aStream(dispatchStream, { giveBackAfterMs: GIVE_BACK_AFTER_MS, quietMessages: 10 });
  await stream.consume(QUEUES.dispatch);
  const watching = setInterval(() => void house.watchdog.look(), WATCH_MS);
  const isReady = async () =>
    (await readiness([databaseCheck(house.ingest), brokerCheck(house.broker), stream.healthCheck])).ok;
  try {
    await publish(house);
    await eventually(async () => expect(await isReady()).toBe(true));

    await begin(house);
    const began = performance.now();
    await publish(house);
    const during: boolean[] = [];
    while (performance.now() - began < OUTAGE_MS) {
      const ok = await isReady();
      if (performance.now() - began > NOTICED_AFTER_MS) during.push(ok);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await Promise.all([house.brokerProxy.restore(), house.databaseProxy.restore()]);

    await publish(house);
    await eventually(
      async () => {
        expect((await house.counts())['dispatch stored']).toBe(3 * MESSAGES_PER_PHASE);
        expect(await house.broker.depthOf(QUEUES.dispatch)).toMatchObject({ ready: 0 });
        expect(await isReady()).toBe(true);
      },
      { withinMs: 60_000 },
    );
    const [stored] = await house.rows(`
      select (select count(*)::int from app.dispatch) as commands, (select count(*)::int from app.receipt) as receipts,
        (select count(*)::int from app.quarantine) as quarantined, (select count(*)::int from ops.suspect) as suspects`);
    return { during, stored, counts: await house.counts() };
  } finally {
    clearInterval(watching);
  }
}

async function publish(house: StreamHouse): Promise<void> {
  const messages = Array.from({ length: MESSAGES_PER_PHASE }, () => aDispatch({ asset_id: house.asset }));
  await Promise.all(messages.map((message) => house.publishDispatch(message)));
}
