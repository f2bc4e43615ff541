import { expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BOOTSTRAP = fileURLToPath(new URL('../bootstrap.mjs', import.meta.url));
/** Stands for what `npm start` hands over to: up until it is told to end, and says so. Not for ever, should nobody tell it. */
const PROGRAM = `
  process.on('SIGTERM', () => { process.stdout.write('ended in order\\n'); process.exit(); });
  setTimeout(() => undefined, 10_000);
  process.stdout.write('up\\n');`;

test.each([[], ['strat']])('a command that there is not is answered with those that there are (%j)', (...args) => {
  const { status, stderr } = spawnSync(process.execPath, [BOOTSTRAP, ...args], { encoding: 'utf8' });
  expect(status).toBe(64);
  expect(stderr).toBe('Usage: node infra/bootstrap.mjs start|test|check|build|bench|chaos [arguments]\n');
});

test('what runs ends in order when the shell that npm runs it by is killed', async () => {
  const checkout = await installedCheckout();
  const start = `"${process.execPath}" infra/bootstrap.mjs start; true`;
  const shell = spawn('sh', ['-c', start], {
    cwd: checkout,
    env: { PATH: '/usr/bin:/bin', npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(shell.stdout);
  expect(await once(lines, 'line')).toEqual(['up']);
  shell.kill('SIGKILL');
  expect(await once(lines, 'line')).toEqual(['ended in order']);
  await rm(checkout, { recursive: true });
});

/** A checkout in which nothing is left to install or to compile. */
async function installedCheckout(): Promise<string> {
  const checkout = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
  await cp(BOOTSTRAP, path.join(checkout, 'infra', 'bootstrap.mjs'));
  const files = {
    'package-lock.json': '{"packages":{}}',
    'node_modules/.package-lock.json': '{"packages":{}}',
    'node_modules/typescript/bin/tsc': '',
    'infra/dist/start.js': PROGRAM,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(checkout, name)), { recursive: true });
    await writeFile(path.join(checkout, name), text);
  }
  return checkout;
}
