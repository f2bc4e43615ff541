import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { nodeArgumentsOf } from '../src/node-arguments.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const compose = read('docker-compose.yml');
const dockerfile = read('infra/docker/Dockerfile');
/** Where the variables of every API stand; of the second all have a default. */
const SHARED = [
  'packages/http/src/service.ts',
  'packages/http/src/protection.ts',
  'packages/http/src/partner-broker.ts',
];

describe('docker-compose.yml', () => {
  test.each([
    ['ingest-worker', 'ingest-worker'],
    ['read-api', 'read-api'],
    ['control-api', 'control-api'],
  ])('tells %s everything that it must be told, and nothing that it does not read', (service, app) => {
    const { known, required } = variablesReadBy(`apps/${app}/src/config.ts`);
    const told = environmentOf(service);

    expect(told.filter((name) => !known.includes(name.replace(/_FILE$/, '')))).toEqual([]);
    expect(required.filter((name) => !told.includes(name))).toEqual([]);
    const command = ['node', ...nodeArgumentsOf(app), `apps/${app}/dist/main.js`];
    expect(sectionOf(service)).toContain(`command: [${command.join(', ')}]`);
  });

  test.each(['migrate', 'quarterhour'])('tells %s nothing that the command does not read', (service) => {
    const { known } = variablesReadBy('apps/cli/src/config.ts');

    expect(environmentOf(service)).not.toEqual([]);
    expect(environmentOf(service).filter((name) => !known.includes(name))).toEqual([]);
  });

  test('publishes every port on the loopback address only', () => {
    const published = [...compose.matchAll(/^ +- (.*):\d+$/gm)].map(([, address]) => address);

    expect(published).toHaveLength(6);
    expect(published.filter((address) => !address?.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test('has no password of its own: each comes from the environment, and compose stops without it', () => {
    const secrets = [...compose.matchAll(/PASS(?:WORD)?: (.*)$|:\/\/\w+:([^@]*)@/gm)].map(
      ([, plain, inUrl]) => plain ?? inUrl,
    );

    expect(secrets.length).toBeGreaterThan(8);
    expect(secrets.filter((secret) => !/^\$\{[A-Z_]+:\?[^}]+\}$/.test(secret ?? ''))).toEqual([]);
  });

  test('keeps the data of Postgres where the image of its version keeps it', () => {
    expect(sectionOf('postgres')).toContain('image: postgres:18\n');
    expect(sectionOf('postgres')).toContain('- postgres:/var/lib/postgresql\n');
  });

  test('gives the keys of the broker to the broker alone', () => {
    for (const service of ['control-api', 'read-api', 'ingest-worker', 'quarterhour']) {
      expect(sectionOf(service)).not.toContain('broker-tls');
    }
    expect(sectionOf('rabbitmq')).toContain('- broker-tls:/run/quarterhour/tls:ro\n');
  });

  test('does not publish where the broker asks about partners', () => {
    expect(sectionOf('control-api')).toContain('QUARTERHOUR_BROKER_AUTH_PORT: 8083\n');
    expect(sectionOf('control-api')).not.toMatch(/:8083\n/);
  });

  test('publishes the APIs through the proxy only, which finds them where its configuration says', () => {
    for (const [app, port] of [
      ['read-api', 8080],
      ['control-api', 8082],
    ] as const) {
      expect(sectionOf(app)).not.toContain('ports:');
      expect(sectionOf(app)).toMatch(new RegExp(`QUARTERHOUR_\\w+_API_PORT: ${port}\n`));
      expect(read('infra/docker/nginx.conf')).toContain(`server ${app}:${port} `);
      expect(sectionOf('proxy')).toContain(`${app}:\n        condition: service_started\n        restart: true`);
    }
    expect(sectionOf('proxy')).toContain('image: nginx:1.30\n');
    expect(sectionOf('proxy')).toContain('./infra/docker/nginx.conf:/etc/nginx/quarterhour.conf:ro');
  });

  test('waits for the migrations and the definitions before anything takes messages', () => {
    expect(sectionOf('ingest-worker')).toMatch(
      /migrate:\n +condition: service_completed_successfully\n +definitions:\n +condition: service_completed_successfully/,
    );
  });
});

describe('the values that compose needs', () => {
  const needed = [...new Set([...compose.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name ?? ''))];
  const choosable = [...compose.matchAll(/\$\{([A-Z_]+):-/g)].map(([, name]) => name ?? '');

  test('are all explained in .env.example, which brings no secret', () => {
    const example = assignments('.env.example');

    expect(Object.keys(example).sort()).toEqual([...new Set([...needed, ...choosable])].sort());
    expect(needed.filter((name) => example[name] !== '')).toEqual([]);
  });

  test('are all in the demo’s file, which also lets its own tokens in', () => {
    const demo = Object.keys(assignments('infra/docker/demo.env'));
    expect(demo.sort()).toEqual([...needed, 'PUBLISHED_ON_LOOPBACK'].sort());
  });
});

describe('the image', () => {
  test('copies only what exists', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(
      ([, files]) => files?.split(' ') ?? [],
    );

    expect(copied.length).toBeGreaterThan(10);
    expect(copied.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  test('knows the manifest of every workspace: npm ci compares them all with the lockfile', () => {
    const { packages } = lockfile();
    const workspaces = Object.keys(packages).filter((folder) => folder !== '' && !folder.includes('node_modules/'));

    expect(workspaces.length).toBeGreaterThan(10);
    expect(workspaces.filter((folder) => !dockerfile.includes(`COPY ${folder}/package.json ${folder}/`))).toEqual([]);
  });
});

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** The lines of one service. */
function sectionOf(service: string): string {
  const section = new RegExp(`^ {2}${service}:\\n((?:(?: {4}.*)?\\n)+)`, 'm').exec(compose)?.[1];
  if (section === undefined) throw new Error(`there is no service ${service}`);
  return section;
}

/** Names of variables that a service is given, those of the shared blocks that it merges included. */
function environmentOf(service: string): string[] {
  const block = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(sectionOf(service))?.[1] ?? '';
  const merged = [...block.matchAll(/\*([a-z-]+)/g)].flatMap(([, anchor]) => namesIn(sharedBlock(anchor ?? '')));
  return [...merged, ...namesIn(block)];
}

function sharedBlock(anchor: string): string {
  const block = new RegExp(`^x-[a-z-]+: &${anchor}\\n((?: {2}.*\\n)+)`, 'm').exec(compose)?.[1];
  if (block === undefined) throw new Error(`nothing is marked &${anchor}`);
  return block;
}

function namesIn(block: string): string[] {
  return [...block.matchAll(/^ +(QUARTERHOUR_[A-Z_]+):/gm)].map(([, name]) => name ?? '');
}

/** The variables that a config.ts names, and those of its schema that have no default and are not optional. */
function variablesReadBy(file: string): { known: string[]; required: string[] } {
  const own = read(file);
  const shared = own.includes('...API_VARIABLES') ? SHARED.map(declarationIn) : [];
  const text = [own, ...shared].join('');
  const known = [...new Set(text.match(/QUARTERHOUR_[A-Z_]+/g) ?? [])];
  const schemas = [...text.matchAll(/(?:z\.object\(|API_VARIABLES = )\{\n([^]*?)\n\}/g)].map(([, members]) => members);
  const members = schemas.flatMap((schema) => schema?.split(/^(?= {2}QUARTERHOUR_)/m) ?? []);
  const required = members.filter((member) => !/\.(default|optional)\(|apiPort\(/.test(member)).flatMap(namesIn);
  return { known, required };
}

function declarationIn(file: string): string {
  return /(?:API|PROTECTION|PARTNER_BROKER)_VARIABLES = \{\n[^]*?\n\}/.exec(read(file))?.[0] ?? '';
}

function assignments(file: string): Record<string, string> {
  const found = [...read(file).matchAll(/^([A-Z_]+)=(.*)$/gm)];
  return Object.fromEntries(found.map(([, name = '', value = '']) => [name, value] as const));
}

function lockfile(): { packages: Record<string, unknown> } {
  const parsed: { packages: Record<string, unknown> } = JSON.parse(read('package-lock.json'));
  return parsed;
}
