import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CANARY } from '../../src/keystore/canary.ts';
import { sealedWith } from '../../src/keystore/envelope.ts';
import { readKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { openStore } from '../../src/keystore/open.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace } from './servers.ts';

const newKey = () => randomBytes(32).toString('base64url');
const keys = Array.from({ length: 450 }, (_, index) => storeKey('credential', String(index)));
const [first = storeKey('credential'), second = storeKey('credential')] = keys;

const PLACES = [
  { name: 'SQLite', url: async () => `sqlite:${join(await temporaryFolder(), 'tieline.db')}`, why: '' },
  { name: 'PostgreSQL', url: async () => postgresPlace().url.href, why: postgresIsAbsent },
  { name: 'Redis', url: async () => redisPlace().url.href, why: redisIsAbsent },
];

describe.each(PLACES)('the master key of $name$why', ({ url: newUrl, why }) => {
  async function place() {
    const url = await newUrl();
    const home = await temporaryFolder();
    return async (TIELINE_KEY: string) => {
      const { keyring } = await readKeyring({ env: { TIELINE_KEY }, home, mayCreate: false });
      const keystore = await Keystore.open({ store: await openStore(url), keyring });
      onTestFinished(() => keystore.close());
      return keystore;
    };
  }

  it.skipIf(why)('is retired while processes use it, and nothing is lost', async () => {
    const open = await place();
    const [old, fresh] = [newKey(), newKey()];
    const running = await open(`${old},${fresh}`); // the first of the two steps
    for (const key of keys) await running.write(key, `of ${key}`);
    await running.write(storeKey('session', 'a'), 'pending', 60_000);
    const lease = await running.lease(storeKey('lease', 'a'), { ttlMs: 30_000, waitMs: 0 });
    const held = await running.read(first);
    const newest = await open(`${fresh},${old}`);
    await newest.write(second, 'by the newest');
    expect((await running.read(second))?.value).toBe('by the newest');
    const told: number[] = [];
    const rewrapping = newest.rewrap((so) => told.push(so.resealed));
    expect(await rewrapping).toMatchObject({ done: true, failed: 0, resealed: keys.length });
    expect(told.length).toBeGreaterThan(2);
    // A version that was read before is that version still: a refresh under way must be able to save.
    expect(await running.replace(first, held, 'saved')).toBeDefined();
    expect(await running.replace(first, held, 'too late')).toBeUndefined();
    if (lease !== 'settled') expect(await lease.stillMine()).toBe(true);
    expect(await newest.rewrap()).toMatchObject({ done: true, resealed: 1 });
    const alone = await open(fresh);
    expect((await alone.read(first))?.value).toBe('saved');
    expect((await alone.readMany(keys.slice(2))).map((it) => it?.value)).toEqual(keys.slice(2).map((it) => `of ${it}`));
    expect((await alone.read(storeKey('session', 'a')))?.value).toBe('pending');
    expect((await failureOf(open(old))).code).toBe('key_wrong');
    await running.ping();
  });

  it.skipIf(why)('is needed until all is sealed anew: whoever drops it sooner is told what to do', async () => {
    const open = await place();
    const [old, fresh] = [newKey(), newKey()];
    await (await open(old)).write(first, 'x');
    await open(`${fresh},${old}`);
    expect(await failureOf(open(fresh))).toMatchObject({ code: 'key_wrong', hint: expect.stringContaining('rewrap') });
  });

  it.skipIf(why)('is kept where a record cannot be opened', async () => {
    const open = await place();
    const [old, fresh] = [newKey(), newKey()];
    const before = await open(old);
    await before.write(first, 'x');
    await before.write(second, 'y');
    const lost = await open(`${old}`);
    await lost.replace(second, await lost.read(second), 'z');
    const both = await open(`${fresh},${old}`);
    const third = await open(`${newKey()},${old}`);
    await third.write(second, 'of a key that is not on the ring');
    expect(await both.rewrap()).toMatchObject({ done: false, failed: 1, resealed: 1 });
    expect((await failureOf(open(fresh))).code).toBe('key_wrong');
  });
});

it('is found in the key file by who is running when another process has put it first there', async () => {
  const home = await temporaryFolder();
  const file = join(home, 'key');
  const url = `sqlite:${join(home, 'tieline.db')}`;
  const write = async (...texts: string[]) => {
    await writeFile(`${file}.new`, `${texts.join('\n')}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  const open = async () => {
    const { keyring } = await readKeyring({ env: {}, home, mayCreate: false });
    const keystore = await Keystore.open({ store: await openStore(url), keyring });
    onTestFinished(() => keystore.close());
    return { keystore, keyring };
  };
  const [old, fresh] = [newKey(), newKey()];
  await write(old);
  const running = await open();
  await running.keystore.write(first, 'x');
  await write(fresh, old);
  const newest = await open();
  await newest.keystore.write(second, 'y');
  expect((await running.keystore.read(second))?.value).toBe('y');
  // From then on it seals with the new one, too.
  await running.keystore.write(second, 'z');
  expect(sealedWith((await newest.keystore.read(second))?.sealed ?? '')).toBe(newest.keyring.current.id);
  expect(await newest.keystore.rewrap()).toMatchObject({ done: true });
  await write(fresh);
  expect((await (await open()).keystore.read(first))?.value).toBe('x');
  // A key that is nowhere is looked for once a second at most, and the file may be wrong meanwhile.
  await writeFile(file, 'no key', { mode: 0o600 });
  await sleep(1_050);
  expect(running.keyring.find('000000000000')).toBeUndefined();
  expect((await running.keystore.read(CANARY))?.value).toBeDefined();
});
