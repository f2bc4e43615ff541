import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openBroker } from '@quarterhour/messaging';
import { createKeyRing } from '@quarterhour/runtime';
import {
  ALL_WRITE_SCOPES,
  anOrganisation,
  answerBroker,
  aPlant,
  aPlantGateway,
  eventually,
  ISSUER,
  openTestIssuer,
  partnerConnection,
  startProcess,
  testDatabase,
  testVhost,
} from '@quarterhour/testkit';
import { z } from 'zod';
import { freePort } from '../src/stack/ports.js';

/** The partner's guide as a partner follows it: with its bundle, the package that the guide names, and nothing else of ours. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUIDE = path.join(ROOT, 'docs', 'partner-guide.md');
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const closings: (() => Promise<unknown>)[] = [];

interface Block {
  readonly language: string;
  /** The file that it is; of what is run as it stands, none. */
  readonly file: string | null;
  readonly text: string;
}

const guide = await readFile(GUIDE, 'utf8');
const blocks: readonly Block[] = [...guide.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', file, text = '']) => ({ language, file: file ?? null, text }),
);

let folder: string;
let siteId: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-guide-'));
  closings.push(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(path.join(ROOT, 'node_modules', 'amqplib'), path.join(folder, 'node_modules', 'amqplib'));
  const { url, organisation, token, plantId } = await anInstallation();
  siteId = plantId;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ name: 'The guide', scopes: ALL_WRITE_SCOPES });
  const minted = await fetch(`${url}/api/v1/partner/api-keys`, { method: 'POST', headers, body });
  expect([organisation.slug, minted.status]).toEqual([organisation.slug, 201]);
  await writeFile(path.join(folder, 'bundle.json'), await minted.text());
}, 120_000);
afterAll(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});

/** Worker, APIs and what stands in front of them, with a plant whose gateway tells what it does. */
async function anInstallation() {
  const database = await testDatabase();
  closings.push(() => database.drop());
  const vhost = await testVhost();
  closings.push(() => vhost.drop());
  const issuer = await openTestIssuer();
  closings.push(() => issuer.close());
  const keyRing = path.join(folder, '..', `${path.basename(folder)}-key-ring.json`);
  createKeyRing(keyRing);
  closings.push(() => rm(keyRing));
  const organisation = await anOrganisation(database.admin);
  const plant = await aPlant(database.admin, organisation);
  const [gatewayPort, authPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${gatewayPort}`;
  const shared = {
    QUARTERHOUR_JWKS: issuer.jwksPath,
    QUARTERHOUR_TOKEN_ISSUER: ISSUER,
    QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes',
    QUARTERHOUR_API_KEY_PEPPER: '07'.repeat(32),
    QUARTERHOUR_KEY_RING: keyRing,
    QUARTERHOUR_TRUSTED_PROXIES: '127.0.0.1',
  };
  const readApi = await started('apps/read-api/dist/main.js', {
    ...shared,
    QUARTERHOUR_READ_DATABASE_URL: database.readUrl,
    QUARTERHOUR_USAGE_DATABASE_URL: database.usageUrl,
    QUARTERHOUR_READ_API_PORT: '0',
    QUARTERHOUR_CURSOR_KEY: '07'.repeat(32),
  });
  const { host, port, ca } = await partnerConnection();
  const caFile = path.join(folder, '..', `${path.basename(folder)}-ca.pem`);
  await writeFile(caFile, ca);
  closings.push(() => rm(caFile));
  const controlApi = await started('apps/control-api/dist/main.js', {
    ...shared,
    QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl,
    QUARTERHOUR_CONTROL_API_PORT: '0',
    QUARTERHOUR_BROKER_AUTH_PORT: String(authPort),
    QUARTERHOUR_PUBLIC_URL: url,
    QUARTERHOUR_RABBITMQ_API_URL: vhost.apiUrl,
    QUARTERHOUR_BROKER_VHOST: vhost.name,
    QUARTERHOUR_BROKER_SAMPLING_MS: '1100',
    QUARTERHOUR_PARTNER_AMQP_HOST: host,
    QUARTERHOUR_PARTNER_AMQP_PORT: String(port),
    QUARTERHOUR_PARTNER_AMQP_CA_FILE: caFile,
  });
  closings.push(await answerBroker(`http://127.0.0.1:${authPort}`));
  const front = ['--port', String(gatewayPort), '--read-api', readApi, '--control-api', controlApi];
  await started('infra/dist/gateway/main.js', {}, front);
  const worker = await startProcess({
    entry: 'apps/ingest-worker/dist/main.js',
    env: {
      ...shared,
      QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
      QUARTERHOUR_AMQP_URL: vhost.amqpUrl,
      QUARTERHOUR_WORKER_HEALTH_PORT: '0',
    },
  });
  closings.push(() => worker.kill('SIGKILL'));
  await worker.untilLine(/taking deliveries/, { withinMs: 20_000 });
  await operating(plant.id, vhost.amqpUrl);
  const token = await issuer.token({ orgs: [organisation.id], roles: ['trader'] });
  return { url, organisation, token, plantId: plant.id };
}

async function started(entry: string, env: Record<string, string>, args: readonly string[] = []): Promise<string> {
  const child = await startProcess({ entry, env, args });
  closings.push(() => child.kill('SIGKILL'));
  const line = await child.untilLine(/"url":"http/, { withinMs: 30_000 });
  return z.object({ url: z.string() }).parse(JSON.parse(line)).url;
}

/** The plant says what it does and carries out what it is told, until the end. */
async function operating(plantId: string, amqpUrl: string): Promise<void> {
  const broker = await openBroker({ url: amqpUrl, applicationName: 'a plant', log: quiet });
  closings.push(() => broker.close());
  const gateway = await aPlantGateway(broker, [plantId]);
  closings.push(() => gateway.close());
}

/** Runs a block in the guide's folder. @returns what it printed */
async function run({ language, file, text }: Block): Promise<string> {
  if (file !== null) await writeFile(path.join(folder, file), text);
  const [program, args] = language === 'bash' ? ['bash', ['-euc', text]] : [process.execPath, [file ?? '']];
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder, timeout: 60_000 });
  return stdout;
}

test('every block of the guide has a language that is run here, and scripts have a name', () => {
  expect(guide.match(/^```/gm)).toHaveLength(blocks.length * 2);
  for (const { language, file } of blocks) {
    expect(['bash', 'js']).toContain(language);
    expect(file === null).toBe(language === 'bash');
  }
  expect(blocks.length).toBeGreaterThanOrEqual(8);
});

test('the guide does what it says, block by block, with nothing but a bundle', async () => {
  const printed: string[] = [];
  // A key opens its virtual host a moment after it is made.
  await eventually(() => run(loginTrial), { withinMs: 20_000 });
  for (const block of blocks) printed.push(await run(block));
  const text = printed.join('');
  expect(text).toContain(`${siteId} A plant`);
  expect(text).toContain('answer: ACK');
  for (const key of ['schedule.create', 'schedule.cancel', 'command.device', 'command.mode']) {
    expect(text).toContain(`${key} ACK`);
  }
  expect(text).toContain('plant: EXECUTED');
  expect(text).toMatch(new RegExp(`telemetry: ${siteId} grid -?[\\d.]+ kW GOOD`));
  expect(text).toContain('refused as it should be');
  expect(text).toContain('would be taken signature valid');
  expect(text).toMatch(/SITE_SETPOINT \w+/);
  expect(text).toContain('MODE_CHANGE REJECTED');
  expect(text).toContain(`"siteId":"${siteId}"`);
  expect(text).toContain('receipts: ');
}, 180_000);

const [client] = blocks.filter(({ file }) => file === 'client.mjs');
const loginTrial: Block = {
  language: 'js',
  file: 'trial.mjs',
  text: `${client?.text ?? ''}\nawait (await connect()).close();\n`,
};
