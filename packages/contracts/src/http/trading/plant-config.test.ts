import { describe, expect, test } from '@jest/globals';
import { updatePlantConfigBody, type TimeConfig } from './plant-config.js';

const block = (different: Partial<TimeConfig> = {}): TimeConfig => ({
  from: '00:00',
  to: '06:00',
  pBatMin: -10,
  pBatMax: 10,
  socMin: 20,
  socMax: 95,
  ...different,
});
const complaintsAbout = (...blocks: readonly object[]): string[] => {
  const { error } = updatePlantConfigBody.safeParse({ timeConfigs: blocks });
  return (error?.issues ?? []).map(({ path }) => path.join('.'));
};
const quarterHour = (n: number): string =>
  `${String(Math.floor(n / 4)).padStart(2, '0')}:${String((n % 4) * 15).padStart(2, '0')}`;
const quarterHours = (count: number): TimeConfig[] =>
  Array.from({ length: count }, (_, n) => block({ from: quarterHour(n), to: n === 95 ? '23:59' : quarterHour(n + 1) }));

describe('the blocks of a plant’s configuration', () => {
  test.each([
    ['none', []],
    ['one of the whole day', [block({ to: '23:59' })]],
    ['two that touch, in any order', [block({ from: '06:00', to: '12:00' }), block()]],
    ['one of a single value', [block({ pBatMin: 0, pBatMax: 0, socMin: 50, socMax: 50 })]],
    ['the bounds of charge', [block({ socMin: 0, socMax: 100 })]],
    ['the 96 quarter hours of a day', quarterHours(96)],
  ])('may be %s', (_what, blocks) => {
    expect(complaintsAbout(...blocks)).toEqual([]);
  });

  test.each([
    ['97', [...quarterHours(96), block()], ['timeConfigs']],
    ['one that ends when it begins', [block({ to: '00:00' })], ['timeConfigs.0.to']],
    ['one over midnight', [block({ from: '22:00', to: '02:00' })], ['timeConfigs.0.to']],
    ['24:00', [block({ to: '24:00' })], ['timeConfigs.0.to']],
    ['a time without its zero', [block({ from: '6:00' })], ['timeConfigs.0.from']],
    ['a time with seconds', [block({ from: '06:00:00' })], ['timeConfigs.0.from']],
    ['power the wrong way round', [block({ pBatMin: 1, pBatMax: 0 })], ['timeConfigs.0.pBatMax']],
    ['charge the wrong way round', [block({ socMin: 90, socMax: 10 })], ['timeConfigs.0.socMax']],
    ['charge below nothing', [block({ socMin: -1 })], ['timeConfigs.0.socMin']],
    ['charge beyond full', [block({ socMax: 100.5 })], ['timeConfigs.0.socMax']],
    ['a number as a text', [{ ...block(), pBatMin: '1' }], ['timeConfigs.0.pBatMin']],
    ['a member more', [{ ...block(), colour: 'red' }], ['timeConfigs.0']],
    [
      'two that overlap, whichever comes first',
      [block({ from: '05:59', to: '12:00' }), block()],
      ['timeConfigs.0.from'],
    ],
    ['the same one twice', [block(), block()], ['timeConfigs.1.from']],
    ['one within another', [block({ to: '12:00' }), block({ from: '03:00', to: '04:00' })], ['timeConfigs.1.from']],
    [
      'one beyond a short one within another',
      [block({ to: '12:00' }), block({ from: '03:00', to: '04:00' }), block({ from: '05:00', to: '06:00' })],
      ['timeConfigs.1.from', 'timeConfigs.2.from'],
    ],
  ])('may not be %s', (_what, blocks, complaints) => {
    expect(complaintsAbout(...blocks)).toEqual(complaints);
  });

  test('are all complained about at once', () => {
    expect(complaintsAbout(block({ pBatMin: 11, socMin: 96 }), block({ to: '00:00' }))).toHaveLength(4);
  });
});
