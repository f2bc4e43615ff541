import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { StackInUseError } from './errors.js';
import { clearEphemeralLeftovers, takeFolder } from './run-file.js';
import type { Run } from './run-file.js';

let folder = '';
const said: string[] = [];
const log = (line: string): void => void said.push(line);
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
});
afterEach(async () => {
  said.splice(0);
  await rm(folder, { recursive: true });
});

describe('a folder in use', () => {
  test('is refused to a second run, which is told by whom', async () => {
    const run = await takeFolder(folder, log);
    const second = takeFolder(folder, log);
    await expect(second).rejects.toThrow(StackInUseError);
    await expect(second).rejects.toThrow(new RegExp(`process ${process.pid}: .*${folder}`, 's'));
    await run.end();
  });

  test('is given to one of two that ask at once', async () => {
    const asked = await Promise.allSettled([takeFolder(folder, log), takeFolder(folder, log)]);
    expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('is free again after the end of the run, whose servers are ended, the latest first', async () => {
    const run = await takeFolder(folder, log);
    const [first, second] = [await sleeper('51.5'), await sleeper('52.5')];
    const order: string[] = [];
    void first.exited.then(() => order.push('first'));
    void second.exited.then(() => order.push('second'));
    await run.record(first.record);
    await run.record(second.record);
    await run.end();
    await Promise.all([first.exited, second.exited]);
    expect(order).toEqual(['second', 'first']);
    expect(existsSync(path.join(folder, 'run.json'))).toBe(false);
  });
});

describe('a run that was killed', () => {
  test('leaves the folder to the next one, which ends what is still running', async () => {
    const { record, exited } = await sleeper('53.5');
    await leaveRunFile({ runner: { pid: 2 ** 22 + 1, commandLine: 'node start.js', start: '1' }, servers: [record] });
    const run = await takeFolder(folder, log);
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect(said).toEqual([`Ended servers that an earlier run left behind in ${folder}.`]);
    await run.end();
  });

  test('is recognised when its pid has become another process’s', async () => {
    const ours = await runnerOf(await takeFolder(folder, log));
    await leaveRunFile({ runner: { ...ours, commandLine: 'node something else' }, servers: [] });
    expect(await runnerOf(await takeFolder(folder, log))).toEqual(ours);
  });

  test('is recognised when its pid and command line have come again, as they do in containers', async () => {
    const ours = await runnerOf(await takeFolder(folder, log));
    await leaveRunFile({ runner: { ...ours, start: 'before' }, servers: [] });
    expect(await runnerOf(await takeFolder(folder, log))).toEqual(ours);
  });

  test('may leave half a file', async () => {
    await writeFile(path.join(folder, 'run.json'), '{"runner": {');
    await (await takeFolder(folder, log)).end();
    expect(said).toEqual([]);
  });
});

test('a test run whose file cannot be read is left alone: it may be a live one of another version', async () => {
  const other = await mkdtemp(path.join(tmpdir(), 'quarterhour-test-'));
  await writeFile(path.join(other, 'run.json'), '{"runner":"of another version"}');
  await clearEphemeralLeftovers();
  expect(await readFile(path.join(other, 'run.json'), 'utf8')).toContain('another version');
  await rm(other, { recursive: true });
});

/** What the file says of a run's runner; the run is ended. */
async function runnerOf(run: Run): Promise<object> {
  const { runner }: { runner: object } = JSON.parse(await readFile(path.join(folder, 'run.json'), 'utf8'));
  await run.end();
  return runner;
}

async function leaveRunFile(state: object): Promise<void> {
  await writeFile(path.join(folder, 'run.json'), JSON.stringify(state));
}

async function sleeper(seconds: string) {
  const child = spawn('sleep', [seconds], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  await once(child, 'spawn');
  const ending = [{ signal: 'SIGKILL', graceMs: 5_000 }] as const;
  return { exited, record: { pid: child.pid!, marks: ['sleep', seconds], ending } };
}
