import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** The environment as Node hands it over. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment does not describe a configuration that could work. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
  /** One line per fault, each starting with the name of its variable. Values are never quoted. */
  readonly complaints: readonly string[];

  constructor(complaints: readonly string[]) {
    super(['The configuration cannot be used:', ...complaints.map((complaint) => `  ${complaint}`)].join('\n'));
    this.complaints = complaints;
  }
}

/**
 * Reads typed configuration out of the environment.
 *
 * For each variable `NAME` of the schema, `NAME_FILE` may name a file that holds the value instead (a mounted secret);
 * one line end at the end of the file does not count. An empty variable counts as not set.
 *
 * @param schema an object schema whose keys are the variables' names; every value arrives as text or undefined
 * @param env usually `process.env`
 * @throws ConfigError with all complaints at once
 */
export function readEnvironment<S extends z.ZodObject>(schema: S, env: Environment): z.output<S> {
  const { values, complaints } = collectValues(Object.keys(schema.shape), env);
  const parsed = schema.safeParse(values);
  if (parsed.success && complaints.length === 0) return parsed.data;
  const unread = new Set(complaints.map(({ name }) => name));
  const refused = (parsed.error?.issues ?? [])
    .map((issue) => ({ name: nameOf(issue), text: textOf(issue, values) }))
    .filter(({ name }) => !unread.has(name));
  throw new ConfigError([...complaints, ...refused].map(({ name, text }) => `${name}: ${text}`));
}

interface Complaint {
  name: string;
  text: string;
}

function collectValues(names: readonly string[], env: Environment) {
  const values: Record<string, string> = {};
  const complaints: Complaint[] = [];
  for (const name of names) {
    const direct = nonEmpty(env[name]);
    const file = nonEmpty(env[`${name}_FILE`]);
    if (direct !== undefined && file !== undefined) {
      complaints.push({ name, text: `is set together with ${name}_FILE; keep one of them` });
      continue;
    }
    const value = direct ?? (file === undefined ? undefined : readSecret(file));
    if (value instanceof Error) complaints.push({ name, text: `the file named by ${name}_FILE cannot be read` });
    else if (value !== undefined) values[name] = value;
  }
  return { values, complaints };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function readSecret(path: string): string | undefined | Error {
  try {
    return nonEmpty(readFileSync(path, 'utf8').replace(/\r?\n$/, ''));
  } catch (error) {
    return error instanceof Error ? error : new Error('unreadable', { cause: error });
  }
}

function nameOf(issue: z.core.$ZodIssue): string {
  const [first] = issue.path;
  return first === undefined ? 'environment' : String(first);
}

function textOf(issue: z.core.$ZodIssue, values: Readonly<Record<string, string>>): string {
  const isMissing = issue.path.length === 1 && values[nameOf(issue)] === undefined;
  return isMissing ? 'is not set' : issue.message;
}
