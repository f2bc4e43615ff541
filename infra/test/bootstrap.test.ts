import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BOOTSTRAP = fileURLToPath(new URL('../bootstrap.mjs', import.meta.url));

test.each([[], ['strat']])('a command that there is not is answered with those that there are (%j)', (...args) => {
  const { status, stderr } = spawnSync(process.execPath, [BOOTSTRAP, ...args], { encoding: 'utf8' });
  expect(status).toBe(64);
  expect(stderr).toBe('Usage: node infra/bootstrap.mjs start|test|check|build [arguments]\n');
});
