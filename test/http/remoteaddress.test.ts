import { describe, expect, it, vi } from 'vitest';
import { remoteAddressBehind } from '../../src/http/remoteaddress.ts';

type Headers = Readonly<Record<string, string>>;

const ask = (trusted: readonly string[], peer: string | undefined, headers: Headers = {}): string =>
  remoteAddressBehind(trusted)({ socket: { remoteAddress: peer }, headers } as never);

const list = (text: string): Headers => ({ 'x-forwarded-for': text });
const forwarded = (text: string): Headers => ({ forwarded: text });

describe('the address of a client', () => {
  it.each<[string, string | undefined, string]>([
    ['an IPv4 address', '192.0.2.7', '192.0.2.7'],
    ['one within IPv6', '::ffff:192.0.2.7', '192.0.2.7'],
    ['an IPv6 address by its network', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['one with a zone', 'fe80::1%eth0', 'fe80::/64'],
    ['none', undefined, 'unknown'],
  ])('is that of the connection: %s', (_, peer, address) => {
    expect(ask([], peer)).toBe(address);
  });

  it('is not what a header says where the proxy is not trusted', () => {
    for (const headers of [list('203.0.113.9'), forwarded('for=203.0.113.9')]) {
      expect(ask([], '127.0.0.1', headers)).toBe('127.0.0.1');
      expect(ask(['10.0.0.0/8'], '192.0.2.7', headers)).toBe('192.0.2.7');
    }
  });

  it.each<[string, Headers, string]>([
    ['the last of a list', list('198.51.100.1, 203.0.113.9'), '203.0.113.9'],
    ['what is before trusted hops', list('198.51.100.1, 203.0.113.9, 10.0.0.2,10.0.0.3'), '203.0.113.9'],
    ['all of them trusted', list('10.0.0.9, 10.0.0.2'), '10.0.0.9'],
    ['with a port', list('203.0.113.9:4711'), '203.0.113.9'],
    ['IPv6', list('2001:db8:1:2::9'), '2001:db8:1:2::/64'],
    ['IPv6 with a port', list('[2001:db8:1:2::9]:4711'), '2001:db8:1:2::/64'],
    ['no address', list('203.0.113.9, unknown'), '10.0.0.1'],
    ['no usual address', list('203.0.113.9, 0x7f.1'), '10.0.0.1'],
    ['nothing', list(''), '10.0.0.1'],
    ['Forwarded', forwarded('for=198.51.100.1, for=203.0.113.9;proto=https;by=10.0.0.2'), '203.0.113.9'],
    ['Forwarded, quoted', forwarded('For="[2001:db8:1:2::9]:4711"'), '2001:db8:1:2::/64'],
    ['Forwarded with a comma in quotes', forwarded('for="203.0.113.9";host="a,b;for=198.51.100.1"'), '203.0.113.9'],
    ['Forwarded with a hidden name', forwarded('for=203.0.113.9, for=_hidden'), '10.0.0.1'],
    ['Forwarded for nobody', forwarded('for=203.0.113.9, proto=https'), '10.0.0.1'],
    ['an open quote', forwarded('for="203.0.113.9, for=198.51.100.1'), '10.0.0.1'],
    ['both, which agree', { ...list('203.0.113.9'), ...forwarded('for=203.0.113.9') }, '203.0.113.9'],
    ['both, which do not', { ...list('203.0.113.9'), ...forwarded('for=198.51.100.1') }, '10.0.0.1'],
  ])('is what a trusted proxy says: %s', (_, headers, address) => {
    expect(ask(['10.0.0.0/8'], '::ffff:10.0.0.1', headers)).toBe(address);
  });

  it('is told of once where a proxy of the network is not named', () => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const read = remoteAddressBehind(['10.0.0.7']);
      const from = (remoteAddress: string, headers: Headers = list('203.0.113.9')) =>
        read({ socket: { remoteAddress }, headers } as never);
      for (const it of ['192.0.2.7', '10.0.0.7']) from(it);
      from('127.0.0.1', {});
      expect(written).not.toHaveBeenCalled();
      for (const it of ['127.0.0.1', '::1', '192.168.1.1']) from(it);
      expect(written.mock.calls.map(([line]) => String(line))).toEqual([
        expect.stringMatching(/ warn .*proxy that is not trusted.*server\.trustedProxies/),
      ]);
    } finally {
      written.mockRestore();
    }
  });

  it('is found in little time, whatever the header holds', () => {
    const time = (text: string): number => {
      const read = remoteAddressBehind(['10.0.0.0/8']);
      const start = performance.now();
      for (let i = 0; i < 20; i++)
        read({ socket: { remoteAddress: '10.0.0.1' }, headers: { forwarded: text, 'x-forwarded-for': text } } as never);
      return performance.now() - start;
    };
    time('10.0.0.2,'.repeat(1_000));
    for (const piece of ['10.0.0.2,', 'for="\\"', '[', ';=,', '1.1:']) {
      const [once, twice] = [time(piece.repeat(8_000)), time(piece.repeat(16_000))];
      expect(twice, piece).toBeLessThan(6 * once + 20);
    }
  });

  it.each(['proxy', '10.0.0.0/33', '10.1', '', '10.0.0.0/'])('is not asked of %j', (trusted) => {
    expect(() => remoteAddressBehind([trusted])).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
