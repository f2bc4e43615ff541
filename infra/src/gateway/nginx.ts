import { MAX_BODY_BYTES, maxBodyBytesOf, RETRY_AFTER_SECONDS, SURFACES, ownSurface } from '@quarterhour/http';
import type { Refusal, Surface } from '@quarterhour/http';
import { DOCS_APP, DROPPED_HEADERS, SILENCE_MS } from './gateway.js';
import { PARAMETER, routesInOrder, type App, type RouteMap } from './route-map.js';

/** Where the processes listen in docker-compose.yml. */
const CONTAINERS: Readonly<Record<App, string>> = { 'read-api': 'read-api:8080', 'control-api': 'control-api:8082' };

const INTRODUCTION = `\
# Made by \`npm run openapi\` from the routes of the APIs; a test fails when it is not current. Put nothing in here by hand:
# what is to be added goes into files of /etc/nginx/quarterhour.d, which are read within http, for example the address of
# a proxy in front of this one (set_real_ip_from, real_ip_header).

pid /tmp/nginx.pid;
worker_processes auto;
error_log stderr warn;

events {
  worker_connections 4096;
}
`;

/** As the processes limit their clients themselves, see docs/decisions/0019-protecting-the-apis.md. */
const HTTP = `\
  access_log off;
  server_tokens off;
  default_type application/octet-stream;
  client_body_temp_path /tmp/client-body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  client_header_timeout 5s;
  client_body_timeout 10s;
  client_max_body_size ${MAX_BODY_BYTES};
  client_header_buffer_size 4k;
  large_client_header_buffers 4 64k;
  keepalive_timeout 5s;
  keepalive_requests 1000;
  send_timeout 30s;
  reset_timedout_connection on;

  # Streams as they come, each request on a connection of its own, and whoever hangs up ends it for the process as well.
  proxy_http_version 1.1;
  proxy_buffering off;
  proxy_request_buffering on;
  proxy_connect_timeout 2s;
  proxy_send_timeout 10s;
  proxy_read_timeout ${SILENCE_MS / 1000}s;
  proxy_next_upstream off;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
  proxy_set_header X-Forwarded-For $remote_addr;`;

/**
 * The configuration of the stock reverse proxy in docker-compose.yml: what the gateway does among processes, nginx does among
 * containers. Routes, limits, and the bodies of refusals are the same.
 */
export function nginxConfiguration(map: RouteMap): string {
  const sections = [
    [HTTP, ...DROPPED_BY_NGINX.map((name) => `  proxy_set_header ${name} "";`)].join('\n'),
    '  include /etc/nginx/quarterhour.d/*.conf;',
    Object.entries(CONTAINERS).map(upstream).join('\n'),
    variable('$request_uri', '$quarterhour_path', ['"~^(?<path>[^?]*)" $path;']),
    variable('"$request_method $quarterhour_path"', '$quarterhour_app', appLines(map)),
    variable('$quarterhour_path', '$quarterhour_allow', allowLines(map)),
    server(),
  ];
  return `${INTRODUCTION}\nhttp {\n${sections.join('\n\n')}\n}\n`;
}

/** nginx makes the length of a body anew and sends no coding of the transfer that it was not told to. */
const DROPPED_BY_NGINX = DROPPED_HEADERS.filter((name) => name !== 'transfer-encoding');

function upstream([app, address]: [string, string]): string {
  return `  upstream ${app} {\n    server ${address} max_fails=0;\n  }`;
}

function variable(source: string, name: string, lines: readonly string[]): string {
  return [`  map ${source} ${name} {`, '    default "";', ...lines.map((line) => `    ${line}`), '  }'].join('\n');
}

function appLines({ routes }: RouteMap): string[] {
  return routesInOrder(routes).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, app]) => `"~^(${withHead(method).join('|')}) ${patternOf(path)}$" ${app};`),
  );
}

function allowLines({ routes }: RouteMap): string[] {
  const inOrder = routesInOrder(routes);
  return inOrder.map(([path]) => {
    const sharing = inOrder.filter(([other]) => new RegExp(`^${patternOf(other)}$`).test(path));
    const allow = sharing.flatMap(([, methods]) => Object.keys(methods)).flatMap(withHead);
    return `"~^${patternOf(path)}$" "${[...new Set(allow)].join(', ')}";`;
  });
}

function withHead(method: string): string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

function patternOf(path: string): string {
  return path.replaceAll(PARAMETER, '[^/]+');
}

function server(): string {
  const others = SURFACES.filter((surface) => surface !== ownSurface);
  const blocks = [
    '    listen 8080;\n    server_name _;',
    health(),
    `    location = /docs {\n      proxy_pass http://${DOCS_APP};\n    }`,
    `    location ^~ /docs/ {\n      proxy_pass http://${DOCS_APP};\n    }`,
    ...others.flatMap((surface) => locations(surface, [`= ${surface.basePath}`, `^~ ${surface.basePath}/`])),
    ...locations(ownSurface, ['/']),
  ];
  return `  server {\n${blocks.join('\n\n')}\n  }`;
}

/** Ready when both processes are: the one is asked first, the other answers. */
function health(): string {
  return `\
    location = /healthz {
      default_type application/json;
      return 200 '{"status":"ok"}';
    }

    location = /readyz {
      auth_request /control-api-readyz;
      error_page 500 502 504 =503 @not-ready;
      proxy_pass http://read-api;
    }

    location = /control-api-readyz {
      internal;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_pass http://control-api/readyz;
    }

    location @not-ready {
      default_type application/json;
      return 503 '{"status":"not ready"}';
    }`;
}

function locations(surface: Surface, places: readonly string[]): string[] {
  const { name, errorContentType } = surface;
  return [
    ...places.map(
      (place) => `\
    location ${place} {
      default_type ${errorContentType};
      if ($quarterhour_allow = "") {
${refusal(surface, { kind: 'not-found' }, '        ')}
      }
      if ($quarterhour_app = "") {
        add_header Allow $quarterhour_allow always;
${refusal(surface, { kind: 'method-not-allowed', allow: [] }, '        ')}
      }
      client_max_body_size ${maxBodyBytesOf(surface)};
      error_page 413 @${name}-too-large;
      error_page 502 504 =503 @${name}-unavailable;
      proxy_pass http://$quarterhour_app;
    }`,
    ),
    named(surface, 'too-large', { kind: 'too-large' }),
    named(surface, 'unavailable', { kind: 'unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS }),
  ];
}

function named(surface: Surface, what: string, kind: Refusal): string {
  return `\
    location @${surface.name}-${what} {
      default_type ${surface.errorContentType};
${refusal(surface, kind, '      ')}
    }`;
}

const REQUEST_ID = '$request_id';

function refusal(surface: Surface, kind: Refusal, indent: string): string {
  const { status, headers, body } = surface.present(kind, REQUEST_ID);
  const text = JSON.stringify(body);
  if (text.includes("'")) throw new RangeError(`a body of ${surface.name} cannot be quoted: ${text}`);
  return [
    ...Object.entries(headers)
      .filter(([header]) => header !== 'allow')
      .map(([header, value]) => `add_header ${header} "${value}" always;`),
    'add_header Cache-Control no-store always;',
    'add_header X-Content-Type-Options nosniff always;',
    `add_header X-Request-Id ${REQUEST_ID} always;`,
    `return ${status} '${text}';`,
  ]
    .map((line) => `${indent}${line}`)
    .join('\n');
}
