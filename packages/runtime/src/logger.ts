import { pino } from 'pino';
import { describeFields, harmlessText } from './log-fields.js';
import type { LogFields } from './log-fields.js';

/** How loud a line is, quietest first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

const STANDARD_OUTPUT = 1;

/**
 * Writes one JSON line per event. `message` is a constant that says what happened; everything that varies goes into
 * `fields`, an error under `err`.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

/** Takes finished lines, each ending in a newline. */
export interface LogDestination {
  write(line: string): void;
}

/** What {@link createLogger} needs. */
export interface LoggerOptions {
  /** Which process speaks; stands in every line. */
  name: string;
  /** The quietest level that is still written. */
  level: LogLevel;
  /** Where lines go. Default: standard output, written synchronously so that the last line before an exit is kept. */
  destination?: LogDestination;
}

/**
 * Makes a logger whose lines are safe to keep: values of fields that are named like secrets, credentials in URLs, bearer
 * tokens and JSON web tokens are replaced; strings are cut at 2,048 characters; control characters cannot break a line
 * or steer a terminal; an error is written with its whole chain of causes.
 */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (described: unknown) => described },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(pino(options, destination ?? pino.destination({ dest: STANDARD_OUTPUT, sync: true })));
}

function wrap(target: pino.Logger): Logger {
  const writer = (level: LogLevel) => (fields: LogFields, message: string) => {
    if (target.isLevelEnabled(level)) target[level](describeFields(fields), harmlessText(message));
  };
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    fatal: writer('fatal'),
    child: (fields) => wrap(target.child(describeFields(fields))),
  };
}
