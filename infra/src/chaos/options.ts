import { parseArgs } from 'node:util';

export const CHAOS_USAGE = `npm run chaos -- [options]

Starts private servers (Postgres, three RabbitMQ nodes), two ingest workers and partners that publish, breaks things on
purpose, and compares what the partners know with what is stored. Ends with status 0 when every message that the broker
confirmed is stored or explained exactly once. The last line on stdout is one JSON object.

  --seconds N   how long to publish and to break things (default 120)
  --seed TEXT   repeats the messages and the faults of an earlier run
  --lifecycle   has ten partners publish with keys of their own while traders open, pause, drain and close them, and kills
                the control API, workers and the broker meanwhile
  --commands    has four partners command their plants with keys of their own, and kills workers, broker and database
                meanwhile; with --mutants it runs workers that are known to be bad at that
  --mutants     runs known-bad workers instead, each through the one situation that shows it, beside the real worker
  --outages     takes broker, database and both away, ten minutes each or --minutes N, and looks whether all comes back
  --fail-points makes the worker fail once at every named point, by a kill, an error and a hang
  --only NAME   of the mutants or fail points only those whose name contains this
  --keep        keeps the ledger and the logs of the servers, and says where
  --help        shows this
`;

export type Tier = 'soak' | 'lifecycle' | 'commands' | 'command-mutants' | 'mutants' | 'fail-points' | 'outages';

export interface ChaosOptions {
  readonly seconds: number;
  /** How long each outage lasts. */
  readonly minutes: number;
  readonly seed: string | null;
  /** What is done: `soak` is random faults under load. */
  readonly tier: Tier;
  readonly only: string;
  readonly keep: boolean;
  readonly help: boolean;
}

/** The command line cannot be understood; the message says what is wrong with it. */
export class ChaosUsageError extends Error {
  override readonly name = 'ChaosUsageError';
  readonly code = 'CHAOS_USAGE';
}

const LARGEST = 36_000;

export function readChaosOptions(args: readonly string[]): ChaosOptions {
  const values = parsed(args);
  return {
    seconds: wholeNumber('seconds', values.seconds),
    minutes: wholeNumber('minutes', values.minutes),
    seed: values.seed ?? null,
    tier: tierOf(values),
    only: values.only,
    keep: values.keep,
    help: values.help,
  };
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > LARGEST) {
    throw new ChaosUsageError(`--${name} takes a whole number from 1 to ${LARGEST}`);
  }
  return number;
}

const TIERS = ['lifecycle', 'commands', 'mutants', 'fail-points', 'outages'] as const;

function tierOf(values: Readonly<Record<(typeof TIERS)[number], boolean>>): Tier {
  const tiers = TIERS.filter((tier) => values[tier]);
  if (tiers.length === 2 && values.commands && values.mutants) return 'command-mutants';
  if (tiers.length > 1) throw new ChaosUsageError(`one of ${tiers.map((tier) => `--${tier}`).join(', ')} at a time`);
  return tiers[0] ?? 'soak';
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '120' },
        seed: { type: 'string' },
        lifecycle: { type: 'boolean', default: false },
        commands: { type: 'boolean', default: false },
        mutants: { type: 'boolean', default: false },
        'fail-points': { type: 'boolean', default: false },
        outages: { type: 'boolean', default: false },
        minutes: { type: 'string', default: '10' },
        only: { type: 'string', default: '' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new ChaosUsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
