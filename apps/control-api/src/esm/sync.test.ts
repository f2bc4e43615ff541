import { expect, test } from '@jest/globals';
import type { PlantRow } from '@quarterhour/db';
import { matched } from './sync.js';

const plant = (id: string, externalPlantId: string | null, name = id): PlantRow => ({
  orgId: 'org',
  id,
  externalPlantId,
  name,
  timeZone: 'Europe/Berlin',
  marketZone: 'Europe/Berlin',
});
const match = (plants: readonly PlantRow[], listed: readonly unknown[]) => {
  const { links, troubles } = matched(plants, listed);
  return { links: links.map((link) => `${link.plant.id} = ${link.externalPlantId}`), troubles };
};

test('a plant that has the id of the list is linked already, whatever it is called', () => {
  const found = match([plant('a', 'E1'), plant('b', null, 'Roof')], [{ externalPlantId: 'E1', name: 'Roof' }]);
  expect(found).toEqual({ links: [], troubles: [] });
});

test('a plant without a link takes the id of the one in the list that has its name', () => {
  const found = match(
    [plant('a', null, 'Roof'), plant('b', 'E9', 'Roof'), plant('c', null, 'Barn')],
    [{ externalPlantId: 'E1', name: 'Roof', more: 'members' }, { externalPlantId: 'E2' }],
  );
  expect(found).toEqual({ links: ['a = E1'], troubles: ['E2: not registered here'] });
});

test('a name that two have on either side links nothing', () => {
  const twoOfOurs = match(
    [plant('a', null, 'Roof'), plant('b', null, 'Roof')],
    [{ externalPlantId: 'E1', name: 'Roof' }],
  );
  const twoOfTheirs = match(
    [plant('a', null, 'Roof')],
    [
      { externalPlantId: 'E1', name: 'Roof' },
      { externalPlantId: 'E2', name: 'Roof' },
    ],
  );
  expect([twoOfOurs.links, twoOfTheirs.links]).toEqual([[], []]);
  expect([twoOfOurs.troubles.length, twoOfTheirs.troubles.length]).toEqual([1, 2]);
});

test('no plant is linked twice, and no link is moved', () => {
  const found = match(
    [plant('a', 'E1', 'Roof')],
    [
      { externalPlantId: 'E2', name: 'Roof' },
      { externalPlantId: 'E1', name: 'Roof' },
      { externalPlantId: 'E1', name: 'Barn' },
    ],
  );
  expect(found).toEqual({ links: [], troubles: ['E2: not registered here', 'E1: listed twice'] });
});

test.each([
  ['nothing', null],
  ['a text', 'E1'],
  ['no id', { name: 'Roof' }],
  ['an empty id', { externalPlantId: '', name: 'Roof' }],
  ['a number', { externalPlantId: 7, name: 'Roof' }],
  ['an id that ends a line', { externalPlantId: 'E1\r\nHost: b', name: 'Roof' }],
  ['an id that turns round', { externalPlantId: 'E\u202e1', name: 'Roof' }],
  ['an id with something invisible', { externalPlantId: 'E\u200b1', name: 'Roof' }],
  ['an id longer than any', { externalPlantId: 'E'.repeat(201), name: 'Roof' }],
  ['a name that is none', { externalPlantId: 'E1', name: {} }],
])('%s is no plant', (_what, item) => {
  expect(match([plant('a', null, 'Roof')], [item])).toEqual({ links: [], troubles: ['no. 1: not a plant'] });
});
