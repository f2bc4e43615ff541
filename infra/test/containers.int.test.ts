import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testServers } from '@quarterhour/testkit';
import { readStackEnvironment } from '../src/environment.js';
import type { StackEnvironment } from '../src/environment.js';
import { findEngine, runPostgresContainer, runRabbitmqContainer } from '../src/stack/containers.js';
import { endContainer } from '../src/stack/docker.js';
import type { ServerRecord } from '../src/stack/run-file.js';
import type { Purpose, StartOptions } from '../src/stack/stack.js';

/**
 * There need not be an engine where the suite runs: a script in its place notes how it is called and answers with the
 * ports of the suite's own servers.
 */
let folder = '';
const records: ServerRecord[] = [];
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-unit-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('a container engine', () => {
  test('is used when it answers, and only on this machine', async () => {
    const env = await withEngine('exit 0');
    expect(await findEngine(env, ignore)).toBe(path.join(folder, 'docker'));
    expect(await findEngine({ ...env, dockerHost: 'tcp://elsewhere:2375' }, ignore)).toBeUndefined();
  });

  test('is not used when its program is there and the engine is not', async () => {
    expect(await findEngine(await withEngine('exit 1'), ignore)).toBeUndefined();
  });

  test('is not there', async () => {
    expect(await findEngine(readStackEnvironment({ PATH: '/nowhere' }), ignore)).toBeUndefined();
  });
});

describe('servers in containers', () => {
  test('are published on the loopback interface only, keep demo data in a volume, and get no secret as an argument', async () => {
    const { adminDatabaseUrl } = testServers();
    const { port, password } = new URL(adminDatabaseUrl);
    const engine = await engineWithPorts({ 5432: port });
    const server = await runPostgresContainer(engine, password, optionsFor('demo'));
    expect(server).toMatchObject({ adminUrl: adminDatabaseUrl, source: 'container postgres:18' });
    const run = (await calls()).find((call) => call.startsWith('run '));
    expect(run).toMatch(
      /--publish 127\.0\.0\.1::5432 .*--volume quarterhour-[0-9a-f]{12}-postgres:\/var\/lib\/postgresql /,
    );
    expect(run).not.toContain(password);
    expect(run).not.toContain('fsync=off');
  });

  test('get our topology, and a volume for what the broker keeps', async () => {
    const { amqpUrl, rabbitmqApiUrl } = testServers();
    const engine = await engineWithPorts({ 5672: new URL(amqpUrl).port, 15672: new URL(rabbitmqApiUrl).port });
    const server = await runRabbitmqContainer(engine, new URL(amqpUrl).password, optionsFor('demo'));
    expect(server).toMatchObject({ amqpUrl, source: 'container rabbitmq:4-management' });
    expect((await calls()).findLast((call) => call.startsWith('run '))).toContain(':/var/lib/rabbitmq ');
  });

  test('let partners in over TLS, at a port that stays, and ask this machine about them', async () => {
    const { amqpUrl, rabbitmqApiUrl } = testServers();
    const engine = await engineWithPorts({ 5672: new URL(amqpUrl).port, 15672: new URL(rabbitmqApiUrl).port });
    const { password } = new URL(amqpUrl);
    const { partners } = await runRabbitmqContainer(engine, password, optionsFor('demo'));
    const run = (await calls()).findLast((call) => call.startsWith('run '));
    expect(run).toContain(`--publish 127.0.0.1:${partners?.port ?? 0}:5671 `);
    const [, mounted = ''] = /--volume (\S+):\/run\/quarterhour:ro /.exec(run ?? '') ?? [];
    expect((await stat(mounted)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(mounted, 'tls', 'server.key'))).mode & 0o777).toBe(0o600);
    const configuration = await readFile(path.join(mounted, 'partners.conf'), 'utf8');
    expect(configuration).toContain(`user_path = http://host.docker.internal:${partners?.auth.port ?? 0}/user`);
    expect(await readFile(partners?.caFile ?? '', 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----/);

    const again = await runRabbitmqContainer(engine, password, optionsFor('demo'));
    expect(again.partners).toEqual(partners);
  });

  test('are recorded before they run, and stopped before they are removed', async () => {
    const record = records.at(-1);
    if (record === undefined || !('container' in record)) throw new Error('no container was recorded');
    expect(await endContainer(record)).toBe(true);
    expect((await calls()).slice(-2)).toEqual([
      `stop -t 20 ${record.container}`,
      `rm --force --volumes ${record.container}`,
    ]);
  });
});

async function engineWithPorts(ports: Record<number, string>): Promise<string> {
  const answers = Object.entries(ports).map(([inside, outside]) => `*' '${inside}/tcp*) echo 127.0.0.1:${outside};;`);
  await withEngine(`case "$*" in port*) case "$*" in ${answers.join(' ')} esac;; esac`);
  return path.join(folder, 'docker');
}

async function withEngine(script: string): Promise<StackEnvironment> {
  const program = path.join(folder, 'docker');
  await writeFile(program, `#!/bin/sh\necho "$*" >> '${folder}/calls'\n${script}\n`);
  await chmod(program, 0o755);
  return { ...readStackEnvironment({}), searchPath: [folder] };
}

async function calls(): Promise<string[]> {
  return (await readFile(path.join(folder, 'calls'), 'utf8')).trimEnd().split('\n');
}

function optionsFor(purpose: Purpose): StartOptions {
  const run = {
    record: (server: ServerRecord) => Promise.resolve(void records.push(server)),
    end: () => Promise.resolve(),
  };
  return { folder, purpose, run, log: ignore, signal: undefined };
}

function ignore(): void {}
