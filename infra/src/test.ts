import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@quarterhour/db';
import { environmentWith } from './environment.js';
import { createDatabase, dropTemplate, makeTemplate, password, startStack, StackError } from './stack/index.js';
import type { Stack } from './stack/index.js';
import { relayBrokerAuth } from './test-broker-auth.js';
import { summaryOf } from './test-summary.js';
import type { TestSummary } from './test-summary.js';

/**
 * `npm test`: the whole suite, or the files named, against servers of its own.
 *
 * Postgres holds a migrated template that test files copy, RabbitMQ is empty; where they are the tests learn from
 * `QUARTERHOUR_TEST_…`. The last line counts; anything but passed tests makes the status non-zero.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const JEST = path.join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const interruption = interruptible();
  try {
    const stack = await startStack({
      directory: path.join(ROOT, '.quarterhour'),
      purpose: 'test',
      log: say,
      signal: interruption.signal,
    });
    try {
      return await testAgainst(stack, args, interruption.signal);
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (interruption.signal.aborted) return statusOf(interruption.signal);
    if (!(error instanceof StackError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

async function testAgainst(stack: Stack, args: readonly string[], signal: AbortSignal): Promise<number> {
  for (const line of stack.describe()) say(line);
  const { template, env } = await prepare(stack);
  const { partners } = stack.broker;
  const relay = partners === undefined ? null : await relayBrokerAuth(partners.auth);
  const results = await mkdtemp(path.join(tmpdir(), 'quarterhour-results-'));
  try {
    const outputFile = path.join(results, 'jest.json');
    const status = await runJest(args, outputFile, env, signal);
    if (signal.aborted) return statusOf(signal);
    const summary = summaryOf(await readFile(outputFile, 'utf8').catch(() => ''));
    process.once('exit', () => process.stdout.write(`${summary.text}\n`));
    return judge(status, summary);
  } finally {
    await relay?.close();
    await rm(results, { recursive: true, force: true });
    await dropTemplate(stack.database.adminUrl, template);
  }
}

function judge(status: number, summary: TestSummary): number {
  if (summary.passed + summary.failed === 0) {
    process.stderr.write('No test ran.\n');
    return 1;
  }
  return status !== 0 ? status : Math.min(summary.failed, 1);
}

/** The migrated template, and all that tests need to know of the servers. */
async function prepare(stack: Stack): Promise<{ template: string; env: Record<string, string> }> {
  const template = `quarterhour_test_${randomBytes(6).toString('hex')}_template`;
  const rolePassword = password();
  const url = await createDatabase(stack.database.adminUrl, template);
  await migrate(url, {
    rolePasswords: { ingest: rolePassword, read: rolePassword, control: rolePassword, usage: rolePassword },
  });
  await makeTemplate(stack.database.adminUrl, template);
  return {
    template,
    env: {
      QUARTERHOUR_TEST_ADMIN_DATABASE_URL: stack.database.adminUrl,
      QUARTERHOUR_TEST_TEMPLATE: template,
      QUARTERHOUR_TEST_ROLE_PASSWORD: rolePassword,
      QUARTERHOUR_TEST_AMQP_URL: stack.broker.amqpUrl,
      QUARTERHOUR_TEST_RABBITMQ_API_URL: stack.broker.apiUrl,
      ...partnerAccess(stack),
    },
  };
}

/** A broker that was given lets no partners in, and what needs them says so. */
function partnerAccess({ broker: { partners } }: Stack): Record<string, string> {
  if (partners === undefined) return {};
  return {
    QUARTERHOUR_TEST_PARTNER_AMQPS_URL: `amqps://${partners.host}:${partners.port}`,
    QUARTERHOUR_TEST_PARTNER_CA_FILE: partners.caFile,
    QUARTERHOUR_TEST_BROKER_AUTH_URL: `http://${partners.auth.host}:${partners.auth.port}`,
  };
}

/** Jest in our process group: a Ctrl-C in the terminal reaches it as well, other signals we pass on. */
async function runJest(
  args: readonly string[],
  outputFile: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      JEST,
      '--json',
      `--outputFile=${outputFile}`,
      ...args,
    ],
    { cwd: ROOT, stdio: ['inherit', 'inherit', 'inherit'], env: environmentWith(env) },
  );
  signal.addEventListener('abort', () => jest.kill('SIGTERM'), { once: true });
  return new Promise((resolve, reject) => {
    jest.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}

/** The first signal ends the run in order; its name is the reason. */
function interruptible(): AbortController {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => controller.abort(name));
  return controller;
}

function statusOf(signal: AbortSignal): number {
  const reason: unknown = signal.reason;
  return 128 + (reason === 'SIGTERM' ? constants.signals.SIGTERM : constants.signals.SIGINT);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
