import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepBrokerCertificate, type BrokerCertificate } from '@quarterhour/messaging';
import { systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { readKept, writeKept } from '../kept-file.js';
import { asBefore, freePorts } from './ports.js';

/** How partners reach a broker, and where it asks what they may. */
export interface PartnerAccess {
  /** Of the listener with TLS. */
  readonly host: string;
  readonly port: number;
  /** Certificate of the authority that the listener is verified with, PEM. */
  readonly caFile: string;
  /** Where the control API answers the broker. */
  readonly auth: { readonly host: string; readonly port: number };
}

/** By these names a broker on this machine is reached. */
const HOSTS = ['localhost', '127.0.0.1'];

/** What the broker needs for partners, as it is written into its file of plugins. */
export const PLUGINS = '[rabbitmq_management,rabbitmq_auth_backend_http,rabbitmq_auth_backend_cache].\n';

/** How long the broker goes by an answer before it asks again: who is revoked is refused within five seconds. */
const AUTH_CACHE_MS = 4_000;

const ports = z.object({ amqps: z.int(), auth: z.int() });

/**
 * Where partners reach the broker of a stack, and where it asks about them: at the ports of the last start, so that what
 * partners were told stays true, unless somebody else has them now.
 */
export async function partnerPorts(folder: string): Promise<z.infer<typeof ports>> {
  const file = path.join(folder, 'partner-ports.json');
  const last = await readKept(file, ports);
  const [amqps = 0, auth = 0] = await freePorts(2);
  const chosen = { amqps: await asBefore(last?.amqps, amqps), auth: await asBefore(last?.auth, auth) };
  await writeKept(file, chosen);
  return chosen;
}

/** A script for a container of RabbitMQ's image, which places what is mounted, and becomes the server. */
export function containerStartScript(): Promise<string> {
  return readFile(fileURLToPath(new URL('../../rabbitmq/start.sh', import.meta.url)), 'utf8');
}

/** The certificate of the broker of a stack, kept in the stack's folder. */
export function stackCertificate(folder: string): Promise<BrokerCertificate> {
  return keepBrokerCertificate({
    folder: path.join(folder, 'tls'),
    hosts: HOSTS,
    nowMillis: systemClock.nowMillis(),
  });
}

/**
 * Lines of a broker's configuration: its own users first, by itself; everybody else by asking the control API; and a
 * listener with TLS.
 *
 * @param authUrl base of the control API's answers, as the broker reaches it
 * @param tls where the listener is (`5671` or `127.0.0.1:5671`), and the files as the broker sees them
 */
export function partnerConfiguration(
  authUrl: string,
  tls: BrokerCertificate & { readonly listener: string },
): string[] {
  return [
    'auth_backends.1 = internal',
    'auth_backends.2 = cache',
    'auth_cache.cached_backend = http',
    `auth_cache.cache_ttl = ${AUTH_CACHE_MS}`,
    'auth_http.http_method = post',
    ...['user', 'vhost', 'resource', 'topic'].map((question) => `auth_http.${question}_path = ${authUrl}/${question}`),
    `listeners.ssl.1 = ${tls.listener}`,
    `ssl_options.cacertfile = ${tls.caFile}`,
    `ssl_options.certfile = ${tls.certificateFile}`,
    `ssl_options.keyfile = ${tls.keyFile}`,
    'ssl_options.versions.1 = tlsv1.3',
    'ssl_options.versions.2 = tlsv1.2',
    'ssl_options.verify = verify_none',
    'ssl_options.fail_if_no_peer_cert = false',
  ];
}

/** The same for a container that was started by {@link containerStartScript}. */
export function containerConfiguration(authUrl: string): string[] {
  const at = (name: string) => `/etc/rabbitmq/tls/${name}`;
  const files = { caFile: at('ca.pem'), certificateFile: at('server.pem'), keyFile: at('server.key') };
  return partnerConfiguration(authUrl, { ...files, listener: '5671' });
}
