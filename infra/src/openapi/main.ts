import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generatedFiles } from './generated.js';

/** `npm run openapi`: writes what is made from the routes: the documents, the route map, the proxy's configuration. */
for (const [file, text] of await generatedFiles()) {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  process.stdout.write(`${file}\n`);
}
