import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { commandLine, endProcess, isRunning } from './processes.js';
import type { Ending } from './processes.js';

const AT_ONCE: readonly Ending[] = [{ signal: 'SIGKILL', graceMs: 5_000 }];
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

describe('a recorded process', () => {
  test('is ended when its command line still has the marks', async () => {
    const { pid, exited } = await sleeper('41.5');
    expect(await endProcess({ pid, marks: ['sleep', '41.5'], ending: AT_ONCE })).toBe(true);
    expect(await exited).toEqual([null, 'SIGKILL']);
  });

  test('is left alone when the pid has become somebody else’s', async () => {
    const { pid } = await sleeper('42.5');
    const record = { pid, marks: ['sleep', '/the/folder/of/ours'], ending: AT_ONCE };
    expect(await endProcess(record)).toBe(false);
    expect(await commandLine(pid)).toContain('42.5');
  });

  test('gets the next signal when it does not heed the first', async () => {
    const { pid, exited } = await stubborn();
    const ending: readonly Ending[] = [{ signal: 'SIGTERM', graceMs: 200 }, ...AT_ONCE];
    expect(await endProcess({ pid, marks: ['heeds nothing'], ending })).toBe(true);
    expect(await exited).toEqual([null, 'SIGKILL']);
  });

  test.each([0, 1, -1])('is never one with pid %i, which would address a group or the system', async (pid) => {
    expect(await isRunning({ pid, marks: [''], ending: AT_ONCE })).toBe(false);
    expect(await endProcess({ pid, marks: [''], ending: AT_ONCE })).toBe(false);
  });
});

async function sleeper(seconds: string): Promise<{ pid: number; exited: Promise<unknown[]> }> {
  return started(spawn('sleep', [seconds], { stdio: 'ignore' }));
}

async function stubborn(): Promise<{ pid: number; exited: Promise<unknown[]> }> {
  const program = 'process.on("SIGTERM", () => "heeds nothing"); setInterval(() => {}, 1000); console.log("ready")';
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  const running = await started(child);
  await once(child.stdout, 'data');
  return running;
}

async function started(child: ChildProcess): Promise<{ pid: number; exited: Promise<unknown[]> }> {
  children.push(child);
  const exited = once(child, 'exit');
  await once(child, 'spawn');
  return { pid: child.pid!, exited };
}
