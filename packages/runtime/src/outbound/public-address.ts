import { BlockList, isIP } from 'node:net';

/**
 * Special IPv4 ranges: private, shared, loopback, link-local, documentation, benchmarking, multicast and reserved ones, and
 * the one public address under which a cloud answers its own machines.
 *
 * @see IANA, IPv4 Special-Purpose Address Registry
 */
const SPECIAL_IPV4 = blockList('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);

const MAPPED_IPV4 = blockList('ipv6', ['::ffff:0:0/96']);
const GLOBAL_UNICAST = blockList('ipv6', ['2000::/3']);
/**
 * What of the global unicast range is no public host: protocol assignments with Teredo, documentation, 6to4.
 *
 * @see IANA, IPv6 Special-Purpose Address Registry
 */
const SPECIAL_IPV6 = blockList('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/**
 * Whether an address is one of the public internet. Judged by its bytes, not by its spelling: a mapped IPv4 address is
 * judged as the IPv4 address that it stands for, other ways to carry one (compatible, NAT64, 6to4, Teredo) are not public.
 *
 * @param address IPv4 in dotted decimal or IPv6, without brackets or zone; whatever is neither is not public
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !SPECIAL_IPV4.check(address, 'ipv4');
    case 6:
      if (address.includes('%')) return false;
      // The IPv4 list knows mapped addresses by the address within.
      if (MAPPED_IPV4.check(address, 'ipv6')) return !SPECIAL_IPV4.check(address, 'ipv6');
      return GLOBAL_UNICAST.check(address, 'ipv6') && !SPECIAL_IPV6.check(address, 'ipv6');
    default:
      return false;
  }
}

/**
 * Whether an address is one of some, in whatever form each is spelled: mapped IPv6 is the IPv4 address within.
 *
 * @param address IPv4 or IPv6, without brackets
 * @param hosts addresses, and names, which none is
 */
export function isOneOf(address: string, hosts: readonly string[]): boolean {
  const list = new BlockList();
  for (const host of hosts) {
    if (isIP(host) !== 0) list.addAddress(host, isIP(host) === 4 ? 'ipv4' : 'ipv6');
  }
  return isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}

function blockList(family: 'ipv4' | 'ipv6', networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', length] = network.split('/');
    list.addSubnet(address, Number(length), family);
  }
  return list;
}
