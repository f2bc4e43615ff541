import { describe, expect, test } from '@jest/globals';
import { buildRouteMap, createRouter, RouteMapError } from './route-map.js';

const documentAt = (url: string, paths: Readonly<Record<string, object>>) => ({ servers: [{ url }], paths });
const trading = (paths: Readonly<Record<string, object>>) => ({ trading: documentAt('/api/v1/trading', paths) });

describe('the route map', () => {
  test('names one process per method and path, in an order that does not depend on the routes’', () => {
    const read = trading({ '/plants/{plantId}/config': { get: {} }, '/config': { get: {} } });
    const control = {
      ...trading({ '/config': { post: {}, delete: {} } }),
      own: documentAt('/quarterhour/v1', { '/things': { post: {} } }),
    };
    const map = buildRouteMap({ 'read-api': read, 'control-api': control });
    expect(JSON.stringify(map)).toBe(
      JSON.stringify({
        surfaces: { own: '/quarterhour/v1', trading: '/api/v1/trading' },
        routes: {
          '/api/v1/trading/config': { DELETE: 'control-api', GET: 'read-api', POST: 'control-api' },
          '/api/v1/trading/plants/{plantId}/config': { GET: 'read-api' },
          '/quarterhour/v1/things': { POST: 'control-api' },
        },
      }),
    );
  });

  test.each([
    ['the same path', { '/plants/{plantId}': { get: {} } }, { '/plants/{plantId}': { get: {} } }],
    ['a path whose parameter has another name', { '/plants/{plantId}': { get: {} } }, { '/plants/{id}': { get: {} } }],
  ])('is not made when two processes answer %s', (_which, read, control) => {
    const build = () => buildRouteMap({ 'read-api': trading(read), 'control-api': trading(control) });
    expect(build).toThrow(RouteMapError);
    expect(build).toThrow(/is answered by read-api and by control-api/);
  });

  test('is not made when a surface begins in two places', () => {
    const elsewhere = { trading: documentAt('/api/v2/trading', { '/config': { post: {} } }) };
    const build = () => buildRouteMap({ 'read-api': trading({ '/config': { get: {} } }), 'control-api': elsewhere });
    expect(build).toThrow(RouteMapError);
  });
});

describe('the router', () => {
  const route = createRouter({
    surfaces: {},
    routes: {
      '/q/{id}': { GET: 'read-api' },
      '/q/{id}/replay': { POST: 'control-api' },
      '/q/replay': { POST: 'control-api', GET: 'control-api' },
    },
  });

  test.each([
    ['GET', '/q/1', 'read-api'],
    ['HEAD', '/q/1', 'read-api'],
    ['POST', '/q/1/replay', 'control-api'],
    ['POST', '/q/replay', 'control-api'],
    ['GET', '/q/replay', 'control-api'],
    ['GET', '/q/%2F..%2Fmetrics', 'read-api'],
  ])('sends %s %s to the %s', (method, path, app) => {
    expect(route(method, path)).toEqual({ kind: 'app', app });
  });

  test.each([
    ['POST', '/q/1', ['GET', 'HEAD']],
    ['GET', '/q/1/replay', ['POST']],
    ['PUT', '/q/replay', ['GET', 'HEAD', 'POST']],
    ['get', '/q/1', ['GET', 'HEAD']],
  ])('knows what may be done instead of %s %s', (method, path, allow) => {
    expect(route(method, path)).toEqual({ kind: 'other-methods', allow: expect.arrayContaining(allow) });
  });

  test.each(['/', '/q', '/q/', '/q/1/', '/Q/1', '//q/1', '/q/1/2', '/x/../q/1'])('knows nobody for %s', (path) => {
    expect(route('GET', path)).toEqual({ kind: 'nowhere' });
  });
});
