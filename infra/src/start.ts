import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate, type RolePasswords } from '@quarterhour/db';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import { createLogger, systemClock, type Logger } from '@quarterhour/runtime';
import {
  DemoTakenError,
  ESM_SANDBOX_BASE,
  HORNSDALE_ASSET,
  connectEsm,
  demoMessages,
  esmClientFile,
  findDemoOrganisation,
  hornsdaleHours,
  isMigrated,
  load,
  newDemoState,
  openRegister,
  readApi,
  readEsmClient,
  readDemoState,
  reconcile,
  seedDemo,
  seedDemoPeriods,
  wholeMinutes,
  writeDemoState,
  type DemoState,
  type PlantIds,
  type Published,
  type ReadApi,
} from './demo/index.js';
import { readStackEnvironment } from './environment.js';
import { StackError, resetStack, startStack, type Stack } from './stack/index.js';
import { choosePorts, startApps, type Apps } from './start-apps.js';
import {
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  addressesOf,
  localEnvironment,
  writeEnvironmentFile,
  type Ports,
} from './start-environment.js';
import { aborted, interruptible, isSignal, orAborted } from './start-interruption.js';
import { START_USAGE, StartUsageError, readStartOptions, type StartOptions } from './start-options.js';
import { findingsText, pageText } from './start-page.js';
import { demoIssuer, keyRingFile, readSettings, writeSettings } from './start-secrets.js';
import { signToken } from './start-token.js';

/** `npm start`: the whole system on this machine, with the demo on measured data. */
const DIRECTORY = fileURLToPath(new URL('../../.quarterhour', import.meta.url));
const TOKEN_HOURS = 12;
const USAGE_STATUS = 64;
const RESUMED = `An earlier start did not load the demo to its end. Everything is published again when the queues are empty: \
what was stored before counts as a duplicate and changes nothing.`;
const NOT_OURS = `The database holds an installation of Quarterhour that this checkout does not know. Name an empty one in \
QUARTERHOUR_DATABASE_URL; or none, then a private one is started, which npm start -- --reset makes anew.`;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  let options: StartOptions;
  try {
    options = readStartOptions(args);
  } catch (error) {
    if (!(error instanceof StartUsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${START_USAGE}`);
    return USAGE_STATUS;
  }
  if (options.help) {
    say(START_USAGE);
    return 0;
  }
  return run(options);
}

async function run(options: StartOptions): Promise<number> {
  const interruption = interruptible();
  const { signal } = interruption;
  let stack: Stack | undefined;
  let isUp = false;
  try {
    if (options.reset) await reset();
    stack = await startStack({ directory: DIRECTORY, purpose: 'demo', log: sayLine, signal });
    const started = await bringUp(stack, signal);
    started.apps.watch(signal).catch((error: unknown) => interruption.abort(error));
    await orAborted(signal, present(started, options, signal));
    isUp = true;
    if (!options.exitWhenLoaded) await aborted(signal);
    return 0;
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    if (isSignal(reason)) return isUp ? 0 : 128 + constants.signals[reason];
    report(reason, stack);
    return 1;
  } finally {
    if (stack !== undefined) {
      sayLine('Stopping ...');
      await stack.stop();
    }
  }
}

/** Everything that runs, and what has to be known about it. */
interface Started {
  readonly stack: Stack;
  readonly apps: Apps;
  readonly ports: Ports;
  readonly environmentFile: string;
  readonly token: string;
  readonly traderToken: string;
  /** File of the credentials of the demo's energy management system. */
  readonly esmClient: string;
  readonly plants: PlantIds;
  readonly state: DemoState;
  /** An earlier process began to load the demo, and did not come to the end. */
  readonly isResumed: boolean;
}

async function bringUp(stack: Stack, signal: AbortSignal): Promise<Started> {
  for (const line of stack.describe()) sayLine(line);
  const settings = await readSettings(stack.folder);
  const demo = await migrateAndSeed(stack, settings.rolePasswords);

  const ports = await choosePorts(settings.ports);
  await writeSettings(stack.folder, { ...settings, ports });
  const issuer = await demoIssuer(stack.folder);
  const files = { ...issuer, keyRing: keyRingFile(stack.folder) };
  const environment = localEnvironment(stack, settings, files, ports);
  const environmentFile = await writeEnvironmentFile(DIRECTORY, environment);
  signal.throwIfAborted();
  const esmClient = await esmClientFile(stack.folder);
  const apps = await startApps(stack, environment, { ports, esmClient }, signal);
  const tokenOf = (role: string) => demoToken(issuer.privateKey, demo.state.organisationId, role);
  const [token, traderToken] = [await tokenOf('operator'), await tokenOf('trader')];
  return { stack, apps, ports, environmentFile, token, traderToken, esmClient, ...demo };
}

/** The first thing is to find out whether the database is ours: migrating gives its roles our passwords. */
async function migrateAndSeed(
  stack: Stack,
  rolePasswords: RolePasswords,
): Promise<Pick<Started, 'state' | 'plants' | 'isResumed'>> {
  const register = openRegister(stack.database.adminUrl);
  try {
    const known = await readDemoState(stateFile(stack));
    const wasMigrated = await isMigrated(register);
    if (wasMigrated && known === null) throw new DemoTakenError(NOT_OURS);
    const state = wasMigrated && known !== null ? known : newDemoState(systemClock);
    await writeDemoState(stateFile(stack), state);

    const { applied } = await migrate(stack.database.adminUrl, { rolePasswords });
    if (applied.length > 0) sayLine(`Migrated: ${applied.join(', ')}`);
    const seededBefore = await findDemoOrganisation(register);
    if (seededBefore !== null && seededBefore !== state.organisationId) throw new DemoTakenError(NOT_OURS);
    const plants = await seedDemo(register, state.organisationId);
    await seedDemoPeriods(register, state);
    return { state, plants, isResumed: seededBefore !== null && state.finishedAt === null };
  } finally {
    await register.close();
  }
}

/** One per database: somebody may name a server of his own, and later go back to the private one. */
function stateFile({ folder }: Stack): string {
  const given = readStackEnvironment().databaseUrl;
  if (given === undefined) return path.join(folder, 'demo.json');
  const { host, pathname } = new URL(given);
  const name = createHash('sha256').update(`${host}${pathname}`).digest('hex').slice(0, 12);
  return path.join(folder, `demo-${name}.json`);
}

function demoToken(privateKeyFile: string, organisationId: string, role: string): Promise<string> {
  return signToken({
    privateKeyFile,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    subject: 'demo',
    organisations: [organisationId],
    roles: [role],
    validSeconds: TOKEN_HOURS * 3_600,
    clock: systemClock,
  });
}

/** Loads the demo if that was not done yet, compares it with what the API answers, and shows what to do next. */
async function present(started: Started, options: StartOptions, signal: AbortSignal): Promise<void> {
  const { stack, ports, token, state } = started;
  const api = readApi({ url: addressesOf(ports).gateway, token });
  const finishedAt = state.finishedAt ?? (await loadDemo(started, api, signal));
  if (state.finishedAt !== null) sayLine(`The demo was loaded at ${state.finishedAt}; it is not loaded again.`);
  if (state.finishedAt !== null && options.exitWhenLoaded) {
    await compare(started, api, { finishedAt: state.finishedAt, published: null });
  }
  if (options.exitWhenLoaded) return;
  await connectPartner(started);
  const loaded = wholeMinutes({ from: state.startedAt, to: finishedAt });
  const [quarantined] = await api.quarantine(loaded);
  // What was loaded is counted by the minute, and compared again at a later start.
  await started.apps.simulate(started.plants.hornsdale, loaded.to);
  say(
    pageText({
      api: addressesOf(ports).gateway,
      worker: addressesOf(ports).worker,
      rabbitmqApi: stack.broker.apiUrl,
      environmentFile: started.environmentFile,
      logFiles: started.apps.logFiles,
      token,
      tokenHours: TOKEN_HOURS,
      assetId: HORNSDALE_ASSET.id,
      plantId: started.plants.home,
      batteryPlantId: started.plants.hornsdale,
      dispatches: hornsdaleHours(state.shifts.hornsdale),
      quarantinedId: quarantined?.id ?? '',
      loaded,
    }),
  );
}

/** After the demo is compared: what is configured is an event, which would be counted with it. */
async function connectPartner({ ports, traderToken, esmClient }: Started): Promise<void> {
  const { gateway, esmSandbox } = addressesOf(ports);
  const esmUrl = `${esmSandbox}${ESM_SANDBOX_BASE}`;
  const client = await readEsmClient(esmClient);
  const linked = await connectEsm({ apiUrl: gateway, token: traderToken, esmUrl, client });
  sayLine(`The energy management system at ${esmUrl} knows ${linked} plants of the demo.`);
}

async function loadDemo(started: Started, api: ReadApi, signal: AbortSignal): Promise<UtcInstant> {
  const { stack, plants, state, isResumed } = started;
  const messages = demoMessages(plants, state.shifts);
  if (isResumed) sayLine(RESUMED);
  const published = await load({
    amqpUrl: stack.broker.amqpUrl,
    rabbitmqApiUrl: stack.broker.apiUrl,
    api,
    messages,
    startedAt: state.startedAt,
    isResumed,
    clock: systemClock,
    log: fileLogger(stack),
    signal,
  });
  const finishedAt = instantFromEpochMillis(systemClock.nowMillis());
  await compare(started, api, { finishedAt, published: isResumed ? null : published });
  await writeDemoState(stateFile(stack), { ...state, finishedAt });
  return finishedAt;
}

async function compare(
  { plants, state }: Started,
  api: ReadApi,
  { finishedAt, published }: { readonly finishedAt: UtcInstant; readonly published: Published | null },
): Promise<void> {
  const messages = demoMessages(plants, state.shifts);
  const loaded = { from: state.startedAt, to: finishedAt };
  const findings = await reconcile({ api, messages, plants, loaded, published });
  say(findingsText(findings));
  if (findings.some(({ holds }) => !holds)) {
    throw new StackError('What the API answers is not what was published: see the lines that differ.');
  }
}

/** With `--reset`: what we made goes, what somebody else named stays. */
async function reset(): Promise<void> {
  const { databaseUrl } = readStackEnvironment();
  if (databaseUrl !== undefined) {
    throw new StackError('--reset does not empty the database in QUARTERHOUR_DATABASE_URL: name an empty one instead.');
  }
  await resetStack({ directory: DIRECTORY, log: sayLine });
}

function report(error: unknown, stack: Stack | undefined): void {
  const message = error instanceof Error ? chainOf(error) : String(error);
  process.stderr.write(`\n${message}\n`);
  if (stack === undefined) return;
  fileLogger(stack).fatal({ err: error }, 'the start failed');
  process.stderr.write(`Logs of everything that ran are in ${stack.folder}\n`);
}

/** An error made for people says it all; of any other the causes help. */
function chainOf(error: Error): string {
  return error instanceof StackError || !(error.cause instanceof Error)
    ? error.message
    : `${error.message}: ${chainOf(error.cause)}`;
}

/** What libraries report while the demo is loaded goes to a file, not into the progress bar. */
function fileLogger(stack: Stack): Logger {
  const file = path.join(stack.folder, 'start.log');
  return createLogger({
    name: 'start',
    level: 'info',
    destination: { write: (line) => appendFileSync(file, line, { mode: 0o600 }) },
  });
}

function sayLine(line: string): void {
  say(`${line}\n`);
}

function say(text: string): void {
  process.stdout.write(text);
}
