import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHosts } from '../../src/network/hosts.ts';
import { openResolver, type Resolve, type ResolverOptions } from '../../src/network/resolver.ts';
import { type NameServer, startNameServer, type Zone } from './nameserver.ts';

let folder: string;
let hosts: string;
let zone: Zone;
let server: NameServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tieline-hosts-'));
  hosts = join(folder, 'hosts');
  await writeFile(hosts, '127.0.0.1 localhost\n10.0.0.7 desk.corp desk # ours\n::1 desk.corp\n');
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  zone = {};
  server = await startNameServer(() => zone);
});
afterEach(() => server.close());

const nobody: Resolve = async (name) => {
  throw Object.assign(new Error(`the system was asked for ${name}`), { code: 'ENOTFOUND' });
};

const open = (options: ResolverOptions = {}): Resolve =>
  openResolver({ servers: [server.address], hosts, search: [], askSystem: nobody, ...options });

const addresses = async (work: ReturnType<Resolve>): Promise<string[] | string> =>
  work.then(
    (found) => found.map((it) => `${it.family} ${it.address}`),
    (error) => String(error.code),
  );

describe('a name', () => {
  it('has both kinds of addresses, IPv4 first', async () => {
    zone = { 'api.test': { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8:0:0:0:0:0:1'] } };
    expect(await addresses(open()('API.test.'))).toEqual(['4 192.0.2.1', '4 192.0.2.2', '6 2001:db8::1']);
    expect([...server.asked].sort()).toEqual(['api.test A', 'api.test AAAA']);
  });

  it('of the hosts file is asked nobody, nor is localhost or an address', async () => {
    const resolve = open();
    expect(await addresses(resolve('desk.corp'))).toEqual(['4 10.0.0.7', '6 ::1']);
    expect(await addresses(resolve('DESK'))).toEqual(['4 10.0.0.7']);
    expect(await addresses(resolve('localhost'))).toEqual(['4 127.0.0.1']);
    expect(await addresses(resolve('app.localhost'))).toEqual(['4 127.0.0.1', '6 ::1']);
    expect(await addresses(resolve('192.0.2.9'))).toEqual(['4 192.0.2.9']);
    expect(server.asked).toEqual([]);
  });

  it('that nobody has is unknown, and known to be for a while', async () => {
    const resolve = open();
    expect(await addresses(resolve('no.test'))).toBe('ENOTFOUND');
    expect(await addresses(resolve('no.test'))).toBe('ENOTFOUND');
    expect(server.asked).toHaveLength(2);
  });

  it.each(['', '.', 'a b', `${'x'.repeat(63)}.`.repeat(5), 'a\0b'])(
    'that can be none, %j, is asked nobody',
    async (name) => {
      expect(await addresses(open()(name))).toBe('ENOTFOUND');
      expect(server.asked).toEqual([]);
    },
  );

  it('is asked for once by all who want it at one time, and kept as long as it says', async () => {
    zone = { 'api.test': { a: ['192.0.2.1'], ttl: 60, afterMs: 50 }, 'short.test': { a: ['192.0.2.2'], ttl: 0 } };
    const resolve = open();
    await Promise.all(Array.from({ length: 50 }, () => resolve('api.test')));
    await resolve('api.test');
    expect(server.asked).toHaveLength(2);
    await resolve('short.test');
    await resolve('short.test');
    expect(server.asked).toHaveLength(6);
  });

  it('whose server does not answer for one kind has the other', async () => {
    zone = { 'half.test': { a: ['192.0.2.1'] } };
    const half = await startNameServer(() => zone);
    const silentFor6 = open({ servers: [half.address] });
    expect(await addresses(silentFor6('half.test'))).toEqual(['4 192.0.2.1']);
    half.close();
  });

  it('of one label is looked for in the domains of this machine first, others as they are', async () => {
    zone = {
      'desk2.corp.test': { a: ['192.0.2.3'] },
      'api.test.corp.test': { a: ['192.0.2.4'] },
      'api.test': { a: ['192.0.2.5'] },
    };
    const resolve = open({ search: ['other.test', 'corp.test'] });
    expect(await addresses(resolve('desk2'))).toEqual(['4 192.0.2.3']);
    expect(await addresses(resolve('api.test'))).toEqual(['4 192.0.2.5']);
    zone = { 'svc.team.corp.test': { a: ['192.0.2.6'] } };
    expect(await addresses(resolve('svc.team'))).toEqual(['4 192.0.2.6']);
  });

  it('is asked of the system where that may know it and no name server does', async () => {
    const asked: string[] = [];
    const askSystem: Resolve = async (name) => {
      asked.push(name);
      return [{ address: '10.0.0.8', family: 4 }];
    };
    const resolve = open({ askSystem });
    expect(await addresses(resolve('printer.local'))).toEqual(['4 10.0.0.8']);
    expect(await addresses(resolve('box'))).toEqual(['4 10.0.0.8']);
    expect(await addresses(resolve('vpn.corp', true))).toEqual(['4 10.0.0.8']);
    expect(await addresses(resolve('attacker.example'))).toBe('ENOTFOUND');
    expect(asked).toEqual(['printer.local', 'box', 'vpn.corp']);
  });
});

describe('a silent name server', () => {
  it('ends with its own look-ups, which end in time', async () => {
    zone = { 'hang.test': 'silent', 'broken.test': 'servfail' };
    const beganAt = performance.now();
    expect(await addresses(open({ ms: 300 })('hang.test'))).toBe('EAI_AGAIN');
    expect(performance.now() - beganAt).toBeLessThan(1_500);
    expect(await addresses(open()('broken.test'))).toBe('EAI_AGAIN');
  });

  it('keeps nobody else waiting, however many ask for its names', async () => {
    zone = { '*.attacker.test': 'silent', 'api.good.test': { a: ['192.0.2.1'], ttl: 0 } };
    const resolve = open({ most: 10, ms: 5_000 });
    const alone = performance.now();
    await resolve('api.good.test');
    const quiet = performance.now() - alone;
    const attack = Array.from({ length: 100 }, (_, i) => addresses(resolve(`n${i}.attacker.test`)));
    for (let i = 0; i < 5; i++) {
      const beganAt = performance.now();
      expect(await addresses(resolve('api.good.test'))).toEqual(['4 192.0.2.1']);
      expect(performance.now() - beganAt).toBeLessThan(1_000 + 10 * quiet);
    }
    expect(new Set(await Promise.all(attack))).toEqual(new Set(['EAI_AGAIN']));
  });
});

it('the hosts file is read as hosts(5) says', () => {
  const text =
    '# all\n 127.0.0.1\tLocalHost  a.test\r\n::1 localhost\nnot.an.address b.test\n127.0.0.1 localhost\n10.0.0.1\n';
  expect(Object.fromEntries(readHosts(text))).toEqual({ localhost: ['127.0.0.1', '::1'], 'a.test': ['127.0.0.1'] });
});
