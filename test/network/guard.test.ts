import { createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { exemption, guardedAgent, isPublicAddress, type Resolve } from '../../src/network/guard.ts';
import { FAULTY_CA, type Faulty, startFaulty } from '../provider/faulty.ts';

let faulty: Faulty;
let secure: Faulty;
let trap: Server;
let trapped = 0;

beforeAll(async () => {
  faulty = await startFaulty();
  secure = await startFaulty({ tls: true });
  trap = createServer((socket) => {
    trapped += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, '0.0.0.0', resolve));
});

afterAll(async () => {
  await Promise.all([faulty.close(), secure.close()]);
  await new Promise((resolve) => trap.close(resolve));
});

function trapPort(): number {
  const address = trap.address();
  return typeof address === 'object' && address ? address.port : 0;
}

async function codeOf(url: string, allowPrivate: readonly string[] = [], resolve?: Resolve): Promise<string> {
  const agent = guardedAgent({ allowPrivate }, resolve ? { resolve } : {});
  try {
    const { statusCode, body } = await request(url, { dispatcher: agent });
    await body.dump();
    return String(statusCode);
  } catch (error) {
    return isTielineError(error) ? error.code : String(error);
  } finally {
    await agent.destroy();
  }
}

const answering =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('isPublicAddress', () => {
  it.each(['8.8.8.8', '1.1.1.1', '140.82.121.4', '2606:4700::1111', '2a00:1450:4001::200e', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback, all of it', '127.255.255.254'],
    ['loopback', '::1'],
    ['unspecified', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['unspecified', '::'],
    ['private', '10.1.2.3'],
    ['private', '172.16.0.1'],
    ['private', '192.168.1.1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['metadata', '169.254.169.254'],
    ['link-local', 'fe80::1'],
    ['link-local with zone', 'fe80::1%eth0'],
    ['unique local', 'fd00:ec2::254'],
    ['site-local', 'fec0::1'],
    ['documentation', '192.0.2.1'],
    ['documentation', '198.51.100.7'],
    ['documentation', '203.0.113.7'],
    ['documentation', '2001:db8::1'],
    ['documentation', '3fff::1'],
    ['benchmarking', '198.18.0.1'],
    ['IETF protocols', '192.0.0.8'],
    ['6to4 relay', '192.88.99.1'],
    ['multicast', '224.0.0.1'],
    ['multicast', 'ff02::1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['v4-mapped loopback', '::ffff:127.0.0.1'],
    ['v4-mapped metadata', '::ffff:a9fe:a9fe'],
    ['v4-compatible', '::7f00:1'],
    ['v4-compatible public', '::8.8.8.8'],
    ['v4-translated', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['NAT64, local prefix', '64:ff9b:1::a00:1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001::f5ff:fffe'],
    ['discard', '100::1'],
    ['segment routing', '5f00::1'],
    ['unallocated', '4000::1'],
    ['no address', 'localhost'],
    ['decimal', '2130706433'],
    ['octal', '0177.0.0.1'],
    ['nothing', ''],
  ])('%s %s is not', (_, address) => expect(isPublicAddress(address)).toBe(false));

  it('is false for every address of every private range, in each notation', () => {
    const octet = fc.nat(255);
    const privates = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), octet, octet, octet),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
      fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
      fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), octet, octet),
    );
    const prefixes = fc.constantFrom('', '::', '::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::');
    fc.assert(
      fc.property(privates, prefixes, (octets, prefix) => !isPublicAddress(prefix + octets.join('.'))),
      { numRuns: 500 },
    );
  });
});

describe('a request to a literal address', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '①②⑦.0.0.1',
    '127。0。0。1',
    '127.0.0.1.',
    '0',
    '0.0.0.0',
    '[::]',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::127.0.0.1]',
    '[2002:7f00:1::]',
    '[2001:0:53aa:64c:0:0:80ff:fffe]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '100.64.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '192.168.0.1',
    '255.255.255.255',
    '224.0.0.1',
  ])('to %s is refused before it connects', async (host) => {
    trapped = 0;
    expect(await codeOf(`http://${host}:${trapPort()}/`)).toBe('target_forbidden');
    expect(await codeOf(`https://${host}:${trapPort()}/`)).toBe('target_forbidden');
    expect(trapped).toBe(0);
  });

  it('says which host it was, and what to do', async () => {
    const agent = guardedAgent({ allowPrivate: [] });
    const refusal = request('http://[::1]:4000/secret?token=1', { dispatcher: agent });
    await expect(refusal).rejects.toMatchObject({
      code: 'target_forbidden',
      message: '::1 is no host that may be reached',
      hint: expect.stringContaining('operator'),
    });
    await agent.destroy();
  });
});

describe('a request to a name', () => {
  it('that really resolves to loopback is refused unless the name is allowed', async () => {
    const url = `http://localhost:${faulty.port}/echo`;
    const before = faulty.connections.accepted;
    expect(await codeOf(url)).toBe('target_forbidden');
    expect(faulty.connections.accepted).toBe(before);
    expect(await codeOf(url, ['localhost'])).toBe('200');
    expect(await codeOf(url, ['LocalHost'])).toBe('200');
    expect(await codeOf(url, ['127.0.0.0/8', '::1'])).toBe('200');
  });

  it.each([
    ['a private answer', ['127.0.0.1']],
    ['a private answer behind a public one', ['8.8.8.8', '127.0.0.1']],
    ['a private answer before a public one', ['169.254.169.254', '8.8.8.8']],
    ['a private IPv6 answer among public ones', ['2606:4700::1111', '8.8.8.8', 'fd00::1']],
    ['a mapped answer', ['::ffff:10.0.0.1']],
    ['an answer that is no address', ['localhost']],
  ])('with %s is refused', async (_, addresses) => {
    trapped = 0;
    const name = `metadata.google.internal:${trapPort()}`;
    expect(await codeOf(`http://${name}/`, [], answering(...addresses))).toBe('target_forbidden');
    expect(await codeOf(`https://${name}/`, [], answering(...addresses))).toBe('target_forbidden');
    expect(trapped).toBe(0);
  });

  it('connects to the address it checked: the name is resolved once, and again for each new connection', async () => {
    const asked: string[] = [];
    const turns = [['127.0.0.1'], ['127.0.0.2']];
    const resolve: Resolve = async (hostname) => {
      asked.push(hostname);
      return answering(...(turns.shift() ?? []))(hostname);
    };
    const agent = guardedAgent({ allowPrivate: [`127.0.0.1:${faulty.port}`] }, { resolve });
    const get = (headers: Record<string, string>) =>
      request(`http://rebind.test:${faulty.port}/echo`, { dispatcher: agent, headers });
    await (await get({})).body.dump();
    await new Promise(setImmediate); // until then the connection counts as busy
    await (await get({ connection: 'close' })).body.dump();
    expect(asked).toEqual(['rebind.test']);
    await expect(get({})).rejects.toMatchObject({ code: 'target_forbidden' });
    expect(asked).toEqual(['rebind.test', 'rebind.test']);
    await agent.destroy();
  });

  it('tells nobody whether there is such a host, unless the operator has named it', async () => {
    const failure = async (resolve: Resolve, allowPrivate: readonly string[] = []) => {
      const agent = guardedAgent({ allowPrivate }, { resolve });
      const beganAt = performance.now();
      const { code, message, hint } = await request('http://desk.test/', { dispatcher: agent }).catch((it) => it);
      await agent.destroy();
      return { told: { code, message, hint }, ms: performance.now() - beganAt };
    };
    const unknown: Resolve = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    const there = await failure(answering('10.0.0.5'));
    expect(there.told.code).toBe('target_forbidden');
    for (const it of [await failure(unknown), await failure(answering())]) expect(it.told).toEqual(there.told);
    expect(there.ms).toBeGreaterThan(150);
    expect((await failure(unknown)).ms).toBeGreaterThan(150);
    expect((await failure(unknown, ['desk.test'])).told.code).toBe('ENOTFOUND');
  });

  it.each([22, 25, 110])('at port %i is refused even if its address is public', async (port) => {
    expect(await codeOf(`http://mail.test:${port}/`, [], answering('8.8.8.8'))).toBe('target_forbidden');
  });

  it('checks the certificate against the given authority', async () => {
    const policy = { allowPrivate: ['127.0.0.1'] };
    const url = `${secure.origin}/echo`;
    const trusting = guardedAgent(policy, { ca: FAULTY_CA });
    expect((await request(url, { dispatcher: trusting })).statusCode).toBe(200);
    const doubting = guardedAgent(policy);
    await expect(request(url, { dispatcher: doubting })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await Promise.all([trusting.destroy(), doubting.destroy()]);
  });
});

describe('the operator’s list', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', 4000, true],
    ['127.0.0.1', '::ffff:127.0.0.1', 4000, true],
    ['127.0.0.1', '127.0.0.2', 4000, false],
    ['127.0.0.1:4000', '127.0.0.1', 4000, true],
    ['127.0.0.1:4000', '127.0.0.1', 4001, false],
    ['127.0.0.1:80', '127.0.0.1', 443, false],
    ['::1', '::1', 4000, true],
    ['[::1]:4000', '::1', 4001, false],
    ['[::1]:4000', '0:0:0:0:0:0:0:1', 4000, true],
    ['desk.corp', 'desk.corp', 8443, true],
    ['desk.corp', 'evil-desk.corp', 8443, false],
    ['desk.corp', 'a.desk.corp', 8443, false],
    ['desk.corp:8443', 'desk.corp', 443, false],
    ['Bücher.corp', 'xn--bcher-kva.corp', 443, true],
    ['10.1.0.0/16', '10.1.255.1', 443, true],
    ['10.1.0.0/16', '10.2.0.1', 443, false],
    ['10.1.0.0/16', 'fd00::1', 443, false],
    ['fd00::/8', 'fd12::1', 443, true],
    ['fd00::/8', 'fe80::1', 443, false],
  ])('%s: %s at %i is %s', (entry, host, port, expected) => {
    expect(exemption({ allowPrivate: ['192.168.77.77', entry] })(host, port)).toBe(expected);
  });

  it.each(['', 'http://desk.corp', 'desk.corp/path', 'a b', 'user@desk.corp', 'desk.corp:99999', '10.0.0.0/33', '[x]'])(
    'refuses the entry %j',
    (entry) =>
      expect(() => exemption({ allowPrivate: [entry] })).toThrow(expect.objectContaining({ code: 'config_invalid' })),
  );
});

describe('a detour', () => {
  const statusVia = async (url: string, connectTo: Record<string, string>, ca?: string): Promise<number | string> => {
    const agent = guardedAgent({ allowPrivate: [], connectTo }, { ...(ca !== undefined && { ca }), resolve: nowhere });
    try {
      const { statusCode, body } = await request(url, { dispatcher: agent });
      await body.dump();
      return statusCode;
    } catch (error) {
      return isTielineError(error) ? error.code : String((error as { code?: string }).code);
    } finally {
      await agent.destroy();
    }
  };
  /** Names are not looked up on a detour. */
  const nowhere: Resolve = () => Promise.reject(Object.assign(new Error('asked'), { code: 'EASKED' }));

  it('leads to the address that the operator names, for that host and port alone', async () => {
    const to = new URL(faulty.origin).host;
    expect(await statusVia('http://api.example.com/echo', { 'api.example.com': to })).toBe(200);
    expect(await statusVia('http://api.example.com/echo', { 'api.example.com:80': to })).toBe(200);
    expect(await statusVia('http://api.example.com:8080/echo', { 'api.example.com:80': to })).toBe('EASKED');
    expect(await statusVia('http://www.api.example.com/echo', { 'api.example.com': to })).toBe('EASKED');
  });

  it('still asks for a certificate of the host', async () => {
    const to = new URL(secure.origin).host;
    expect(await statusVia('https://localhost:1/echo', { localhost: to }, FAULTY_CA)).toBe(200);
    expect(await statusVia('https://api.example.com/echo', { 'api.example.com': to }, FAULTY_CA)).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  it.each(['', '127.0.0.1', 'http://127.0.0.1:80', '127.0.0.1:80/x', ':80', 'a b:80'])('is not %j', async (to) => {
    expect(await statusVia('http://api.example.com/', { 'api.example.com': to })).toBe('config_invalid');
  });
});
