import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { StackError } from './errors.js';
import { secretsIn } from './secrets.js';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

test('secrets are made once, kept, and readable by us alone', async () => {
  const first = await secretsIn(root);
  expect(await secretsIn(root)).toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(3);
  expect((await stat(path.join(root, 'secrets.json'))).mode & 0o777).toBe(0o600);
});

test.each(['{', '{}'])('secrets that cannot be read are not replaced: they open the data (%j)', async (text) => {
  await writeFile(path.join(root, 'secrets.json'), text);
  await expect(secretsIn(root)).rejects.toThrow(StackError);
  await expect(secretsIn(root)).rejects.toThrow(/secrets\.json does not hold .* npm start -- --reset/);
});
