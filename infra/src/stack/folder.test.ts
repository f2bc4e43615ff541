import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chooseFolder, ephemeralFolder, foldersOf } from './folder.js';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
});
afterEach(async () => {
  for (const folder of ['checkout', 'my checkout', 'prüfung'].flatMap((name) => foldersOf(path.join(root, name)))) {
    await rm(folder, { recursive: true, force: true });
  }
  await rm(root, { recursive: true });
});

describe('the folder for what is made locally', () => {
  test('is the one asked for in an ordinary path, and nobody else may list it', async () => {
    const asked = path.join(root, 'checkout');
    expect(await chooseFolder(asked, undefined)).toEqual({ path: asked });
    expect((await stat(asked)).mode & 0o777).toBe(0o700);
  });

  test.each(['my checkout', 'prüfung'])('is one below /var/tmp for the path %j, the same every time', async (name) => {
    const asked = path.join(root, name);
    const chosen = await chooseFolder(asked, undefined);
    expect(chosen.path).toMatch(/^\/var\/tmp\/quarterhour-\d+-[0-9a-f]{12}$/);
    expect(chosen.because).toContain('characters');
    expect(await chooseFolder(asked, undefined)).toEqual(chosen);
  });

  test('is one below /var/tmp when the user that Postgres runs as cannot pass through the path', async () => {
    await mkdir(path.join(root, 'checkout'), { mode: 0o700 });
    const stranger = { name: 'stranger', uid: 4242, gid: 4242 };
    const chosen = await chooseFolder(path.join(root, 'checkout', 'inner'), stranger);
    await rm(chosen.path, { recursive: true });
    expect(chosen.path).toMatch(/^\/var\/tmp\//);
    expect(chosen.because).toContain('the user stranger cannot reach it');
  });
});

describe('the folder of a test run', () => {
  test('is in the first place that can hold the servers', async () => {
    const places = ['my tmp', 'tmp', 'tmp2'].map((name) => path.join(root, name));
    for (const place of places) await mkdir(place);
    expect(path.dirname(await ephemeralFolder(undefined, places))).toBe(path.join(root, 'tmp'));
    expect(await readdir(path.join(root, 'my tmp'))).toEqual([]);
  });

  test('is refused with every reason when there is no such place', async () => {
    const place = path.join(root, 'my tmp');
    await mkdir(place);
    await expect(ephemeralFolder(undefined, [place])).rejects.toThrow(
      /my tmp\/quarterhour-test-\w+: its path has char/,
    );
  });
});
