import { parseArgs } from 'node:util';

export const CHAOS_USAGE = `npm run chaos -- [options]

Starts private servers (Postgres, three RabbitMQ nodes), two ingest workers and partners that publish, breaks things on
purpose, and compares what the partners know with what is stored. Ends with status 0 when every message that the broker
confirmed is stored or explained exactly once. The last line on stdout is one JSON object.

  --seconds N   how long to publish and to break things (default 120)
  --seed TEXT   repeats the messages and the faults of an earlier run
  --mutants     runs known-bad workers instead, each through the one situation that shows it, beside the real worker
  --only NAME   of the mutants only those whose name contains this
  --keep        keeps the ledger and the logs of the servers, and says where
  --help        shows this
`;

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: string | null;
  readonly mutants: boolean;
  readonly only: string;
  readonly keep: boolean;
  readonly help: boolean;
}

/** The command line cannot be understood; the message says what is wrong with it. */
export class ChaosUsageError extends Error {
  override readonly name = 'ChaosUsageError';
  readonly code = 'CHAOS_USAGE';
}

const LONGEST_SECONDS = 36_000;

export function readChaosOptions(args: readonly string[]): ChaosOptions {
  const values = parsed(args);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_SECONDS) {
    throw new ChaosUsageError(`--seconds takes a whole number from 1 to ${LONGEST_SECONDS}`);
  }
  return {
    seconds,
    seed: values.seed ?? null,
    mutants: values.mutants,
    only: values.only,
    keep: values.keep,
    help: values.help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '120' },
        seed: { type: 'string' },
        mutants: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new ChaosUsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
