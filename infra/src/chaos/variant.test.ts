import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { COMMAND_MUTANTS, COMMAND_PATCHES } from './commands/command-mutants.js';
import { FAIL_POINTS, failPointPatches, failPointsIn } from './fail-points.js';
import { MUTANTS, SCENARIO_PATCHES } from './mutants.js';
import { PatchError, buildVariant, patched } from './variant.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('a patch', () => {
  const file = 'a.js';

  test('is made where its text stands once', () => {
    expect(patched('one two', { file, find: 'two', replace: '$& three' })).toBe('one $& three');
  });

  test.each([
    ['nowhere', 'four'],
    ['twice', 'o'],
  ])('is refused where its text stands %s', (_where, find) => {
    expect(() => patched('one two', { file, find, replace: '' })).toThrow(PatchError);
  });
});

describe('the compiled worker', () => {
  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    'takes the mutation "%s"',
    async (_name, mutant) => {
      const sources = new Map<string, string>();
      for (const patch of [...(SCENARIO_PATCHES[mutant.scenario] ?? []), ...mutant.patches]) {
        const before = sources.get(patch.file) ?? (await readFile(path.join(ROOT, patch.file), 'utf8'));
        sources.set(patch.file, patched(before, patch));
      }
      expect(sources.size > 0 || mutant.policy !== undefined).toBe(true);
    },
  );

  test.each(COMMAND_MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    'takes the mutation "%s"',
    async (_name, { patches }) => {
      const sources = new Map<string, string>();
      for (const patch of [...COMMAND_PATCHES, ...patches]) {
        const before = sources.get(patch.file) ?? (await readFile(path.join(ROOT, patch.file), 'utf8'));
        sources.set(patch.file, patched(before, patch));
      }
      expect(sources.size).toBeGreaterThan(1);
    },
  );

  test('has each fail point once, where it is said to be, and no other', async () => {
    const files = [...new Set(Object.values(FAIL_POINTS))];
    const found = await Promise.all(
      files.map(async (file) => (await failPointsIn(ROOT, file)).map((name) => [name, file])),
    );
    expect(Object.fromEntries(found.flat())).toEqual(FAIL_POINTS);
    expect(found.flat()).toHaveLength(Object.keys(FAIL_POINTS).length);
  });

  test('calls nothing at its fail points', async () => {
    for (const file of new Set(Object.values(FAIL_POINTS))) {
      expect(await readFile(path.join(ROOT, file), 'utf8')).not.toContain('quarterhourFailPoint');
    }
  });

  test('is copied with its packages, changed, and removed', async () => {
    const variant = await buildVariant(ROOT, 'a test', failPointPatches());
    const ingest = path.join(path.dirname(variant.entry), 'ingest.js');
    expect(await readFile(ingest, 'utf8')).toContain('globalThis.quarterhourFailPoint("after_deliver");');
    await variant.remove();
    expect(existsSync(variant.entry)).toBe(false);
  });
});
