import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { listDispatchesQuery, listDispatchesResponse } from './asset/dispatches.js';
import { openApiDocument } from './openapi.js';
import type { ApiDescription } from './openapi.js';

const api: ApiDescription = {
  title: 'Sample',
  version: '1.0.0',
  description: 'For a test.',
  basePath: '/sample/v1',
  operations: [
    {
      operationId: 'listThings',
      method: 'get',
      path: '/plants/{plantId}/things',
      summary: 'List',
      tag: 'Things',
      params: z.strictObject({ plantId: z.uuid() }),
      query: listDispatchesQuery,
      responses: { 200: { description: 'One page.', schema: listDispatchesResponse, headers: { Link: 'Next.' } } },
    },
    {
      operationId: 'createThing',
      method: 'post',
      path: '/things',
      summary: 'Make',
      tag: 'Things',
      body: z.strictObject({ name: z.string() }),
      responses: { 204: { description: 'Made.' } },
    },
  ],
};

describe('an OpenAPI document', () => {
  const document = openApiDocument(api);
  const operation = ['paths', '/plants/{plantId}/things', 'get'];

  test('says what the schemas say', () => {
    expect(document).toHaveProperty(
      [...operation, 'parameters'],
      expect.arrayContaining([
        expect.objectContaining({ name: 'plantId', in: 'path', required: true }),
        expect.objectContaining({
          name: 'limit',
          required: false,
          schema: expect.objectContaining({ type: 'integer', minimum: 1, maximum: 1000, default: 50 }),
        }),
        expect.objectContaining({
          name: 'asset_ids',
          required: true,
          schema: expect.objectContaining({ type: 'array', minItems: 1, maxItems: 500 }),
        }),
        expect.objectContaining({ name: 'from', schema: expect.objectContaining({ format: 'date-time' }) }),
      ]),
    );
    expect(document).toHaveProperty([...operation, 'responses', '200', 'headers', 'Link']);
    expect(document).toHaveProperty(['paths', '/things', 'post', 'requestBody', 'required'], true);
    expect(document).not.toHaveProperty(['paths', '/things', 'post', 'responses', '204', 'content']);
  });

  test('names its components, and a value that may be null is one or null', () => {
    expect(document).toHaveProperty(['components', 'schemas', 'Dispatch', 'properties', 'nominal_power'], {
      anyOf: [{ $ref: '#/components/schemas/Power' }, { type: 'null' }],
    });
    expect(document).toHaveProperty(['components', 'schemas', 'Power', 'additionalProperties'], false);
  });

  test('asks for a bearer token everywhere', () => {
    expect(document).toMatchObject({ security: [{ bearerAuth: [] }], servers: [{ url: '/sample/v1' }] });
  });

  test('is the same every time', () => {
    expect(JSON.stringify(openApiDocument(api))).toBe(JSON.stringify(document));
  });
});
