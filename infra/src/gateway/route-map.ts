import { z } from 'zod';

/** The processes that answer HTTP. */
export const APPS = ['read-api', 'control-api'] as const;
export type App = (typeof APPS)[number];

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Shape of the committed map. */
export const routeMap = z.strictObject({
  /** Where each surface begins, by its name. */
  surfaces: z.record(z.string(), z.string().regex(/^(\/[\w-]+)+$/)),
  /** Who answers, by path (parameters in braces) and method. HEAD goes with GET. */
  routes: z.record(z.string().regex(/^(\/([\w-]+|\{\w+\}))+$/), z.partialRecord(z.enum(METHODS), z.enum(APPS))),
});
/** Which process answers what. Whatever stands in front of the processes is made from it. */
export type RouteMap = z.infer<typeof routeMap>;

/** What a process prints about itself: a document per surface. */
export type PrintedDocuments = Readonly<Record<string, unknown>>;

/** The processes do not agree on who answers what. */
export class RouteMapError extends Error {
  override readonly name = 'RouteMapError';
  readonly code = 'ROUTE_MAP';
}

/**
 * Makes the map out of what the processes print about themselves. The same routes give the same map, to the byte.
 *
 * @throws RouteMapError when two processes answer one method of one path, whatever they call its parameters, or when a
 *   surface begins in two places
 */
export function buildRouteMap(printed: Readonly<Record<App, PrintedDocuments>>): RouteMap {
  const claims = APPS.flatMap((app) => claimsOf(app, printed[app]));
  assertDistinct(claims);
  const surfaces = new Map(claims.map(({ surface, basePath }) => [surface, basePath]));
  const paths = [...new Set(claims.map(({ path }) => path))].toSorted();
  const methodsOf = (path: string) =>
    claims.filter((claim) => claim.path === path).map(({ method, app }) => [method, app] as const);
  return routeMap.parse({
    surfaces: Object.fromEntries([...surfaces].toSorted(byName)),
    routes: Object.fromEntries(paths.map((path) => [path, Object.fromEntries(methodsOf(path).toSorted(byName))])),
  });
}

/** One process says that it answers one method of one path. */
interface Claim {
  readonly app: App;
  readonly surface: string;
  readonly basePath: string;
  readonly method: string;
  readonly path: string;
}

const documented = z.object({
  servers: z.tuple([z.object({ url: z.string() })]),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
});

function claimsOf(app: App, documents: PrintedDocuments): Claim[] {
  return Object.entries(documents).flatMap(([surface, document]) => {
    const {
      servers: [{ url: basePath }],
      paths,
    } = documented.parse(document);
    return Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((name) => {
        return { app, surface, basePath, method: name.toUpperCase(), path: `${basePath}${path}` };
      }),
    );
  });
}

function assertDistinct(claims: readonly Claim[]): void {
  const bases = new Map<string, string>();
  const owners = new Map<string, App>();
  for (const { app, surface, basePath, method, path } of claims) {
    if ((bases.get(surface) ?? basePath) !== basePath) throw new RouteMapError(`${surface} begins in two places`);
    bases.set(surface, basePath);
    const address = `${method} ${path.replaceAll(PARAMETER, '{}')}`;
    const owner = owners.get(address);
    if (owner !== undefined) throw new RouteMapError(`${method} ${path} is answered by ${owner} and by ${app}`);
    owners.set(address, app);
  }
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

/** A parameter in a path of the map. */
export const PARAMETER = /\{\w+\}/g;

/** Who answers a request. */
export type Destination =
  | { readonly kind: 'app'; readonly app: App }
  /** The path is one of ours, the method is not. */
  | { readonly kind: 'other-methods'; readonly allow: readonly string[] }
  | { readonly kind: 'nowhere' };

/** Finds who answers a request. */
export type Router = (method: string, path: string) => Destination;

/**
 * Makes the finder. Paths are compared as they are sent, with upper and lower case, as the processes do; a path without
 * parameters goes before one with.
 */
export function createRouter({ routes }: RouteMap): Router {
  const known = routesInOrder(routes).map(([path, methods]) => ({ pattern: patternOf(path), methods }));
  return (method, path) => {
    const matching = known.filter(({ pattern }) => pattern.test(path)).map(({ methods }) => withHead(methods));
    if (matching.length === 0) return { kind: 'nowhere' };
    const app = matching.map((methods) => methods.get(method)).find((found) => found !== undefined);
    if (app !== undefined) return { kind: 'app', app };
    return { kind: 'other-methods', allow: [...new Set(matching.flatMap((methods) => [...methods.keys()]))] };
  };
}

/** The routes in the order in which they are tried. */
export function routesInOrder(routes: RouteMap['routes']): [path: string, methods: RouteMap['routes'][string]][] {
  const parameters = (path: string): number => path.match(PARAMETER)?.length ?? 0;
  return Object.entries(routes).toSorted(([left], [right]) => parameters(left) - parameters(right));
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(PARAMETER, '[^/]+')}$`);
}

function withHead(methods: RouteMap['routes'][string]): Map<string, App> {
  const { GET: reader } = methods;
  const withoutHead = Object.entries(methods);
  return new Map(reader === undefined ? withoutHead : [['GET', reader], ['HEAD', reader], ...withoutHead]);
}
