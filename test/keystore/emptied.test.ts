import { randomBytes } from 'node:crypto';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CANARY } from '../../src/keystore/canary.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore, openKeystore } from '../../src/keystore/keystore.ts';
import { openStore } from '../../src/keystore/open.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from './servers.ts';

const [key, other] = [storeKey('app', 'a'), storeKey('app', 'b')];

const PLACES = [
  { name: 'SQLite', url: async () => `sqlite:${join(await temporaryFolder(), 'tieline.db')}`, why: '' },
  { name: 'PostgreSQL', url: async () => postgresPlace().url.href, why: postgresIsAbsent },
  { name: 'Redis', url: async () => redisPlace().url.href, why: redisIsAbsent },
];

async function empty(store: Store): Promise<void> {
  const { rows } = await store.page(undefined, 1_000);
  for (const row of rows) await store.delete(row.key);
}

/** Longer than a store is taken for the same without a look. */
const aWhile = () => sleep(1_050);

describe.each(PLACES)('$name$why', ({ url: newUrl, why }) => {
  async function opened() {
    const url = await newUrl();
    const keyring = memoryKeyring();
    const [store, raw] = [await openStore(url), await openStore(url)];
    const keystore = await Keystore.open({ store, keyring });
    onTestFinished(() => Promise.all([keystore.close(), raw.close()]).then(() => undefined));
    await keystore.write(key, 'value');
    return { keystore, raw, keyring, url };
  }

  const emptied = { code: 'store_unavailable', message: expect.stringContaining('was emptied') };
  const exchanged = { code: 'store_unavailable', message: expect.stringContaining('another one') };

  it.skipIf(why)('emptied while it is open is told by all that asks it, and nothing reads as absent', async () => {
    const { keystore, raw } = await opened();
    await keystore.ping();
    await empty(raw);
    expect(await failureOf(keystore.ping())).toMatchObject(emptied);
    // What is recalled, as the key of a client, at once; anything else within a second.
    expect(await failureOf(keystore.recall(key))).toMatchObject(emptied);
    expect(await failureOf(keystore.recallMany([other, key]))).toMatchObject(emptied);
    await aWhile();
    expect(await failureOf(keystore.read(key))).toMatchObject(emptied);
    expect(await failureOf(keystore.readMany([key]))).toMatchObject(emptied);
    expect(await failureOf(keystore.write(key, 'x'))).toMatchObject(emptied);
    expect(await failureOf(keystore.replace(key, undefined, 'x'))).toMatchObject(emptied);
    expect(await failureOf(keystore.delete(key))).toMatchObject(emptied);
    expect(await raw.page(undefined, 10)).toMatchObject({ rows: [] });
  });

  it.skipIf(why)(
    'replaced by another one with the same key is told, and the first one brought back goes on',
    async () => {
      const { keystore, raw, keyring, url } = await opened();
      const canary = (await raw.get(CANARY)) ?? '';
      await empty(raw);
      const another = await Keystore.open({ store: await openStore(url), keyring });
      await aWhile();
      expect(await failureOf(keystore.ping())).toMatchObject(exchanged);
      expect(await failureOf(keystore.recall(key))).toMatchObject(exchanged);
      expect(await failureOf(keystore.write(key, 'x'))).toMatchObject(exchanged);
      await another.close();
      await raw.set(CANARY, canary);
      await keystore.ping();
      await keystore.write(key, 'again');
      expect((await keystore.read(key))?.value).toBe('again');
    },
  );

  it.skipIf(why)(
    'with records but without the one that tells the key is not opened, with a key or without',
    async () => {
      const { raw, keyring, url } = await opened();
      await raw.delete(CANARY);
      expect((await failureOf(Keystore.open({ store: raw, keyring }))).code).toBe('keystore_tampered');
      const home = await temporaryFolder();
      const env = { TIELINE_STORE: url };
      expect((await failureOf(openKeystore({ home, env }))).code).toBe('key_invalid');
      const given = { ...env, TIELINE_KEY: randomBytes(32).toString('hex') };
      expect((await failureOf(openKeystore({ home, env: given }))).code).toBe('keystore_tampered');
      expect(await raw.get(CANARY)).toBeUndefined();
    },
  );

  it.skipIf(why)(
    'emptied, or begun anew by somebody else, is no first start for a folder that has used it',
    async () => {
      const [home, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
      const env = { TIELINE_STORE: await newUrl() };
      const { keystore } = await openKeystore({ home, env });
      await keystore.close();
      const raw = await openStore(env.TIELINE_STORE);
      onTestFinished(() => raw.close());
      await empty(raw);
      const error = await failureOf(openKeystore({ home, env }));
      expect(error).toMatchObject({ code: 'store_unavailable', hint: expect.stringContaining(join(home, 'stores')) });
      expect(error.message).toContain('is empty');
      await writeFile(join(elsewhere, 'key'), await readFile(join(home, 'key')), { mode: 0o600 });
      await (await openKeystore({ home: elsewhere, env })).keystore.close();
      expect((await failureOf(openKeystore({ home, env }))).message).toContain('another one');
      await rm(join(home, 'stores'));
      await (await openKeystore({ home, env })).keystore.close();
    },
  );
});

describe('a folder', () => {
  it('with a key and an empty database file is no first start', async () => {
    const home = await temporaryFolder();
    await (await openKeystore({ home, env: {} })).keystore.close();
    await rm(join(home, 'stores'));
    await truncate(join(home, 'tieline.db'));
    const key = await readFile(join(home, 'key'), 'utf8');
    const error = await failureOf(openKeystore({ home, env: {} }));
    expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('is empty') });
    expect(await readFile(join(home, 'key'), 'utf8')).toBe(key);
    await rm(join(home, 'tieline.db'));
    await (await openKeystore({ home, env: {} })).keystore.close();
  });

  it('is used with as many stores as there are, each for itself', async () => {
    const home = await temporaryFolder();
    for (const name of ['a', 'b', 'a']) {
      const env = { TIELINE_STORE: `sqlite:${join(home, name)}` };
      await (await openKeystore({ home, env })).keystore.close();
    }
    expect((await readFile(join(home, 'stores'), 'utf8')).trim().split('\n')).toHaveLength(2);
  });
});
