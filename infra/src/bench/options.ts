import { parseArgs } from 'node:util';

/** Parts of the bench, in the order in which they run. */
export const SECTIONS = [
  'ingest',
  'latency',
  'growth',
  'pages',
  'export',
  'rollups',
  'trading',
  'periods',
  'commands',
  'fan-out',
] as const;
export type Section = (typeof SECTIONS)[number];

export const BENCH_USAGE = `npm run bench -- [options]

Measures Quarterhour on this machine against yardsticks that run beside it, on a Postgres and a RabbitMQ of its own with
every durable setting on. Prints one table; ends with status 1 when a row of it fails. Everything it made is removed,
but the results, a JSON file in .quarterhour/bench.

  --quick           small sizes, judged by the floors only; without it the full sizes (5 million dispatches, 50 million
                    samples, 10 million limits, about 25 GB for the time being), judged by what a release must reach
  --only SECTION    one part, may be repeated: ${SECTIONS.join(', ')}
  --help            shows this
`;

export interface BenchOptions {
  readonly quick: boolean;
  readonly sections: readonly Section[];
  readonly help: boolean;
}

/** The command line cannot be understood; the message says what is wrong with it. */
export class BenchUsageError extends Error {
  override readonly name = 'BenchUsageError';
  readonly code = 'BENCH_USAGE';
}

/** @throws BenchUsageError */
export function readBenchOptions(args: readonly string[]): BenchOptions {
  const { quick, only, help } = parsed(args);
  const unknown = only.find((name) => !SECTIONS.some((section) => section === name));
  if (unknown !== undefined) {
    throw new BenchUsageError(`there is no section ${unknown}; there are ${SECTIONS.join(', ')}`);
  }
  return { quick, help, sections: SECTIONS.filter((section) => only.length === 0 || only.includes(section)) };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
