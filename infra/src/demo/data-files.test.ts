import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { DATA_FOLDER, readDataFile } from './data-files.js';

const OURS = ['.gitattributes', 'NOTICES.txt', 'README.md', 'manifest.json'];
const manifest = z.object({
  files: z.array(
    z.object({
      file: z.string(),
      sha256: z.string(),
      what: z.string().min(1),
      source: z.string().min(1),
      notices: z.array(z.string()).min(1),
    }),
  ),
});
const { files } = manifest.parse(JSON.parse(readDataFile('manifest.json').toString()));
const notices = readDataFile('NOTICES.txt').toString();

describe('the measured data', () => {
  test('is listed file by file, and nothing is listed that is not there', () => {
    const found = readdirSync(DATA_FOLDER, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(DATA_FOLDER, path.join(entry.parentPath, entry.name)));
    expect(files.map(({ file }) => file).sort()).toEqual(found.filter((file) => !OURS.includes(file)).sort());
  });

  test.each(files)('$file is byte for byte what was copied', ({ file, sha256 }) => {
    expect(createHash('sha256').update(readDataFile(file)).digest('hex')).toBe(sha256);
  });

  test.each(files)('$file travels with its notice', ({ notices: names }) => {
    for (const name of names) expect(notices).toContain(`\n\n${name}\n${'-'.repeat(name.length)}\n`);
  });

  test('has no notice that belongs to no file', () => {
    const sections = [...notices.matchAll(/^(.+)\n-{3,}$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual([...new Set(files.flatMap((file) => file.notices))].sort());
  });

  test('is protected from any repair of line endings by git', () => {
    expect(readFileSync(path.join(DATA_FOLDER, '.gitattributes'), 'utf8')).toMatch(/^\* -text$/m);
  });
});
