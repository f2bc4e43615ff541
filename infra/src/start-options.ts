import { parseArgs } from 'node:util';

export const START_USAGE = `npm start -- [options]

Starts Postgres, RabbitMQ, the ingest worker and both APIs on this machine, these behind one address, and loads the demo on
measured data.
Stays up until Ctrl-C, which stops everything it started.

  --exit-when-loaded  ends with status 0 as soon as the demo is loaded, read back and reconciled
  --reset             removes what earlier runs made in this checkout, then begins anew
  --help              shows this

QUARTERHOUR_DATABASE_URL and QUARTERHOUR_AMQP_URL name servers to use instead of private ones.
`;

export interface StartOptions {
  readonly reset: boolean;
  readonly exitWhenLoaded: boolean;
  readonly help: boolean;
}

/** The command line cannot be understood; the message says what is wrong with it. */
export class StartUsageError extends Error {
  override readonly name = 'StartUsageError';
  readonly code = 'START_USAGE';
}

export function readStartOptions(args: readonly string[]): StartOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        'exit-when-loaded': { type: 'boolean', default: false },
        reset: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return { reset: values.reset, exitWhenLoaded: values['exit-when-loaded'], help: values.help };
  } catch (error) {
    throw new StartUsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
