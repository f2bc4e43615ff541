import { expect, test } from '@jest/globals';
import { ConfirmLostError, type OutgoingMessage, type Publisher } from '@quarterhour/messaging';
import { createLogger } from '@quarterhour/runtime';
import { Lane, LANE_WINDOW } from './lane.js';

const log = createLogger({ name: 'test', level: 'fatal' });

/** A lane whose broker answers when the test says so. */
function aLane({ isOpen = true } = {}) {
  const state = { now: 0, isOpen, told: 0, dropped: 0 };
  const sent: { id: string; confirm: () => void; lose: () => void }[] = [];
  const done: string[] = [];
  const publisher: Publisher = {
    publish: ({ messageId = '' }: OutgoingMessage) =>
      new Promise((resolve, reject) =>
        sent.push({ id: messageId, confirm: resolve, lose: () => reject(new ConfirmLostError('lost')) }),
      ),
    room: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const clock = { monotonicMillis: () => state.now, nowMillis: () => state.now, nowInstantText: () => '' };
  const lane = new Lane({ clock, log }, () => (state.isOpen ? publisher : null), {
    told: () => (state.told += 1),
    dropped: () => (state.dropped += 1),
  });
  const add = (id: string, isCurrent = true) =>
    lane.add({
      message: { exchange: 'vcp', routingKey: 'key', body: Buffer.from(id), messageId: id },
      isCurrent: () => isCurrent,
      done: () => done.push(id),
    });
  return { lane, state, sent, done, add };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const numbered = (count: number) => Array.from({ length: count }, (_, index) => String(index));

test('what is confirmed is done and told, and makes room for the next', async () => {
  const { lane, state, sent, done, add } = aLane();
  for (const id of numbered(LANE_WINDOW + 1)) add(id);
  expect(sent).toHaveLength(LANE_WINDOW);
  sent[0]?.confirm();
  await settled();
  expect(sent).toHaveLength(LANE_WINDOW + 1);
  expect([done, state.told, state.dropped]).toEqual([['0'], 1, 0]);
  lane.close();
});

test('what is lost on the way is sent again, before what came later, and is done once', async () => {
  const { lane, state, sent, done, add } = aLane();
  for (const id of ['a', 'b']) add(id);
  sent[0]?.lose();
  sent[1]?.lose();
  await settled();
  add('c');
  await new Promise((resolve) => setTimeout(resolve, 350));
  expect(sent.slice(2).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  for (const { confirm } of sent) confirm();
  await settled();
  expect([done, state.dropped]).toEqual([['a', 'b', 'c'], 0]);
  lane.close();
});

test('nothing is given up before a lane is stalled; then its oldest go first, and are counted', () => {
  const { lane, state, done, add } = aLane({ isOpen: false });
  for (const id of numbered(300)) add(id);
  expect([lane.isStalled, lane.held]).toEqual([false, 300]);
  state.now = 2_001;
  expect(lane.isStalled).toBe(true);
  lane.trimTo(100);
  expect([lane.held, state.dropped, done]).toEqual([100, 200, numbered(200)]);
  lane.close();
});

test('what was sent and given up counts as dropped only when it is lost after all', async () => {
  const { lane, state, sent, done, add } = aLane();
  for (const id of ['a', 'b', 'c']) add(id);
  state.now = 2_001;
  lane.trimTo(1);
  expect([done, lane.held, state.dropped]).toEqual([['a', 'b'], 1, 0]);
  sent[0]?.confirm();
  sent[1]?.lose();
  await settled();
  expect([done, state.told, state.dropped]).toEqual([['a', 'b'], 1, 1]);
  lane.close();
});

test('what comes again by itself is not sent from here', () => {
  const { lane, sent, done, add } = aLane();
  add('gone', false);
  expect([sent, done]).toEqual([[], ['gone']]);
  lane.close();
});

test('how long a lane waits is counted from when it had something to send, and anew with each confirm', async () => {
  const { lane, state, sent, add } = aLane();
  state.now = 5_000;
  expect([lane.waitedMs, lane.isStalled]).toEqual([0, false]);
  add('a');
  add('b');
  state.now = 8_000;
  expect([lane.waitedMs, lane.isStalled]).toEqual([3_000, true]);
  sent[0]?.confirm();
  await settled();
  expect([lane.waitedMs, lane.isStalled]).toEqual([0, false]);
  lane.trimTo(0);
  expect(lane.held).toBe(0);
  lane.close();
});
