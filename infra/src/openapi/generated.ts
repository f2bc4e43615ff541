import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { partnerAsyncApi } from '@quarterhour/contracts';
import { ROUTE_MAP_FILE } from '../gateway/map-file.js';
import { nginxConfiguration } from '../gateway/nginx.js';
import { buildRouteMap } from '../gateway/route-map.js';
import { DOCUMENTS_FOLDER, printedDocuments, surfaceDocuments } from './documents.js';

/** The reverse proxy of docker-compose.yml reads it. */
export const NGINX_FILE = fileURLToPath(new URL('../../docker/nginx.conf', import.meta.url));

/** What partners and we say to each other over AMQP. */
export const ASYNCAPI_FILE = path.join(DOCUMENTS_FOLDER, '..', 'asyncapi', 'partner.json');

/** Everything that is made from the routes of the built APIs and from the schemas of messages, and committed: its text by the file's path. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const printed = await printedDocuments();
  const map = buildRouteMap(printed);
  return new Map([
    ...[...surfaceDocuments(printed)].map(([name, text]) => [path.join(DOCUMENTS_FOLDER, name), text] as const),
    [ASYNCAPI_FILE, `${JSON.stringify(partnerAsyncApi(), null, 2)}\n`],
    [ROUTE_MAP_FILE, `${JSON.stringify(map, null, 2)}\n`],
    [NGINX_FILE, nginxConfiguration(map)],
  ]);
}
