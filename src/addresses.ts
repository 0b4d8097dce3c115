import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [base: Address, bits: number];

/** One host of IPv6 has as many addresses as it likes within a network of so many bits (RFC 6177). */
const HOST_BITS = 64;
/** What stands before an IPv4 address within IPv6. */
const MAPPED_BITS = 96;

/** An address or CIDR range; undefined for any other text. An IPv4 address within IPv6 is taken as IPv4. */
export function readRange(text: string): Range | undefined {
  try {
    if (!text.includes('/')) {
      const address = readAddress(text);
      return address && [address, address.kind() === 'ipv4' ? 32 : 128];
    }
    const [base, bits] = ipaddr.parseCIDR(text);
    if (!isPlain(text.split('/')[0] ?? '')) return undefined;
    if (base instanceof ipaddr.IPv4 || !base.isIPv4MappedAddress()) return [base, bits];
    return bits < MAPPED_BITS ? undefined : [base.toIPv4Address(), bits - MAPPED_BITS];
  } catch {
    return undefined;
  }
}

/** Whether an address is in one of some ranges. */
export const isWithin = (address: Address, ranges: readonly Range[]): boolean =>
  ranges.some(([base, bits]) => base.kind() === address.kind() && address.match([base, bits] as never));

/** An IP address in one of the usual ways to write it; undefined for any other text. */
export function readAddress(text: string): Address | undefined {
  const [plain = ''] = text.split('%'); // the zone says only by which way it came
  return isPlain(plain) && ipaddr.isValid(plain) ? ipaddr.process(plain) : undefined;
}

/** In `10.1` or `0x7f.1` people and programs do not see the same. */
const isPlain = (text: string): boolean => text.includes(':') || /^\d+(?:\.\d+){3}$/.test(text);

/** Of a machine on the same network, or of this one. */
export const isInternal = (address: Address): boolean =>
  ['loopback', 'private', 'uniqueLocal', 'linkLocal', 'carrierGradeNat'].includes(address.range());

/** The address as it is counted: whoever has one IPv6 address has the whole network of it. */
export function countedAddress(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${HOST_BITS}`);
  return `${network.toString()}/${HOST_BITS}`;
}
