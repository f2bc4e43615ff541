import { describe, expect, test } from '@jest/globals';
import { DocumentConflictError, mergeDocuments } from './merge-documents.js';

const reads = {
  openapi: '3.1.0',
  info: { title: 'One' },
  tags: [{ name: 'Things' }],
  paths: { '/things': { get: { summary: 'List' } }, '/things/{id}': { get: { summary: 'One' } } },
  components: { schemas: { Thing: { type: 'object' }, Problem: { type: 'string' } } },
};
const writes = {
  openapi: '3.1.0',
  info: { title: 'One' },
  tags: [{ name: 'Things' }, { name: 'Changes' }],
  paths: { '/things': { post: { summary: 'Make' } }, '/changes': { post: { summary: 'Do' } } },
  components: { schemas: { Problem: { type: 'string' }, Change: { type: 'number' } } },
};

describe('documents of one surface', () => {
  test('become one with the operations, tags and components of all', () => {
    const merged = mergeDocuments([reads, writes]);
    expect(merged).toEqual({
      openapi: '3.1.0',
      info: { title: 'One' },
      tags: [{ name: 'Things' }, { name: 'Changes' }],
      paths: {
        '/things': { get: { summary: 'List' }, post: { summary: 'Make' } },
        '/things/{id}': { get: { summary: 'One' } },
        '/changes': { post: { summary: 'Do' } },
      },
      components: {
        schemas: { Change: { type: 'number' }, Problem: { type: 'string' }, Thing: { type: 'object' } },
      },
    });
    expect(JSON.stringify(merged.components)).toMatch(/Change.*Problem.*Thing/);
  });

  test('stay what they are when there is one', () => {
    expect(mergeDocuments([reads])).toEqual(reads);
  });

  test.each([
    ['a version', { ...writes, openapi: '3.0.0' }, /openapi/],
    [
      'a component',
      { ...writes, components: { schemas: { Thing: { type: 'array' } } } },
      /components > schemas > Thing/,
    ],
    ['an operation', { ...writes, paths: { '/things': { get: { summary: 'Else' } } } }, /paths > \/things > get/],
  ])('that describe %s in two ways are refused', (_what, other, named) => {
    expect(() => mergeDocuments([reads, other])).toThrow(DocumentConflictError);
    expect(() => mergeDocuments([reads, other])).toThrow(named);
  });
});
