import { beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { z } from 'zod';

const here = import.meta.dirname;
const root = resolve(here, '../../..');
const built = resolve(here, '../dist/index.js');

beforeAll(() => {
  execFileSync(process.execPath, [resolve(root, 'node_modules/typescript/bin/tsc'), '-b', resolve(here, '..')]);
}, 60_000);

const line = z.looseObject({ msg: z.string() });
type Line = z.infer<typeof line>;

/** Starts a process whose start function has this body; it sees `onStop`, `signal`, `note(text)` and `sleep(ms)`. */
function aProcess(body: string, settings = '') {
  const program = `
    import { createLogger, runProcess, sleep } from ${JSON.stringify(built)};
    const note = (text) => process.stdout.write(JSON.stringify({ msg: text }) + '\\n');
    const log = createLogger({ name: 'child', level: 'info' });
    await runProcess({ name: 'child', log, ${settings} }, async (onStop, signal) => { ${body} });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const pieces = (rest + text).split('\n');
    rest = pieces.pop() ?? '';
    lines.push(...pieces.map((piece) => line.parse(JSON.parse(piece))));
    for (const look of watchers) look();
  });
  return {
    child,
    lines,
    messages: () => lines.map(({ msg }) => msg),
    ended: new Promise<number | null>((done) => child.on('close', (status) => done(status))),
    saw: (message: string) =>
      new Promise<void>((done) => {
        const look = () => {
          if (!lines.some(({ msg }) => msg === message)) return;
          watchers.delete(look);
          done();
        };
        watchers.add(look);
        look();
      }),
  };
}

describe('a process that was started', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('closes newest first on %s and ends with status 0', async (signal) => {
    const { child, ended, saw, messages } = aProcess(`
      onStop(async () => { await sleep(50); note('database closed'); });
      onStop(() => note('broker closed'));
      signal.addEventListener('abort', () => note('told to stop'));`);
    await saw('child started');
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(messages()).toEqual([
      'child started',
      'stopping',
      'told to stop',
      'broker closed',
      'database closed',
      'child stopped',
    ]);
  });

  test('finishes what is in hand before it ends', async () => {
    const { child, ended, saw, messages } = aProcess(`
      const batch = sleep(700).then(() => note('batch committed'));
      onStop(() => batch);`);
    await saw('child started');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(messages()).toContain('batch committed');
  });

  test('ends with status 1 when closing takes longer than its budget', async () => {
    const { child, ended, saw, messages } = aProcess('onStop(() => sleep(60_000));', 'stopBudgetMs: 200');
    await saw('child started');
    child.kill('SIGTERM');
    expect(await ended).toBe(1);
    expect(messages()).toContain('stopping took too long');
  });

  test('closes the rest when one closing fails, and ends with status 1', async () => {
    const { child, ended, saw, messages } = aProcess(`
      onStop(() => note('database closed'));
      onStop(() => { throw new Error('broken pipe'); });`);
    await saw('child started');
    child.kill('SIGTERM');
    expect(await ended).toBe(1);
    expect(messages()).toEqual(expect.arrayContaining(['a closing failed', 'database closed']));
  });

  test('is ended at once by a second signal of the same kind', async () => {
    const { child, ended, saw, messages } = aProcess('onStop(() => sleep(60_000));');
    await saw('child started');
    child.kill('SIGTERM');
    await saw('stopping');
    await new Promise((done) => setTimeout(done, 700));
    child.kill('SIGTERM');
    expect(await ended).toBe(1);
    expect(messages()).toContain('stopping at once');
  });

  test('takes a Ctrl-C that arrives twice, from terminal and runner, for one request', async () => {
    const { child, ended, saw } = aProcess('onStop(() => sleep(400));');
    await saw('child started');
    child.kill('SIGINT');
    await saw('stopping');
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  test('stays alive with nothing open', async () => {
    const { child, ended, saw } = aProcess('');
    await saw('child started');
    await new Promise((done) => setTimeout(done, 300));
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('a process that cannot start', () => {
  test('closes what it had opened, newest first, says why and ends with status 1', async () => {
    const { ended, lines, messages } = aProcess(`
      onStop(() => note('database closed'));
      onStop(() => note('broker closed'));
      throw new Error('no consumer', { cause: new Error('queue is missing') });`);
    expect(await ended).toBe(1);
    expect(messages()).toEqual(['child could not start', 'broker closed', 'database closed', 'child stopped']);
    expect(lines[0]).toMatchObject({ level: 'fatal', err: { cause: { message: 'queue is missing' } } });
  });

  test('closes also what a start opens that is interrupted by a signal', async () => {
    const { child, ended, saw, messages } = aProcess(`
      note('opening');
      await sleep(300, signal);
      onStop(() => note('opened late, closed all the same'));`);
    await saw('opening');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(messages()).toContain('opened late, closed all the same');
  });
});

describe('a bug', () => {
  test.each([
    ['unhandled rejection', "void sleep(20).then(() => { throw new Error('lost'); });"],
    ['uncaught exception', "setTimeout(() => { throw new Error('lost'); }, 20);"],
  ])('%s is written down and ends the process with status 1', async (message, body) => {
    const { ended, lines } = aProcess(body);
    expect(await ended).toBe(1);
    expect(lines.at(-1)).toMatchObject({ level: 'fatal', msg: message, err: { message: 'lost' } });
  });
});
