import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DOCUMENTS_FOLDER, printedDocuments, surfaceDocuments } from '../src/openapi/documents.js';
import { generatedFiles } from '../src/openapi/generated.js';

describe('the committed OpenAPI documents', () => {
  let documents: ReadonlyMap<string, string>;
  beforeAll(async () => {
    documents = surfaceDocuments(await printedDocuments());
  });

  test('are one per surface', async () => {
    expect((await readdir(DOCUMENTS_FOLDER)).toSorted()).toEqual([...documents.keys()].toSorted());
  });

  test('are what the routes of all APIs say, like all that is made from them; if not, run npm run openapi', async () => {
    for (const [file, text] of await generatedFiles()) expect(await readFile(file, 'utf8')).toBe(text);
  });

  test('hold reads and decisions of quarantine side by side', () => {
    const document: unknown = JSON.parse(documents.get('own.json') ?? '{}');
    for (const path of ['/quarantine/{id}', '/quarantine/{id}/replay'])
      expect(document).toHaveProperty(['paths', path]);
  });
});
