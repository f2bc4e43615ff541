import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { documentOf, surfacesOf } from '@quarterhour/http';
import { routes } from './routes.js';

const folder = new URL('../../../docs/openapi/', import.meta.url);

await mkdir(folder, { recursive: true });
for (const surface of surfacesOf(routes)) {
  const file = fileURLToPath(new URL(`${surface.name}.json`, folder));
  await writeFile(file, `${JSON.stringify(documentOf(surface, routes), null, 2)}\n`);
  process.stdout.write(`${file}\n`);
}
