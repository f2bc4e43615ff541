import { describe, expect, test } from '@jest/globals';
import { SURFACES } from '@quarterhour/http';
import { readRouteMap } from './map-file.js';
import { nginxConfiguration } from './nginx.js';
import { createRouter } from './route-map.js';

const map = await readRouteMap();
const configuration = nginxConfiguration(map);
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** A map of nginx as it is read: the first pattern that matches, else nothing. */
function valueOf(variable: string, source: string): string {
  const block = new RegExp(`map [^{]* \\${variable} \\{\\n([^]*?)\\n {2}\\}`).exec(configuration)?.[1] ?? '';
  const lines = [...block.matchAll(/^ +"~(.*)" "?([^";]*)"?;$/gm)];
  return lines.find(([, pattern = '']) => new RegExp(pattern).test(source))?.[2] ?? '';
}

describe('the reverse proxy’s configuration', () => {
  const paths = Object.keys(map.routes).flatMap((path) => [
    path.replaceAll(/\{\w+\}/g, 'a.b-1'),
    path.replaceAll(/\{\w+\}/g, 'replay'),
    `${path}/`,
    `${path}/x`,
    path.toUpperCase(),
  ]);
  const route = createRouter(map);

  test.each([...new Set(paths), '/', '/metrics', '//metrics'])('sends %s where the gateway sends it', (path) => {
    for (const method of METHODS) {
      const destination = route(method, path);
      const app = destination.kind === 'app' ? destination.app : '';
      expect([method, valueOf('$quarterhour_app', `${method} ${path}`)]).toEqual([method, app]);
      const allow = valueOf('$quarterhour_allow', path);
      if (destination.kind === 'nowhere') expect(allow).toBe('');
      if (destination.kind === 'other-methods') {
        expect(allow.split(', ').toSorted()).toEqual(destination.allow.toSorted());
      }
    }
  });

  test.each(SURFACES.map((surface) => [surface.name, surface] as const))(
    'refuses in the shape of the %s surface',
    (_name, { errorContentType, errorSchemas, basePath, name }) => {
      const block = new RegExp(`location = ${basePath} \\{\\n([^]*?)\\n {4}\\}`).exec(configuration)?.[1];
      const text = block ?? /location \/ \{\n([^]*?)\n {4}\}/.exec(configuration)?.[1] ?? '';
      const named = [...configuration.matchAll(new RegExp(`location @${name}-[a-z-]+ \\{\\n([^]*?)\\n {4}\\}`, 'g'))];
      const bodies = [text, ...named.map(([, inside = '']) => inside)].flatMap((inside) => {
        expect(inside).toContain(`default_type ${errorContentType};`);
        return [...inside.matchAll(/return (\d+) '(.*)';/g)];
      });
      expect(bodies.map(([, status]) => status)).toEqual(['404', '405', '413', '503']);
      for (const [, , body = ''] of bodies) expect(errorSchemas.other.safeParse(JSON.parse(body)).success).toBe(true);
    },
  );

  test('publishes no metrics, buffers no answer, and takes nobody’s word for where a request comes from', () => {
    expect(configuration).not.toMatch(/metrics/);
    expect(configuration).toContain('proxy_buffering off;');
    expect(configuration).toContain('proxy_set_header X-Forwarded-For $remote_addr;');
    expect(configuration).toContain('client_max_body_size 262144;');
    const asset = configuration.split('    location ').find((block) => block.startsWith('^~ /asset-api/v1/'));
    expect(asset).toContain('client_max_body_size 5242880;');
    expect(configuration.split('{').length).toBe(configuration.split('}').length);
  });
});
