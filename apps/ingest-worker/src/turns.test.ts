import { describe, expect, test } from '@jest/globals';
import { Turns } from './turns.js';

const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

function recorded(most: number) {
  const worked: (readonly number[])[] = [];
  return { worked, turns: new Turns<number>(most, (items) => worked.push(items)) };
}

describe('Turns', () => {
  test('works off what came together in the next turn, and not at once', async () => {
    const { worked, turns } = recorded(10);
    turns.add(1);
    turns.add(2);
    expect(worked).toEqual([]);
    expect(turns.waiting).toBe(2);
    await turnOfTheLoop();
    expect(worked).toEqual([[1, 2]]);
    expect(turns.waiting).toBe(0);
  });

  test('takes no more in one turn than it may, and lets others have theirs in between', async () => {
    const { worked, turns } = recorded(2);
    for (const item of [1, 2, 3, 4, 5]) turns.add(item);
    await turnOfTheLoop();
    expect(worked).toEqual([[1, 2]]);
    await turnOfTheLoop();
    expect(worked).toEqual([
      [1, 2],
      [3, 4],
    ]);
    await turns.done();
    expect(worked.flat()).toEqual([1, 2, 3, 4, 5]);
  });

  test('keeps the order of what comes while something waits', async () => {
    const { worked, turns } = recorded(2);
    for (const item of [1, 2, 3]) turns.add(item);
    await turnOfTheLoop();
    turns.add(4);
    await turns.done();
    expect(worked.flat()).toEqual([1, 2, 3, 4]);
  });

  test('begins again after it had nothing to do', async () => {
    const { worked, turns } = recorded(2);
    turns.add(1);
    await turns.done();
    turns.add(2);
    await turns.done();
    expect(worked).toEqual([[1], [2]]);
  });

  test('is done at once when there is nothing', async () => {
    await recorded(2).turns.done();
  });
});
