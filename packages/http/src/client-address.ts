import { isIP } from 'node:net';
import type { Request } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import { z } from 'zod';

/** A household or a server is given a network of this many bits; one address of it says nothing about who it is. */
const IPV6_NETWORK_BITS = 64;

/**
 * Whom a request without a verified token is counted against: its client's IPv4 address, or the /64 network of an IPv6 one.
 * `X-Forwarded-For` counts only as far as the app trusts the proxies that wrote it.
 */
export function clientAddress(req: Request): string {
  return ipKeyGenerator(req.ip ?? 'unknown', IPV6_NETWORK_BITS);
}

/** Addresses and networks of proxies, separated by commas: `10.0.0.7, 10.1.0.0/16, fd00::/8`. */
export const trustedProxies = z
  .string()
  .transform((text) => text.split(',').map((entry) => entry.trim()))
  .refine((entries) => entries.every(isNetwork), { error: 'must be addresses or networks, separated by commas' });

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}
