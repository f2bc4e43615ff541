import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, readEnvironment } from './environment.js';

const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  LEVEL: z.enum(['debug', 'info']).default('info'),
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'environment-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function complaintsAbout(env: Record<string, string>): readonly string[] {
  try {
    readEnvironment(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.complaints;
    throw error;
  }
  return [];
}

function aFile(content: string): string {
  const path = join(folder, 'secret');
  writeFileSync(path, content);
  return path;
}

describe('reading the environment', () => {
  test('gives typed values and defaults, and leaves foreign variables alone', () => {
    const env = { DATABASE_URL: 'postgres://localhost/q', PORT: '9000', HOME: '/home/somebody' };
    expect(readEnvironment(schema, env)).toEqual({ DATABASE_URL: 'postgres://localhost/q', PORT: 9000, LEVEL: 'info' });
  });

  test('an empty variable counts as not set', () => {
    expect(readEnvironment(schema, { DATABASE_URL: 'postgres://localhost/q', PORT: '' }).PORT).toBe(8080);
  });

  test('complains about everything at once, one line each', () => {
    const complaints = complaintsAbout({ PORT: '70000', LEVEL: 'shout' });
    expect(complaints).toHaveLength(3);
    expect(complaints[0]).toBe('DATABASE_URL: is not set');
    expect(complaints[1]).toMatch(/^PORT: /);
    expect(complaints[2]).toMatch(/^LEVEL: /);
  });

  test('never quotes a value', () => {
    expect(complaintsAbout({ DATABASE_URL: 'mysql://u:hunter2@host' }).join()).not.toContain('hunter2');
  });

  test('the message lists the complaints for a human', () => {
    expect(() => readEnvironment(schema, {})).toThrow('The configuration cannot be used:\n  DATABASE_URL: is not set');
  });
});

describe('a value in a file', () => {
  test('is read without its last line end', () => {
    const path = aFile('postgres://u:p@localhost/q\n');
    expect(readEnvironment(schema, { DATABASE_URL_FILE: path }).DATABASE_URL).toBe('postgres://u:p@localhost/q');
  });

  test('beside a value of its own is a complaint', () => {
    const env = { DATABASE_URL: 'postgres://localhost/q', DATABASE_URL_FILE: aFile('postgres://localhost/r') };
    expect(complaintsAbout(env)).toEqual(['DATABASE_URL: is set together with DATABASE_URL_FILE; keep one of them']);
  });

  test('that cannot be read is one complaint', () => {
    expect(complaintsAbout({ DATABASE_URL_FILE: join(folder, 'missing') })).toEqual([
      'DATABASE_URL: the file named by DATABASE_URL_FILE cannot be read',
    ]);
  });

  test('that is empty counts as not set', () => {
    expect(complaintsAbout({ DATABASE_URL_FILE: aFile('\n') })).toEqual(['DATABASE_URL: is not set']);
  });
});
