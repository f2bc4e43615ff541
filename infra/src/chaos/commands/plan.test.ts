import { expect, test } from '@jest/globals';
import { FAULTS, planFaults } from './plan.js';

test('every fault comes in every round, in an order that follows from the seed', () => {
  const faults = planFaults('a').map(({ fault }) => fault);
  expect(FAULTS.filter((fault) => !faults.slice(0, 6).includes(fault))).toEqual([]);
  expect(planFaults('a')).toEqual(planFaults('a'));
  expect(planFaults('a')).not.toEqual(planFaults('b'));
});
