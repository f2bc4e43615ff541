import { BlockList, isIP } from 'node:net';

/**
 * Whether an address lies in one of some networks, or there are none to lie in. An IPv4 address that is written as an IPv6
 * one (`::ffff:192.0.2.1`) is the IPv4 address, and lies in no IPv6 network.
 *
 * @param networks CIDR, IPv4 or IPv6: `203.0.113.0/24`, `2001:db8::/32`
 * @param address an address; a text that is none lies nowhere
 */
export function isWithin(networks: readonly string[], address: string): boolean {
  if (networks.length === 0) return true;
  const written = isIP(address);
  if (written === 0) return false;
  const meant = written === 6 && !MAPPED.check(address, 'ipv6') ? 6 : 4;
  const list = new BlockList();
  for (const network of networks) {
    const [start = '', bits] = network.split('/');
    if (isIP(start) === meant) list.addSubnet(start, Number(bits), FAMILIES[meant]);
  }
  return list.check(address, FAMILIES[written === 4 ? 4 : 6]);
}

const FAMILIES = { 4: 'ipv4', 6: 'ipv6' } as const;
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');
