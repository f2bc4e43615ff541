/**
 * What `npm start`, `npm test` and `npm run check`, `build`, `bench` and `chaos` begin with, on a checkout that has nothing
 * yet: installs what the lockfile names, compiles, and hands over. Plain JavaScript without dependencies, because it runs
 * before there are any.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const NEEDED_NODE = [20, 19];
const LOCKFILE = path.join(ROOT, 'package-lock.json');
const STAMP = path.join(ROOT, 'node_modules', '.quarterhour-lock-sha256');
const TSC = path.join('node_modules', 'typescript', 'bin', 'tsc');
const PARENT_EVERY_MS = 500;
const USAGE = 'Usage: node infra/bootstrap.mjs start|test|check|build|bench|chaos [arguments]\n';

let running;
let interrupted;

await main(process.argv[2], process.argv.slice(3));

async function main(command, args) {
  refuseOldNode();
  passSignalsOn();
  switch (command) {
    case 'start':
      await install();
      process.exitCode = (await build()) || (await node([path.join('infra', 'dist', 'start.js'), ...args]));
      break;
    case 'test':
      await install();
      process.exitCode = await test(args);
      break;
    case 'check':
      await install();
      process.exitCode = await check();
      break;
    case 'build':
      await install();
      process.exitCode = await build(args);
      break;
    case 'bench':
    case 'chaos':
      await install();
      process.exitCode = (await build()) || (await node([path.join('infra', 'dist', command, 'main.js'), ...args]));
      break;
    default:
      process.stderr.write(USAGE);
      process.exitCode = 64;
  }
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) return;
  process.stderr.write(
    `Quarterhour needs Node ${NEEDED_NODE.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a current one from https://nodejs.org, or with a version manager: nvm install 24\n',
  );
  process.exit(1);
}

/** A terminal sends Ctrl-C to the whole group; what we run ends by itself and tells us how. */
function passSignalsOn() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => end(signal, signal !== 'SIGINT' || !process.stdin.isTTY));
  }
  endWithParent();
}

/** Who ends npm with a signal ends npm and its shell, and neither tells us: all we see is another parent. */
function endWithParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end('SIGTERM', true);
  }, PARENT_EVERY_MS);
  watch.unref();
}

function end(signal, passOn) {
  interrupted = signal;
  if (running === undefined) process.exit(128 + constants.signals[signal]);
  if (passOn) running.kill(signal);
}

async function install() {
  if (isInstalled()) return;
  process.stdout.write('Installing dependencies (npm ci) ...\n');
  const { status, output } = await quietly(npm(['ci']));
  if (status !== 0) {
    process.stderr.write(`${output}\nnpm ci failed with status ${status}.\n`);
    process.exit(status);
  }
  writeFileSync(STAMP, lockfileHash());
}

/** Also true after the reader's own `npm install` or `npm ci`, which leave their list of what is installed behind. */
function isInstalled() {
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lockfileHash()) return true;
  const installedList = path.join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedList) || !holdsAll(JSON.parse(readFileSync(installedList, 'utf8')))) return false;
  writeFileSync(STAMP, lockfileHash());
  return true;
}

function holdsAll(installed) {
  const wanted = Object.entries(JSON.parse(readFileSync(LOCKFILE, 'utf8')).packages);
  return wanted
    .filter(([folder, entry]) => folder.startsWith('node_modules/') && !entry.optional && !entry.devOptional)
    .every(([folder, entry]) => installed.packages[folder]?.version === entry.version);
}

function lockfileHash() {
  return createHash('sha256').update(readFileSync(LOCKFILE)).digest('hex');
}

/** npm says where its own program is when it runs us; otherwise the one beside this node, or on the path. */
function npm(args) {
  const own = process.env.npm_execpath;
  if (own?.endsWith('.js')) return [process.execPath, [own, ...args]];
  const beside = path.join(path.dirname(process.execPath), 'npm');
  return [existsSync(beside) ? beside : 'npm', args];
}

/** Compiles whatever changed; says nothing when nothing did. */
function build(args = []) {
  return node([TSC, '-b', ...args]);
}

/** Tests run from source, so a type error elsewhere does not stop them; it still fails the command. */
async function test(args) {
  const built = await build();
  const entry = path.join('infra', 'dist', 'test.js');
  if (built !== 0) process.stderr.write('The build has errors (above): the tests run, the command will fail.\n');
  if (interrupted !== undefined || !existsSync(path.join(ROOT, entry))) return built || 1;
  return (await node([entry, ...args])) || built;
}

async function check() {
  const eslint = path.join('node_modules', 'eslint', 'bin', 'eslint.js');
  const prettier = path.join('node_modules', 'prettier', 'bin', 'prettier.cjs');
  const steps = [
    ['types of the workspaces', [TSC, '-b']],
    ['types of the tests', [TSC, '-p', 'tsconfig.tests.json', '--noEmit']],
    ['lint', [eslint, '.']],
    ['format', [prettier, '--check', '--log-level', 'warn', '.']],
  ];
  let worst = 0;
  for (const [name, args] of steps) {
    const status = interrupted === undefined ? await node(args) : 130;
    process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}\n`);
    worst ||= status;
  }
  return worst;
}

function node(args) {
  return run(process.execPath, args, 'inherit').ended;
}

async function quietly([file, args]) {
  const { child, ended } = run(file, args, ['ignore', 'pipe', 'pipe']);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  const status = await ended;
  return { status, output: Buffer.concat(chunks).toString() };
}

function run(file, args, stdio) {
  const child = spawn(file, args, { cwd: ROOT, stdio });
  running = child;
  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`${file}: ${error.message}\n`);
      resolve(127);
    });
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
  return { child, ended };
}
