import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mergeDocuments, type OpenApiDocument } from '@quarterhour/contracts';
import { z } from 'zod';
import { APPS, type App } from '../gateway/route-map.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MOST_BYTES = 16 * 1024 * 1024;

const printed = z.record(z.string(), z.record(z.string(), z.unknown()));

/** What each API says that it serves: its surfaces' documents, by name. */
export type Printed = Readonly<Record<App, z.infer<typeof printed>>>;

/** Where the documents are kept. */
export const DOCUMENTS_FOLDER = path.join(ROOT, 'docs', 'openapi');

/** Asks the built APIs. */
export async function printedDocuments(): Promise<Printed> {
  const [readApi, controlApi] = await Promise.all([documentsOf('read-api'), documentsOf('control-api')]);
  return { 'read-api': readApi, 'control-api': controlApi };
}

/** The text of every surface's document by its file's name: what several APIs serve of a surface becomes one. */
export function surfaceDocuments(byApi: Printed): ReadonlyMap<string, string> {
  const bySurface = new Map<string, [OpenApiDocument, ...OpenApiDocument[]]>();
  for (const app of APPS) {
    for (const [surface, document] of Object.entries(byApi[app])) {
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

async function documentsOf(app: App): Promise<z.infer<typeof printed>> {
  const entry = path.join(ROOT, 'apps', app, 'dist', 'print-openapi.js');
  const { stdout } = await promisify(execFile)(process.execPath, [entry], { maxBuffer: MOST_BYTES });
  return printed.parse(JSON.parse(stdout));
}
