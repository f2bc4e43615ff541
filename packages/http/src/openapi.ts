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
