import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mergeDocuments, type OpenApiDocument } from '@quarterhour/contracts';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const APIS = ['read-api', 'control-api'] as const;
const MOST_BYTES = 16 * 1024 * 1024;

const printed = z.record(z.string(), z.record(z.string(), z.unknown()));

/** Where the documents are kept. */
export const DOCUMENTS_FOLDER = path.join(ROOT, 'docs', 'openapi');

/**
 * The text of every surface's document by its file's name, as the built APIs describe it: each prints what it serves, and
 * what several serve becomes one.
 */
export async function surfaceDocuments(): Promise<ReadonlyMap<string, string>> {
  const bySurface = new Map<string, [OpenApiDocument, ...OpenApiDocument[]]>();
  for (const api of APIS) {
    for (const [surface, document] of Object.entries(await documentsOf(api))) {
      bySurface.set(surface, [...(bySurface.get(surface) ?? []), document]);
    }
  }
  return new Map(
    [...bySurface].map(([surface, documents]) => [
      `${surface}.json`,
      `${JSON.stringify(mergeDocuments(documents), null, 2)}\n`,
    ]),
  );
}

async function documentsOf(api: string): Promise<z.infer<typeof printed>> {
  const entry = path.join(ROOT, 'apps', api, 'dist', 'print-openapi.js');
  const { stdout } = await promisify(execFile)(process.execPath, [entry], { maxBuffer: MOST_BYTES });
  return printed.parse(JSON.parse(stdout));
}
