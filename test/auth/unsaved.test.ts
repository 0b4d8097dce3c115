import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { freshCredential } from '../../src/auth/fresh.ts';
import { refreshesDone, unsaved } from '../../src/auth/refreshes.ts';
import { refreshLeaseKey, saveSpooled } from '../../src/auth/saving.ts';
import { openSpool, type Spool } from '../../src/auth/spool.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { openPostgres } from '../../src/keystore/postgres.ts';
import { openRedis } from '../../src/keystore/redis.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { temporaryFolder } from '../keystore/place.ts';
import { startProxy } from '../keystore/proxy.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from '../keystore/servers.ts';

const LIMITS = { connectMs: 500, answerMs: 500 };
const KEYRING = memoryKeyring();

const SERVERS: readonly [string, string, () => { url: URL }, (url: string) => Promise<Store>][] = [
  ['PostgreSQL', postgresIsAbsent, postgresPlace, (url) => openPostgres(url, LIMITS)],
  ['Redis', redisIsAbsent, redisPlace, (url) => openRedis(url, LIMITS)],
];

const over = (version = 1, more: Partial<Credential> = {}): Credential => ({
  version,
  input: {},
  values: { accessToken: `access-${version}`, refreshToken: `refresh-${version}` },
  obtainedAt: Date.now() - 3_600_000,
  expiresAt: Date.now() - 1_000,
  ...more,
});

const fresh = (version: number, more: Partial<Credential> = {}): Credential =>
  over(version, { obtainedAt: Date.now(), expiresAt: Date.now() + 3_600_000, ...more });

type Ground = { keystore: Keystore; spool: Spool; folder: string; key: ReturnType<typeof storeKey> };

/** A store with an account, seen by one more process: with a spool in a home of its own unless one is given. */
async function ground(store: Store, home?: string): Promise<Ground> {
  const keystore = await Keystore.open({ store, keyring: KEYRING });
  onTestFinished(() => keystore.close());
  const folder = home ?? (await temporaryFolder());
  return {
    keystore,
    spool: openSpool(folder, 'the store', keystore),
    folder: join(folder, 'unsaved'),
    key: storeKey('credential', 'org', 'user', 'sample', 'one'),
  };
}

const files = (folder: string) => readdir(folder).catch(() => []);

/** What asks for a fresh credential, at a provider that rotates. */
const asking = (
  { keystore, spool, key }: Ground,
  renew: (it: Credential) => Promise<void> | void = () => undefined,
) => ({
  keystore,
  spool,
  key,
  now: Date.now,
  isMissing: () => false,
  leaseMs: 2_000,
  async renew(it: Credential) {
    await renew(it);
    const { values, expiresAt = 0 } = fresh(it.version + 1);
    return { values, expiresAt };
  },
});

describe.each(SERVERS)('a store that is away when the provider has answered: %s%s', (_, absent, place, open) => {
  it.skipIf(absent)('costs nothing: the token serves, waits on disk, and is saved when the store is back', async () => {
    const { url } = place();
    const direct = await ground(await open(url.href));
    await direct.keystore.write(direct.key, over());
    const proxy = await startProxy(url);
    const mine = await ground(await open(proxy.url));
    let asked = 0;
    const options = asking(mine, () => {
      asked += 1;
      proxy.hold();
    });
    expect(await freshCredential(options)).toMatchObject({ version: 2 });
    await expect.poll(() => files(mine.folder), { timeout: 20_000 }).toHaveLength(1);
    const [name = ''] = await files(mine.folder);
    expect((await stat(join(mine.folder, name))).mode & 0o777).toBe(0o600);
    // Whoever calls meanwhile has it too, though the store does not answer.
    expect(await freshCredential(options)).toMatchObject({ version: 2 });
    const stored = await direct.keystore.read<Credential>(direct.key);
    expect(stored?.value).toMatchObject({ version: 1, attemptAt: expect.any(Number) });
    proxy.cut();
    await refreshesDone();
    expect((await direct.keystore.read<Credential>(direct.key))?.value).toMatchObject({
      version: 2,
      values: { refreshToken: 'refresh-2' },
    });
    expect(await files(mine.folder)).toEqual([]);
    expect(unsaved.size).toBe(0);
    expect(asked).toBe(1);
  });
});

describe('what an earlier process left in the spool', () => {
  const left = async (it: Ground, stored: Credential, next: Credential, follows: Credential = stored) => {
    await it.keystore.write(it.key, stored);
    expect(await it.spool.put({ key: it.key, follows, next })).toBe(true);
  };
  const never = () => Promise.reject(new Error('the provider was asked with what is spent'));

  it('is saved by the next start', async () => {
    const it = await ground(memoryStore());
    await left(it, over(1, { attemptAt: 1 }), fresh(2));
    await saveSpooled(it.keystore, it.spool);
    expect((await it.keystore.read<Credential>(it.key))?.value).toMatchObject({ version: 2 });
    expect(await files(it.folder)).toEqual([]);
  });

  it('is saved by whoever would refresh, in place of asking the provider', async () => {
    const it = await ground(memoryStore());
    await left(it, over(1, { attemptAt: 1 }), fresh(2));
    expect(await freshCredential(asking(it, never))).toMatchObject({ version: 2 });
    expect(await files(it.folder)).toEqual([]);
  });

  it('is gone on from where its own time is over', async () => {
    const it = await ground(memoryStore());
    await left(it, over(1, { attemptAt: 1 }), over(2));
    const seen: number[] = [];
    expect(await freshCredential(asking(it, ({ version }) => void seen.push(version)))).toMatchObject({ version: 3 });
    expect(seen).toEqual([2]);
  });

  it('is found by other processes of the machine while that one still tries to save it', async () => {
    const store = memoryStore();
    const it = await ground(store);
    await left(it, over(1, { attemptAt: 1 }), fresh(2));
    const lease = await it.keystore.lease(refreshLeaseKey(it.key), { ttlMs: 60_000, waitMs: 0 });
    if (lease === 'settled') throw new Error('expected a lease');
    expect(await freshCredential(asking(it, never))).toMatchObject({ version: 2 });
    expect((await it.keystore.read<Credential>(it.key))?.value).toMatchObject({ version: 1 });
    // Theirs to save: a start leaves it alone.
    await saveSpooled(it.keystore, it.spool);
    expect(await files(it.folder)).toHaveLength(1);
    await lease.release();
  });

  it.each<[string, Credential, Credential]>([
    ['a newer one', fresh(2, { values: { accessToken: 'newer' } }), over(1)],
    ['a new connect with the same number', over(1, { obtainedAt: 5 }), over(1)],
    ['the end of the access', over(2, { failure: { code: 'x', cause: 'revoked', message: '', at: 1 } }), over(1)],
  ])('never takes the place of %s', async (_, stored, follows) => {
    const it = await ground(memoryStore());
    await left(it, stored, fresh(2), follows);
    await saveSpooled(it.keystore, it.spool);
    expect((await it.keystore.read<Credential>(it.key))?.value).toEqual(stored);
    expect(await files(it.folder)).toEqual([]);
  });

  it('does not bring back an account that was removed', async () => {
    const it = await ground(memoryStore());
    await left(it, over(1), fresh(2));
    await it.keystore.delete(it.key);
    await saveSpooled(it.keystore, it.spool);
    expect(await it.keystore.read(it.key)).toBeUndefined();
  });

  it('shows nothing of itself on disk, and is no other store’s', async () => {
    const it = await ground(memoryStore());
    await left(it, over(1), fresh(2));
    const [name = ''] = await files(it.folder);
    const { readFile } = await import('node:fs/promises');
    expect(await readFile(join(it.folder, name), 'utf8')).not.toMatch(/refresh-2|credential|sample/);
    expect((await stat(it.folder)).mode & 0o777).toBe(0o700);
    expect(await openSpool(join(it.folder, '..'), 'another store', it.keystore).all()).toEqual([]);
  });

  it('is left where it is when it cannot be opened', async () => {
    const it = await ground(memoryStore());
    await left(it, over(1), fresh(2));
    const [name = ''] = await files(it.folder);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(it.folder, name), 'noise');
    await saveSpooled(it.keystore, it.spool);
    expect(await files(it.folder)).toEqual([name]);
    expect((await it.keystore.read<Credential>(it.key))?.value.version).toBe(1);
  });
});

describe('an account that is removed during its refresh', () => {
  it.each(['removed', 'revoked'] as const)('has what the provider gave then ended there: %s', async (how) => {
    const it = await ground(memoryStore());
    await it.keystore.write(it.key, over());
    const ended: unknown[] = [];
    const failure = { code: 'reauthorization_required', cause: 'revoked', message: 'ended', at: 1 } as const;
    const options = {
      ...asking(it, () =>
        how === 'removed'
          ? it.keystore.delete(it.key).then(() => undefined)
          : it.keystore.write(it.key, over(2, { values: {}, failure })),
      ),
      discard: async ({ values }: Credential) => void ended.push(values.refreshToken),
    };
    await expect(freshCredential(options)).rejects.toMatchObject({ code: 'reauthorization_required' });
    expect(ended).toEqual(['refresh-2']);
    expect((await it.keystore.read<Credential>(it.key))?.value.values ?? {}).toEqual({});
    expect(unsaved.size).toBe(0);
  });

  it('and connected anew is left as it is', async () => {
    const it = await ground(memoryStore());
    await it.keystore.write(it.key, over());
    const theirs = fresh(2, { values: { accessToken: 'theirs' } });
    const options = {
      ...asking(it, () => it.keystore.write(it.key, theirs)),
      discard: () => Promise.reject(new Error('their access would end with it')),
    };
    expect(await freshCredential(options)).toEqual(theirs);
  });
});
