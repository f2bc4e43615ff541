import { expect, test } from '@jest/globals';
import { Acknowledgements } from './acknowledgements.js';

/** What was sent to the channel: one by one, or `<=` for all up to it. */
function taking(...deliveries: readonly string[]) {
  const sent: string[] = [];
  const acknowledgements = new Acknowledgements<string>({
    ack: (some) => sent.push(...some),
    ackUpTo: (delivery) => sent.push(`<=${delivery}`),
  });
  for (const delivery of deliveries) acknowledgements.took(delivery);
  return { acknowledgements, sent };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('what is done in one turn is acknowledged as one', async () => {
  const { acknowledgements, sent } = taking('a', 'b', 'c', 'd');
  for (const delivery of ['b', 'a', 'c']) acknowledgements.done(delivery);
  expect(sent).toEqual([]);
  await nextTurn();
  expect(sent).toEqual(['<=c']);
});

test('nothing that is still to be done is acknowledged with others', async () => {
  const { acknowledgements, sent } = taking('a', 'b', 'c', 'd');
  for (const delivery of ['a', 'd', 'c']) acknowledgements.done(delivery);
  await nextTurn();
  expect(sent).toEqual(['<=a', 'd', 'c']);
  acknowledgements.done('b');
  await nextTurn();
  expect(sent).toEqual(['<=a', 'd', 'c', '<=b']);
});

test('what a lost channel delivered stands in the way of nothing that another delivers', async () => {
  const { acknowledgements, sent } = taking('a', 'b');
  acknowledgements.lost();
  acknowledgements.took('c');
  acknowledgements.done('c');
  await nextTurn();
  expect(sent).toEqual(['<=c']);
});
