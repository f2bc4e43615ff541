import { expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ServerExitedError } from './errors.js';
import { spawnServer, untilReady, withFreshPorts } from './server-process.js';
import type { ServerProcess } from './server-process.js';

test('a server that ends while it is waited for is reported with the end of its log and where the rest is', async () => {
  await withFolder(async (folder) => {
    const server = await shell(folder, 'echo the disk is full >&2; exit 3');
    const waiting = untilReady(server, refusing, { timeoutMs: 10_000 });
    await expect(waiting).rejects.toThrow(ServerExitedError);
    await expect(waiting).rejects.toThrow(/status 3.*server\.log:\n {2}\| the disk is full/s);
    await expect(waiting).rejects.toMatchObject({ portWasTaken: false });
  });
});

test('a server that does not answer in time is reported in the same way', async () => {
  await withFolder(async (folder) => {
    const server = await shell(folder, 'echo still starting; sleep 30');
    try {
      const waiting = untilReady(server, refusing, { timeoutMs: 500 });
      await expect(waiting).rejects.toThrow(/did not answer within 0\.5 s.*\| still starting/s);
    } finally {
      process.kill(-server.pid, 'SIGKILL');
    }
  });
});

test('a port that somebody took in between leads to another try with another port, and at last to the error', async () => {
  let tries = 0;
  const taken = async (): Promise<string> => {
    tries += 1;
    return Promise.reject(new ServerExitedError('bind: Address already in use', true));
  };
  await expect(withFreshPorts(taken)).rejects.toThrow('already in use');
  expect(tries).toBe(3);
  expect(await withFreshPorts(() => (tries++ < 4 ? taken() : Promise.resolve('up')))).toBe('up');
});

test('a program that is not there is an error with its name', async () => {
  await withFolder(async (folder) => {
    const command = { title: 'Nothing', args: [], env: {}, cwd: folder, logFile: path.join(folder, 'server.log') };
    await expect(spawnServer({ ...command, file: '/nowhere/postgres' })).rejects.toThrow(
      /Nothing could not be started: \/nowhere\/postgres: .*ENOENT/,
    );
  });
});

function shell(folder: string, script: string): Promise<ServerProcess> {
  const logFile = path.join(folder, 'server.log');
  return spawnServer({
    title: 'A server',
    file: '/bin/sh',
    args: ['-c', script],
    env: process.env,
    cwd: folder,
    logFile,
  });
}

function refusing(): Promise<never> {
  return Promise.reject(new Error('connection refused'));
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
