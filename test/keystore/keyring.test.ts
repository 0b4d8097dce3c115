import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKeychain } from '../../src/keystore/keychain.ts';
import { masterKey, memoryKeyring, readKeyring } from '../../src/keystore/keyring.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';

const [one, two] = [randomBytes(32), randomBytes(32)];
const base64url = (bytes: Buffer) => bytes.toString('base64url');

describe('TIELINE_KEY', () => {
  it.each([
    ['base64', one.toString('base64'), [one]],
    ['base64 without padding', one.toString('base64').replace('=', ''), [one]],
    ['base64url', base64url(one), [one]],
    ['hex', one.toString('hex'), [one]],
    ['upper-case hex', one.toString('hex').toUpperCase(), [one]],
    ['blanks around it', ` ${base64url(one)}\n`, [one]],
    ['two keys, of which the first seals', `${base64url(one)}, ${two.toString('hex')}`, [one, two]],
  ])('takes %s', async (_, text, expected) => {
    const { keyring, created } = await readKeyring({ env: { TIELINE_KEY: text }, home: '/nowhere', mayCreate: false });
    expect(created).toBe(false);
    expect(keyring.source).toBe('env');
    expect(Buffer.compare(keyring.current.bytes, one)).toBe(0);
    for (const bytes of expected) expect(keyring.find(masterKey(bytes).id)?.bytes).toEqual(bytes);
    expect(keyring.find('000000000000')).toBeUndefined();
  });

  it.each([
    ['a passphrase', 'correct horse battery staple'],
    ['31 bytes', base64url(one.subarray(1))],
    ['33 bytes', base64url(Buffer.concat([one, two.subarray(0, 1)]))],
    ['hex of 31 bytes', one.toString('hex').slice(2)],
    ['both alphabets at once', `+_${base64url(one).slice(2)}`],
    ['a bad second key', `${base64url(one)},${base64url(two).slice(3)}!!!`],
    ['an empty second key', `${base64url(one)},`],
  ])('refuses %s and does not repeat it', async (_, text) => {
    const error = await failureOf(readKeyring({ env: { TIELINE_KEY: text }, home: '/nowhere', mayCreate: true }));
    expect(error).toMatchObject({ code: 'key_invalid', hint: expect.stringContaining('openssl rand') });
    const told = [error.message, error.hint, error.stack, String(error.cause)].join();
    for (const part of text.split(',').filter(Boolean)) expect(told).not.toContain(part);
  });

  it('of blanks counts as not set', async () => {
    const home = await temporaryFolder();
    const { keyring } = await readKeyring({ env: { TIELINE_KEY: ' ' }, home, mayCreate: true });
    expect(keyring.source).toBe('file');
  });
});

describe('the key file', () => {
  it('is made once, private and with a notice, and read from then on', async () => {
    const home = await temporaryFolder();
    const path = join(home, 'key');
    const first = await readKeyring({ env: {}, home, mayCreate: true });
    expect(first).toMatchObject({ created: true, notice: expect.stringContaining(path) });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toBe(`${Buffer.from(first.keyring.current.bytes).toString('base64url')}\n`);
    const second = await readKeyring({ env: {}, home, mayCreate: true });
    expect(second).toMatchObject({ created: false, keyring: { current: first.keyring.current, source: 'file' } });
    expect(second.notice).toBeUndefined();
    expect(await readdir(home)).toEqual(['key']);
  });

  it('is never made over existing data', async () => {
    const home = await temporaryFolder();
    const error = await failureOf(readKeyring({ env: {}, home, mayCreate: false }));
    expect(error).toMatchObject({ code: 'key_invalid', message: expect.stringContaining(join(home, 'key')) });
    expect(await readdir(home)).toEqual([]);
  });

  it('is the same for 20 that make it at once', async () => {
    const home = await temporaryFolder();
    const all = await Promise.all(Array.from({ length: 20 }, () => readKeyring({ env: {}, home, mayCreate: true })));
    expect(new Set(all.map(({ keyring }) => keyring.current.id)).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(await readdir(home)).toEqual(['key']);
  });

  it('may be elsewhere and may hold earlier keys', async () => {
    const home = await temporaryFolder();
    const path = join(home, 'elsewhere');
    await writeFile(path, `\n${base64url(two)}\r\n\n${one.toString('hex')}\n`, { mode: 0o600 });
    const { keyring } = await readKeyring({ env: { TIELINE_KEY_FILE: path }, home, mayCreate: false });
    expect(keyring.current.id).toBe(masterKey(two).id);
    expect(keyring.find(masterKey(one).id)).toBeDefined();
  });

  it.each([0o640, 0o604, 0o660, 0o644, 0o620])(
    'of mode %o is refused, with the command that mends it',
    async (mode) => {
      const home = await temporaryFolder();
      const path = join(home, 'key');
      await writeFile(path, base64url(one));
      await chmod(path, mode);
      const error = await failureOf(readKeyring({ env: {}, home, mayCreate: true }));
      expect(error).toMatchObject({ code: 'key_invalid', hint: `Run: chmod 600 '${path}'` });
    },
  );

  it.each([0o600, 0o400])('of mode %o is accepted', async (mode) => {
    const home = await temporaryFolder();
    await writeFile(join(home, 'key'), base64url(one));
    await chmod(join(home, 'key'), mode);
    const { keyring } = await readKeyring({ env: {}, home, mayCreate: false });
    expect(keyring.current.id).toBe(masterKey(one).id);
  });

  it.each([
    ['nothing', ''],
    ['blank lines', '\n\n'],
    ['half a key', base64url(one).slice(0, 20)],
  ])('with %s in it is refused rather than written again', async (_, text) => {
    const home = await temporaryFolder();
    await writeFile(join(home, 'key'), text, { mode: 0o600 });
    const error = await failureOf(readKeyring({ env: {}, home, mayCreate: true }));
    expect(error.code).toBe('key_invalid');
    expect(await readFile(join(home, 'key'), 'utf8')).toBe(text);
  });

  it('that is a folder is refused', async () => {
    const home = await temporaryFolder();
    const error = await failureOf(readKeyring({ env: { TIELINE_KEY_FILE: home }, home, mayCreate: true }));
    expect(error.code).toBe('key_invalid');
  });
});

describe('TIELINE_KEY=keychain', () => {
  const env = { TIELINE_KEY: 'keychain' };

  function rememberingKeychain() {
    const passwords = new Map<string, string>();
    const chain = {
      get: async (account: string) => passwords.get(account),
      set: async (account: string, password: string) => void passwords.set(account, password),
      delete: async (account: string) => void passwords.delete(account),
    };
    return { passwords, keychain: async () => chain };
  }

  it('makes one key for all that start at once, and leaves no other behind', async () => {
    const home = await temporaryFolder();
    const { passwords, keychain } = rememberingKeychain();
    const start = () => readKeyring({ env, home, mayCreate: true, keychain });
    const all = await Promise.all(Array.from({ length: 10 }, start));
    const [id] = new Set(all.map(({ keyring }) => keyring.current.id));
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect([...passwords.keys()]).toEqual([id]);
    expect(await start()).toMatchObject({ created: false, keyring: { current: { id }, source: 'keychain' } });
  });

  it('is never made over existing data, and a lost one is named', async () => {
    const home = await temporaryFolder();
    const { passwords, keychain } = rememberingKeychain();
    const refused = await failureOf(readKeyring({ env, home, mayCreate: false, keychain }));
    expect(refused.code).toBe('key_invalid');
    expect(passwords.size).toBe(0);
    const { keyring } = await readKeyring({ env, home, mayCreate: true, keychain });
    passwords.clear();
    const lost = await failureOf(readKeyring({ env, home, mayCreate: true, keychain }));
    expect(lost).toMatchObject({ code: 'key_invalid', message: expect.stringContaining(keyring.current.id) });
  });

  const reachable = openKeychain().then(
    (chain) =>
      chain.get('probe').then(
        () => true,
        () => false,
      ),
    () => false,
  );
  it('says so where no keychain can be reached', async ({ skip }) => {
    if (await reachable) skip('this machine has a keychain');
    const home = await temporaryFolder();
    const error = await failureOf(readKeyring({ env, home, mayCreate: true }));
    expect(error).toMatchObject({ code: 'key_invalid', message: 'the OS keychain cannot be reached' });
    expect(await readdir(home)).toEqual([]);
  });
});

it('a memory keyring is new each time', () => {
  expect(memoryKeyring().current.id).not.toBe(memoryKeyring().current.id);
  expect(memoryKeyring().current.bytes).toHaveLength(32);
});
