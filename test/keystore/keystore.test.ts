import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CANARY, hasData } from '../../src/keystore/canary.ts';
import { memoryKeyring, readKeyring } from '../../src/keystore/keyring.ts';
import { Keystore, memoryKeystore, openKeystore } from '../../src/keystore/keystore.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { openStore } from '../../src/keystore/open.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';

const [alice, bob] = [storeKey('credential', 'alice'), storeKey('credential', 'bob')];
const newKey = () => randomBytes(32).toString('base64url');

describe('a keystore', () => {
  it('gives back what was written', async () => {
    const keystore = await memoryKeystore();
    expect(await keystore.read(alice)).toBeUndefined();
    await keystore.write(alice, { token: 'é🔑', scopes: ['a'], nothing: null });
    expect((await keystore.read(alice))?.value).toEqual({ token: 'é🔑', scopes: ['a'], nothing: null });
    expect((await keystore.readMany([bob, alice])).map((it) => it?.value)).toEqual([
      undefined,
      { token: 'é🔑', scopes: ['a'], nothing: null },
    ]);
    expect(await keystore.delete(alice)).toBe(true);
    expect(await keystore.read(alice)).toBeUndefined();
  });

  it('forgets what was written for a time', async () => {
    const keystore = await memoryKeystore();
    await keystore.write(alice, 1, 0);
    await keystore.write(bob, 2, 60_000);
    expect((await keystore.readMany([alice, bob])).map((it) => it?.value)).toEqual([undefined, 2]);
  });

  it('replaces only the version that was read', async () => {
    const keystore = await memoryKeystore();
    expect(await keystore.replace(alice, { sealed: 'gone' }, 0)).toBeUndefined();
    const first = await keystore.replace(alice, undefined, 1);
    expect(await keystore.replace(alice, undefined, 2)).toBeUndefined();
    const second = await keystore.replace(alice, first, 2);
    expect(await keystore.read(alice)).toEqual({ value: 2, sealed: second?.sealed });
    expect(await keystore.replace(alice, first, 3)).toBeUndefined();
    // The same value written again is another version.
    await keystore.write(alice, 2);
    expect(await keystore.replace(alice, second, 3)).toBeUndefined();
  });

  it('leaves no plaintext in the store', async () => {
    const store = memoryStore();
    const keystore = await Keystore.open({ store, keyring: memoryKeyring() });
    await keystore.write(alice, { token: 'ya29.recognizable' });
    const text = await store.get(alice);
    expect(text).toMatch(/^tl1\./);
    expect(text).not.toContain('recognizable');
  });

  it.each([
    ['the row of another user', alice, bob],
    ['a row of another kind', alice, storeKey('app', 'alice')],
    ['the canary', CANARY, alice],
  ])('does not open %s that was moved', async (_, from, to) => {
    const store = memoryStore();
    const keystore = await Keystore.open({ store, keyring: memoryKeyring() });
    await keystore.write(alice, 'token');
    await store.set(to, (await store.get(from)) ?? '');
    expect((await failureOf(keystore.read(to))).code).toBe('keystore_tampered');
    expect((await failureOf(keystore.readMany([to]))).code).toBe('keystore_tampered');
  });

  it.each(['', '"plain"', '{"token":"plain"}', 'tl1.000000000000'])('refuses the plaintext row %j', async (text) => {
    const store = memoryStore();
    const keystore = await Keystore.open({ store, keyring: memoryKeyring() });
    await store.set(alice, text);
    expect((await failureOf(keystore.read(alice))).code).toBe('keystore_tampered');
  });

  it('seals what travels for its context alone, apart from all rows', async () => {
    const store = memoryStore();
    const keystore = await Keystore.open({ store, keyring: memoryKeyring() });
    const cursor = keystore.seal('cursor alice', { page: 2 });
    expect(keystore.unseal('cursor alice', cursor)).toEqual({ page: 2 });
    expect(() => keystore.unseal('cursor bob', cursor)).toThrow(expect.objectContaining({ code: 'keystore_tampered' }));
    await store.set(alice, keystore.seal(alice, 'forged'));
    expect((await failureOf(keystore.read(alice))).code).toBe('keystore_tampered');
    await keystore.write(bob, 'token');
    const row = (await store.get(bob)) ?? '';
    expect(() => keystore.unseal(bob, row)).toThrow(expect.objectContaining({ code: 'keystore_tampered' }));
  });

  it('does not open under another key, and names both', async () => {
    const store = memoryStore();
    const [first, second] = [memoryKeyring(), memoryKeyring()];
    await Keystore.open({ store, keyring: first });
    const before = await store.get(CANARY);
    const error = await failureOf(Keystore.open({ store, keyring: second }));
    expect(error.code).toBe('key_wrong');
    expect(error.message).toMatch(`${first.current.id}`);
    expect(error.message).toMatch(`${second.current.id}`);
    expect(error.hint).toContain(first.current.id);
    expect(await store.get(CANARY)).toBe(before);
  });

  it('does not open under a key that only claims the id', async () => {
    const store = memoryStore();
    const keyring = memoryKeyring();
    await Keystore.open({ store, keyring });
    const current = { id: keyring.current.id, bytes: randomBytes(32) };
    const error = await failureOf(Keystore.open({ store, keyring: { current, find: () => current, source: 'env' } }));
    expect(error.code).toBe('keystore_tampered');
  });

  it('agrees on one canary when opened many times at once', async () => {
    const store = memoryStore();
    const rings = Array.from({ length: 10 }, memoryKeyring);
    const outcomes = await Promise.allSettled(rings.map((keyring) => Keystore.open({ store, keyring })));
    expect(outcomes.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
    expect(await hasData(store)).toBe(true);
  });

  it('reads on through a change of key, until the old one is gone', async () => {
    const store = memoryStore();
    const [old, fresh] = [newKey(), newKey()];
    const ring = async (TIELINE_KEY: string) =>
      (await readKeyring({ env: { TIELINE_KEY }, home: '/nowhere', mayCreate: false })).keyring;
    await (await Keystore.open({ store, keyring: await ring(old) })).write(alice, 'token');
    const keystore = await Keystore.open({ store, keyring: await ring(`${fresh},${old}`) });
    const before = await keystore.read(alice);
    expect(before?.value).toBe('token');
    for (const key of [alice, CANARY]) {
      const row = await keystore.read(key);
      await keystore.replace(key, row, row?.value); // as a rewrap does
    }
    const after = await Keystore.open({ store, keyring: await ring(fresh) });
    expect((await after.read(alice))?.value).toBe('token');
    expect((await failureOf(Keystore.open({ store, keyring: await ring(old) }))).code).toBe('key_wrong');
  });
});

describe('openKeystore', () => {
  it('starts a home: private, with a key, a store and a notice; and finds it again', async () => {
    const home = join(await temporaryFolder(), 'home');
    const first = await openKeystore({ home, env: {} });
    expect(first).toMatchObject({ storeUrl: `sqlite:${join(home, 'tieline.db')}`, keySource: 'file' });
    expect(first.notice).toContain(join(home, 'key'));
    await first.keystore.write(alice, 'token');
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    await first.keystore.close();
    const second = await openKeystore({ home, env: {} });
    expect(second.notice).toBeUndefined();
    expect((await second.keystore.read(alice))?.value).toBe('token');
    await second.keystore.close();
  });

  it('takes the store and the key that the environment names', async () => {
    const folder = await temporaryFolder();
    const url = `sqlite:${join(folder, 'elsewhere.db')}`;
    const env = { TIELINE_STORE: url, TIELINE_KEY: newKey() };
    const opened = await openKeystore({ home: join(folder, 'home'), env });
    expect(opened).toMatchObject({ storeUrl: url, keySource: 'env' });
    await opened.keystore.close();
    expect(await readdir(join(folder, 'home'))).toEqual(['stores']);
  });

  it('never makes a new key over existing data', async () => {
    const home = await temporaryFolder();
    await (await openKeystore({ home, env: {} })).keystore.close();
    const key = await readFile(join(home, 'key'), 'utf8');
    await rm(join(home, 'key'));
    const error = await failureOf(openKeystore({ home, env: {} }));
    expect(error).toMatchObject({
      code: 'key_invalid',
      hint: expect.stringContaining('never made over existing data'),
    });
    expect((await readdir(home)).sort()).toEqual(['stores', 'tieline.db']);
    await writeFile(join(home, 'key'), key, { mode: 0o600 });
    await (await openKeystore({ home, env: {} })).keystore.close();
  });

  it('refuses a wrong key and closes what it opened', async () => {
    const home = await temporaryFolder();
    await (await openKeystore({ home, env: {} })).keystore.close();
    expect((await failureOf(openKeystore({ home, env: { TIELINE_KEY: newKey() } }))).code).toBe('key_wrong');
    expect((await readdir(home)).sort()).toEqual(['key', 'stores', 'tieline.db']); // no -wal: nobody holds the file
  });

  it('does not touch a damaged store, nor make a key for it', async () => {
    const home = await temporaryFolder();
    const text = 'no database. '.repeat(1_000);
    await writeFile(join(home, 'tieline.db'), text);
    const error = await failureOf(openKeystore({ home, env: {} }));
    expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining(home) });
    expect(await readdir(home)).toEqual(['tieline.db']);
    expect(await readFile(join(home, 'tieline.db'), 'utf8')).toBe(text);
  });

  it('refuses a home that is a file', async () => {
    const home = join(await temporaryFolder(), 'home');
    await writeFile(home, '');
    expect((await failureOf(openKeystore({ home, env: {} }))).code).toBe('config_invalid');
  });

  it('finds every bit of damage to a stored credential', async () => {
    const home = await temporaryFolder();
    const { keystore, storeUrl } = await openKeystore({ home, env: {} });
    await keystore.write(alice, 'token');
    const store = await openStore(storeUrl);
    const sealed = (await store.get(alice)) ?? '';
    for (let at = 0; at < sealed.length; at++) {
      const character = sealed[at] === 'A' ? 'B' : 'A';
      await store.set(alice, sealed.slice(0, at) + character + sealed.slice(at + 1));
      expect(['keystore_tampered', 'key_wrong'], `character ${at}`).toContain(
        (await failureOf(keystore.read(alice))).code,
      );
    }
    await Promise.all([store.close(), keystore.close()]);
  });
});
