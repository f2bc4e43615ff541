import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from '@quarterhour/testkit';
import { readStackEnvironment } from '../src/environment.js';
import type { Purpose } from '../src/stack/index.js';
import { onServer, resetStack, startStack } from '../src/stack/index.js';

const STACK = fileURLToPath(new URL('../dist/stack/index.js', import.meta.url));
const LOCAL = { ...readStackEnvironment({ PATH: '/usr/local/bin:/usr/bin:/bin' }), searchPath: ['/usr/bin', '/bin'] };
const MINUTES = 60_000;

let root = '';
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
  await chmod(root, 0o755);
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

test(
  'what a demo stored survives a kill -9 of everything that started it, in a path that the servers do not stand',
  async () => {
    const directory = path.join(root, 'my checkout', '.quarterhour');
    await mkdir(path.dirname(directory));
    const said: string[] = [];
    const log = (line: string): void => void said.push(line);
    const killed = await startedElsewhere(directory, 'demo');
    await onServer(killed.adminUrl, 'create table kept as select 42 as answer');
    for (const pid of [...keepersOf(killed.folder), killed.pid]) process.kill(pid, 'SIGKILL');
    await killed.exited;

    const stack = await startStack({ directory, purpose: 'demo', log, environment: LOCAL });
    try {
      expect(said).toEqual([
        expect.stringMatching(/my checkout\/\.quarterhour is not used: .* Using \/var\/tmp\/quarterhour-/),
        `Ended servers that an earlier run left behind in ${killed.folder}.`,
      ]);
      expect(await onServer(stack.database.adminUrl, 'select answer from kept')).toEqual([{ answer: 42 }]);
      expect(stack.describe().join('\n')).toContain(killed.folder);
      await expect(resetStack({ directory, log })).rejects.toMatchObject({ code: 'STACK_IN_USE' });
    } finally {
      await stack.stop();
    }
    expect(serversOf(killed.folder)).toEqual([]);

    await resetStack({ directory, log });
    expect(existsSync(killed.folder)).toBe(false);
  },
  3 * MINUTES,
);

test(
  'a run that is killed leaves no server and no folder behind: its keeper ends them',
  async () => {
    const killed = await startedElsewhere(path.join(root, 'checkout'), 'test');
    expect(serversOf(killed.folder).length).toBeGreaterThanOrEqual(2);
    process.kill(killed.pid, 'SIGKILL');
    await eventually(
      () => {
        expect(serversOf(killed.folder)).toEqual([]);
        expect(existsSync(killed.folder)).toBe(false);
      },
      { withinMs: 20_000 },
    );
  },
  2 * MINUTES,
);

describe('a start that cannot succeed says why and what to do', () => {
  const nowhere = { ...LOCAL, rabbitmqBin: '/nowhere' };

  test('when the data are of another Postgres', async () => {
    const directory = path.join(root, 'other-major');
    await mkdir(path.join(directory, 'postgres'), { recursive: true });
    await writeFile(path.join(directory, 'postgres', 'PG_VERSION'), '13\n');
    const starting = startStack({ directory, purpose: 'demo', log: ignore, environment: nowhere });
    await expect(starting).rejects.toThrow(
      /written by Postgres 13; the server found here is \d+.*npm start -- --reset/s,
    );
    expect(existsSync(path.join(directory, 'run.json'))).toBe(false);
    await rm(directory, { recursive: true });
  });

  test('when the named Postgres or RabbitMQ is none', async () => {
    const directory = path.join(root, 'named');
    const environment = { ...nowhere, postgresBin: '/nowhere' };
    const starting = startStack({ directory, purpose: 'demo', log: ignore, environment });
    await expect(starting).rejects.toThrow(
      /QUARTERHOUR_PG_BIN is \/nowhere, but no Postgres 15 or newer runs there.*QUARTERHOUR_RABBITMQ_BIN is \/nowhere/s,
    );
    expect(serversOf(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  }, 60_000);
});

interface Elsewhere {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly folder: string;
  readonly adminUrl: string;
}

/** A runner in a process of its own, which can be killed. */
async function startedElsewhere(directory: string, purpose: Purpose): Promise<Elsewhere> {
  const program = `
    const { startStack } = await import(${JSON.stringify(STACK)});
    const stack = await startStack(${JSON.stringify({ directory, purpose, environment: LOCAL })
      .slice(0, -1)
      .concat(', log() {} }')});
    console.log(JSON.stringify({ folder: stack.folder, adminUrl: stack.database.adminUrl }));
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line]: unknown[] = await once(createInterface(child.stdout), 'line');
  const { folder, adminUrl } = JSON.parse(String(line));
  return { pid: child.pid!, exited, folder, adminUrl };
}

function keepersOf(folder: string): number[] {
  return processes((args) => args.includes('keeper.js') && args.includes(folder));
}

function serversOf(folder: string): number[] {
  return processes((args) => args.includes(folder) && /postgres -D|beam/.test(args));
}

function processes(matches: (args: string) => boolean): number[] {
  const lines = execFileSync('ps', ['-ww', '-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter(matches).map((line) => Number.parseInt(line, 10));
}

function ignore(): void {}
