import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DOCUMENTS_FOLDER, surfaceDocuments } from '../src/openapi/documents.js';

describe('the committed OpenAPI documents', () => {
  let documents: ReadonlyMap<string, string>;
  beforeAll(async () => {
    documents = await surfaceDocuments();
  });

  test('are one per surface', async () => {
    expect((await readdir(DOCUMENTS_FOLDER)).toSorted()).toEqual([...documents.keys()].toSorted());
  });

  test('are what the routes of all APIs say; if not, run npm run openapi', async () => {
    for (const [name, text] of documents) {
      expect(await readFile(path.join(DOCUMENTS_FOLDER, name), 'utf8')).toBe(text);
    }
  });

  test('hold reads and decisions of quarantine side by side', () => {
    const document: unknown = JSON.parse(documents.get('own.json') ?? '{}');
    for (const path of ['/quarantine/{id}', '/quarantine/{id}/replay'])
      expect(document).toHaveProperty(['paths', path]);
  });
});
