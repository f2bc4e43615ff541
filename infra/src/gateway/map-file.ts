import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { routeMap, type RouteMap } from './route-map.js';

/** The committed map, written by `npm run openapi`. */
export const ROUTE_MAP_FILE = fileURLToPath(new URL(path.join('..', '..', 'gateway', 'routes.json'), import.meta.url));

/** @throws the file system's error, or a ZodError when somebody edited the map by hand */
export async function readRouteMap(): Promise<RouteMap> {
  return routeMap.parse(JSON.parse(await readFile(ROUTE_MAP_FILE, 'utf8')));
}
