import { constants, cpus, tmpdir } from 'node:os';
import { mkdtemp, statfs } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStackEnvironment } from '../environment.js';
import { resetStack, startStack, StackError, type Stack } from '../stack/index.js';
import { aborted, interruptible, isSignal } from '../start-interruption.js';
import { killChildren } from './children/child.js';
import { clearBenchLeftovers, FOLDER_PREFIX } from './leftovers.js';
import { judge, type Bar, type Measurement } from './judge.js';
import { BENCH_USAGE, BenchUsageError, readBenchOptions, type BenchOptions, type Section } from './options.js';
import { prepareBench } from './prepare.js';
import { tableText } from './report.js';
import { writeResults } from './results-file.js';
import { measureCommands } from './sections/commands.js';
import { measureExport } from './sections/export.js';
import { measureFanOut } from './sections/fan-out.js';
import { measureGrowth } from './sections/growth.js';
import { measureIngest } from './sections/ingest.js';
import { measureLatency } from './sections/latency.js';
import { measurePages } from './sections/pages.js';
import { measurePeriods } from './sections/periods.js';
import { measureRollups } from './sections/rollups.js';
import { measureTrading } from './sections/trading.js';
import { FULL, QUICK } from './sizes.js';
import { timed } from './timed.js';
import type { Bench } from './bench.js';

/** `npm run bench`: what Quarterhour can do on this machine, as ratios to yardsticks measured in the same run. */
const RESULTS = fileURLToPath(new URL('../../../.quarterhour/bench', import.meta.url));
const USAGE_STATUS = 64;

const MEASURING: Readonly<Record<Section, (bench: Bench) => Promise<Measurement[]>>> = {
  ingest: measureIngest,
  latency: measureLatency,
  growth: measureGrowth,
  pages: measurePages,
  export: measureExport,
  rollups: measureRollups,
  trading: measureTrading,
  periods: measurePeriods,
  commands: measureCommands,
  'fan-out': measureFanOut,
};

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = readBenchOptions(args);
  } catch (error) {
    if (!(error instanceof BenchUsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${BENCH_USAGE}`);
    return USAGE_STATUS;
  }
  if (options.help) {
    say(BENCH_USAGE);
    return 0;
  }
  return run(options);
}

async function run(options: BenchOptions): Promise<number> {
  const { signal } = interruptible();
  await clearBenchLeftovers();
  const sizes = options.quick ? QUICK : FULL;
  if (!(await hasRoom(sizes.gigabytes))) {
    say(`The bench needs ${sizes.gigabytes} GB in ${tmpdir()} for the time being; TMPDIR names another place.`);
    return 1;
  }
  const directory = await mkdtemp(path.join(tmpdir(), FOLDER_PREFIX));
  let stack: Stack | undefined;
  try {
    stack = await startStack({ directory, purpose: 'demo', log: say, signal, environment: privateServers() });
    const measuring = measure(stack, options, signal);
    await Promise.race([measuring, aborted(signal)]);
    return await measuring;
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    if (isSignal(reason)) return 128 + constants.signals[reason];
    say(
      reason instanceof StackError ? reason.message : reason instanceof Error ? String(reason.stack) : String(reason),
    );
    return 1;
  } finally {
    killChildren();
    await stack?.stop();
    await resetStack({ directory, log: () => undefined });
  }
}

async function hasRoom(gigabytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(tmpdir());
  return bavail * bsize > gigabytes * 1e9;
}

/** Nobody's servers but ours: what is given by URL may hold something, and may not be on this machine. */
function privateServers() {
  return { ...readStackEnvironment(), databaseUrl: undefined, amqpUrl: undefined, rabbitmqApiUrl: undefined };
}

async function measure(stack: Stack, { quick, sections }: BenchOptions, signal: AbortSignal): Promise<number> {
  const bar: Bar = quick ? 'floor' : 'must';
  const log: string[] = [];
  const note = (line: string) => {
    log.push(line.trim());
    say(line);
  };
  for (const line of stack.describe()) say(line);
  say(`${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`);
  const bench = await prepareBench({ stack, sizes: quick ? QUICK : FULL, signal, say: note });
  const measurements: Measurement[] = [];
  let failure: unknown = null;
  try {
    for (const section of sections) {
      signal.throwIfAborted();
      note(`${section} ...`);
      const { result, seconds } = await timed(() => MEASURING[section](bench));
      measurements.push(...result);
      note(`  ${section} took ${seconds.toFixed(0)} s`);
    }
  } catch (error) {
    signal.throwIfAborted();
    failure = error;
    note(`FAILED: ${error instanceof Error ? String(error.stack) : String(error)}`);
  }
  await bench.close();
  const rows = measurements.map((measurement) => judge(measurement, bar));
  say(`\n${tableText(rows, bar)}`);
  say(`Results: ${await writeResults(RESULTS, { stack, rows, bar, log })}`);
  if (failure !== null) say('The run is not complete: a section failed, see above. What followed it was not measured.');
  return failure !== null || rows.some(({ verdict }) => verdict === 'FAIL') ? 1 : 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
