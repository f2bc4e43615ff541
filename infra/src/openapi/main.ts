import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DOCUMENTS_FOLDER, surfaceDocuments } from './documents.js';

/** `npm run openapi`: writes the documents of all surfaces. */
await mkdir(DOCUMENTS_FOLDER, { recursive: true });
for (const [name, text] of await surfaceDocuments()) {
  const file = path.join(DOCUMENTS_FOLDER, name);
  await writeFile(file, text);
  process.stdout.write(`${file}\n`);
}
