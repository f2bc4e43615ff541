import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { endsWithin } from '../clock.js';
import { OutboundError } from './outbound-error.js';
import { isTestOrigin, type PartnerUrlRules } from './partner-url.js';
import { isOneOf, isPublicAddress } from './public-address.js';

/** All addresses of a name. @throws when there is none, or nobody who knows */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** What {@link guardedConnector} needs. */
export interface ConnectorOptions {
  readonly rules: Pick<PartnerUrlRules, 'ownHosts' | 'testOrigins'>;
  readonly resolve?: Resolve;
  /** For a name, and for each of its addresses. */
  readonly connectTimeoutMs: number;
  /** Certificates to trust beside those of the machine, as PEM; for tests. */
  readonly ca?: string;
  /** Opens a connection to an address; for tests. */
  readonly dial?: buildConnector.connector;
}

/** More addresses than these of a name are not tried. */
const MOST_ADDRESSES = 3;

/**
 * Opens connections to partners, and to nobody else: a name is resolved once, one address of it that is not public refuses
 * all, and the connection goes to an address that was judged. The certificate is judged by the name.
 *
 * A connector, because a resolver of one's own is not asked about a host that is an address already.
 */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const { connectTimeoutMs, ca } = options;
  const dial =
    options.dial ??
    buildConnector({
      timeout: connectTimeoutMs,
      maxCachedSessions: 0,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    });
  const resolve = shared(options.resolve ?? resolveAll);
  return (wanted, callback) => {
    connected(wanted, { ...options, dial, resolve }).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(asOutboundError(error), null),
    );
  };
}

/**
 * Whoever asks for a name while it is being asked for gets the same answer. The machine asks for few names at a time, and
 * for nothing else meanwhile: one that is never answered for may keep one of its places, not all.
 */
function shared(resolve: Resolve): Resolve {
  const asking = new Map<string, Promise<readonly string[]>>();
  return (hostname) => {
    const known = asking.get(hostname);
    if (known !== undefined) return known;
    const addresses = resolve(hostname).finally(() => asking.delete(hostname));
    asking.set(hostname, addresses);
    return addresses;
  };
}

/** A connector's options with whatever has a default. */
type Connecting = ConnectorOptions & Required<Pick<ConnectorOptions, 'dial' | 'resolve'>>;

async function connected(wanted: buildConnector.Options, options: Connecting): Promise<Socket> {
  const hostname = wanted.hostname.replace(/^\[|\]$/g, '');
  const addresses = await judgedAddresses(hostname, wanted, options);
  let trouble: unknown;
  for (const address of addresses.slice(0, MOST_ADDRESSES)) {
    try {
      return await connectedTo(address, { ...wanted, servername: isIP(hostname) === 0 ? hostname : '' }, options.dial);
    } catch (error) {
      trouble = error;
    }
  }
  throw trouble;
}

/** Every address that the host has, none of which may be wrong; IPv4 first, because IPv6 often leads nowhere. */
async function judgedAddresses(
  hostname: string,
  { protocol, host = hostname }: buildConnector.Options,
  { rules, resolve, connectTimeoutMs }: Connecting,
): Promise<string[]> {
  const addresses = isIP(hostname) === 0 ? await inTime(connectTimeoutMs, resolve(hostname)) : [hostname];
  const { origin } = new URL(`${protocol}//${host}`);
  const isAllowed = (address: string): boolean => isPublicAddress(address) && !isOneOf(address, rules.ownHosts);
  if (addresses.length === 0) throw new Error('the name has no address');
  if (!isTestOrigin(origin, rules.testOrigins) && !addresses.every(isAllowed)) {
    throw new OutboundError('ESM_URL_NOT_ALLOWED', { mayHaveArrived: false });
  }
  return addresses.toSorted((left, right) => isIP(left) - isIP(right));
}

async function resolveAll(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);
}

async function inTime<T>(millis: number, work: Promise<T>): Promise<T> {
  if (await endsWithin(millis, work)) return work;
  work.catch(() => undefined);
  throw new Error('the name was not resolved in time');
}

function connectedTo(address: string, wanted: buildConnector.Options, dial: buildConnector.connector): Promise<Socket> {
  return new Promise((resolve, reject) => {
    dial({ ...wanted, hostname: address }, (error, socket) => {
      if (error !== null) return reject(error);
      if (socket.remoteAddress !== undefined && isOneOf(socket.remoteAddress, [address])) return resolve(socket);
      socket.destroy();
      reject(new OutboundError('ESM_URL_NOT_ALLOWED', { mayHaveArrived: false }));
    });
  });
}

/** Nothing was sent before there is a connection. */
function asOutboundError(cause: unknown): OutboundError {
  return cause instanceof OutboundError
    ? cause
    : new OutboundError('ESM_UNREACHABLE', { mayHaveArrived: false, cause });
}
