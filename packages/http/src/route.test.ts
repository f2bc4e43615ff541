import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createLogger, createMetrics, systemClock } from '@quarterhour/runtime';
import { sampleRoutes } from '../test/sample-api.js';
import { createApi } from './api.js';
import { documentOf } from './openapi.js';
import { DEFAULT_PROTECTION } from './protection.js';
import { json } from './reply.js';
import { noBody, noParameters, route, RouteDeclarationError } from './route.js';
import type { Route } from './route.js';
import { ownSurface } from './surfaces/own.js';

const declared = (changes: object) =>
  route({
    surface: ownSurface,
    method: 'get',
    path: '/things/{id}',
    operationId: 'getThing',
    summary: 'One',
    tag: 'Things',
    capability: 'dispatches:read',
    params: z.strictObject({ id: z.uuid() }),
    query: noParameters,
    body: noBody,
    responses: {},
    handler: () => Promise.resolve(json(null)),
    ...changes,
  });

const started = (routes: readonly Route<object>[]) =>
  createApi({
    routes,
    context: {},
    verifier: { verify: () => Promise.reject(new Error('not asked')), hasAccepted: () => false },
    classifyError: () => 'bug',
    unownedOrganisation: '00000000-0000-0000-0000-000000000000',
    checks: [],
    docs: { redocBundle: '/nowhere' },
    protection: DEFAULT_PROTECTION,
    eventLoop: { delayMs: () => 0 },
    databaseQueue: () => 0,
    log: createLogger({ name: 'test', level: 'fatal' }),
    metrics: createMetrics(),
    clock: systemClock,
  });

describe('a declaration', () => {
  test('that is complete stands', () => {
    expect(declared({})).toMatchObject({ operationId: 'getThing', namesOneThing: true, hasBody: false });
  });

  test.each([
    ['a capability that nobody has', { capability: 'everything:do' }],
    ['a capability that is a name of every object', { capability: 'constructor' }],
    ['a path parameter without a schema', { params: noParameters }],
    ['a schema for a parameter that is not in the path', { path: '/things' }],
  ])('with %s is refused', (_what, changes) => {
    expect(() => declared(changes)).toThrow(RouteDeclarationError);
  });

  test('twice at one address, or under one id, does not start', () => {
    expect(() => started([declared({}), declared({ operationId: 'getOther' })])).toThrow(RouteDeclarationError);
    const other = declared({ path: '/others/{id}' });
    expect(() => started([declared({}), other])).toThrow(RouteDeclarationError);
    expect(() => started(sampleRoutes)).not.toThrow();
  });

  test.each([
    ['neither a token nor an API key taken', { capability: null }],
    ['an unknown capability beside an API key', { capability: 'everything:do', apiKeyScope: 'vcp:read' }],
  ])('with %s is refused', (_what, changes) => {
    expect(() => declared(changes)).toThrow(RouteDeclarationError);
  });

  test('that takes API keys does not start where nobody verifies them', () => {
    expect(() => started([declared({ apiKeyScope: 'vcp:read' })])).toThrow(/verifies/);
  });

  test('says in its document by what it lets itself be told who asks', () => {
    const securityOf = (changes: object) => {
      const document = documentOf(ownSurface, [declared(changes)]);
      return z
        .object({
          components: z.object({ securitySchemes: z.record(z.string(), z.unknown()) }),
          paths: z.object({ '/things/{id}': z.object({ get: z.object({ security: z.unknown().optional() }) }) }),
        })
        .parse(document);
    };
    const apiKey = { type: 'apiKey', in: 'header', name: 'X-API-Key' };
    const either = securityOf({ apiKeyScope: 'vcp:read' });
    expect(either.components.securitySchemes).toMatchObject({ apiKey });
    expect(either.paths['/things/{id}'].get.security).toEqual([{ bearerAuth: [] }, { apiKey: [] }]);
    const alone = securityOf({ capability: null, apiKeyScope: 'vcp:read' });
    expect(alone.paths['/things/{id}'].get.security).toEqual([{ apiKey: [] }]);
    const none = securityOf({});
    expect(none.components.securitySchemes).not.toHaveProperty('apiKey');
    expect(none.paths['/things/{id}'].get.security).toBeUndefined();
  });

  test('documents what it refuses', () => {
    expect(Object.keys(declared({}).operation.responses)).toEqual([
      '400',
      '401',
      '403',
      '404',
      '406',
      '429',
      '500',
      '503',
    ]);
  });
});
