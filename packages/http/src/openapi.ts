import { openApiDocument } from '@quarterhour/contracts';
import type { OpenApiDocument } from '@quarterhour/contracts';
import type { Route } from './route.js';
import type { Surface } from './surface.js';

/** The OpenAPI 3.1 document of one surface, made from the declarations that serve it. */
export function documentOf(
  surface: Surface,
  routes: readonly Pick<Route<never>, 'surface' | 'operation'>[],
): OpenApiDocument {
  const { title, version, description, basePath } = surface;
  const operations = routes.filter((route) => route.surface === surface).map(({ operation }) => operation);
  return openApiDocument({ title, version, description, basePath, operations });
}

/** The documents of every surface that some routes belong to, by the surface's name, as one JSON text. */
export function documentsText(routes: readonly Pick<Route<never>, 'surface' | 'operation'>[]): string {
  return JSON.stringify(Object.fromEntries(surfacesOf(routes).map((one) => [one.name, documentOf(one, routes)])));
}

/** Surfaces of some routes, each once, in order of appearance. */
export function surfacesOf(routes: readonly Pick<Route<never>, 'surface'>[]): Surface[] {
  return [...new Set(routes.map(({ surface }) => surface))];
}
