import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { documentOf, surfacesOf } from '@quarterhour/http';
import { routes } from '../src/routes.js';

const folder = new URL('../../../docs/openapi/', import.meta.url);

describe('the committed OpenAPI documents', () => {
  test.each(surfacesOf(routes).map((surface) => [surface.name, surface] as const))(
    '%s is what the routes say; if not, run write-openapi',
    async (name, surface) => {
      const committed = await readFile(fileURLToPath(new URL(`${name}.json`, folder)), 'utf8');
      expect(committed).toBe(`${JSON.stringify(documentOf(surface, routes), null, 2)}\n`);
    },
  );

  test('are one per surface', async () => {
    const files = await readdir(fileURLToPath(folder));
    expect(files.toSorted()).toEqual(
      surfacesOf(routes)
        .map(({ name }) => `${name}.json`)
        .toSorted(),
    );
  });
});
