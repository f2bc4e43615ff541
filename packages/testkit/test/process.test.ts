import { expect, test } from '@jest/globals';
import { eventually, startProcess } from '../src/index.js';

/** A program of the checkout that needs nothing and ends by itself. */
const ENTRY = 'infra/bootstrap.mjs';

test('a started process tells its output and how it ended', async () => {
  const started = await startProcess({ entry: ENTRY, args: ['nothing'], env: {} });
  expect(await started.exited).toEqual({ code: 64, signal: null });
  expect(started.stderr).toEqual([expect.stringContaining('Usage:')]);
  expect(await started.kill()).toEqual({ code: 64, signal: null });
});

test('waiting for a line of a process that ends without it is an error with the output', async () => {
  const started = await startProcess({ entry: ENTRY, env: {} });
  await expect(started.untilLine(/ready/)).rejects.toThrow(/wrote no line like ready.*Usage:/s);
});

test('a program that is not built is an error that says what builds it', async () => {
  await expect(startProcess({ entry: 'apps/nothing/dist/main.js', env: {} })).rejects.toThrow('npm run build');
});

test('eventually passes with the first check that passes, and fails with the last that failed', async () => {
  let checks = 0;
  expect(await eventually(() => (++checks < 3 ? Promise.reject(new Error('not yet')) : checks))).toBe(3);
  await expect(eventually(() => Promise.reject(new Error(`failed ${++checks}`)), { withinMs: 60 })).rejects.toThrow(
    /failed \d+/,
  );
});
