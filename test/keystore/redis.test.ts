import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRedis } from '../../src/keystore/redis.ts';
import { SERVER_LIMITS } from '../../src/keystore/server.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { again } from './again.ts';
import { failureOf } from './failure.ts';
import { startProxy } from './proxy.ts';
import { newName, redisIsAbsent, redisPlace, withRedis } from './servers.ts';

const key = storeKey('app', 'a');

async function opened(url: URL | string, limits = SERVER_LIMITS): Promise<Store> {
  const store = await openRedis(String(url), limits);
  onTestFinished(() => store.close());
  return store;
}

/** A user of the server for this test, with a password. */
async function makeUser(...rules: string[]): Promise<{ user: string; password: string }> {
  const [user, password] = [newName(), newName()];
  await withRedis((admin) => admin.aclSetUser(user, ['on', `>${password}`, ...rules]));
  onTestFinished(async () => {
    await withRedis((admin) => admin.aclDelUser(user));
  });
  return { user, password };
}

describe.skipIf(redisIsAbsent)(`a Redis server${redisIsAbsent}`, () => {
  it('that ends an idle connection is connected to again', async () => {
    const { url } = redisPlace();
    const { user, password } = await makeUser('~*', '+@all');
    Object.assign(url, { username: user, password });
    const store = await opened(url);
    await store.set(key, 'value');
    for (let round = 0; round < 3; round++) {
      const killed = await withRedis((admin) => admin.sendCommand(['CLIENT', 'KILL', 'USER', user]));
      expect(killed).toBe(1);
      expect(await again(() => store.get(key))).toBe('value');
    }
  });

  it('behind a line that is cut fails what was asked meanwhile, and is connected to again', async () => {
    const proxy = await startProxy(redisPlace().url);
    const store = await opened(proxy.url);
    await store.set(key, 'value');
    proxy.hold();
    const failing = [failureOf(store.get(key)), failureOf(store.getMany([key])), failureOf(store.delete(key))];
    await sleep(10);
    proxy.cut();
    for (const error of await Promise.all(failing)) {
      expect(error).toMatchObject({ code: 'store_unavailable', retryAfter: 1, hint: expect.any(String) });
    }
    expect(await again(() => store.get(key))).toBe('value');
  });

  it('that stops answering is given up, then connected to again', async () => {
    const proxy = await startProxy(redisPlace().url);
    const store = await opened(proxy.url, { ...SERVER_LIMITS, answerMs: 500 });
    await store.set(key, 'value');
    proxy.hold();
    const failing = [failureOf(store.set(key, 'late')), failureOf(store.replace(key, 'value', 'late'))];
    for (const error of await Promise.all(failing)) {
      expect(error).toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
    }
    proxy.cut();
    expect(await again(() => store.get(key))).toBeDefined();
  });

  it('that accepts a connection and says nothing is given up, with no connection left', async () => {
    const proxy = await startProxy(new URL('redis://127.0.0.1'), true);
    const error = await failureOf(openRedis(proxy.url, { ...SERVER_LIMITS, connectMs: 50 }));
    expect(error).toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
    while (proxy.connections() > 0) await sleep(1);
  });

  it('connects once for many callers', async () => {
    const proxy = await startProxy(redisPlace().url);
    const store = await opened(proxy.url);
    proxy.cut();
    while (proxy.connections() > 0) await sleep(1);
    await again(() => Promise.all(Array.from({ length: 20 }, () => store.get(key))));
    expect(proxy.connections()).toBe(2); // ours to the proxy and the proxy's to the server
  });

  it('is closed in the middle of a call, which fails, and stays closed', async () => {
    const proxy = await startProxy(redisPlace().url);
    const store = await openRedis(proxy.url);
    proxy.hold();
    const failing = failureOf(store.get(key));
    await sleep(10);
    await store.close();
    expect((await failing).code).toBe('store_unavailable');
    expect((await failureOf(store.get(key))).code).toBe('store_unavailable');
    while (proxy.connections() > 0) await sleep(1);
  });

  it('forgets by itself what has an end, and only that', async () => {
    const { url, prefix } = redisPlace();
    const store = await opened(url);
    const left = () => withRedis((admin) => admin.pTTL(`${prefix}:${key}`));
    await store.set(key, 'pending', 60_000.5);
    expect(await left()).toBeGreaterThan(50_000);
    await store.replace(key, 'pending', 'stays');
    expect(await left()).toBe(-1);
    await store.set(key, 'pending', 60_000);
    await store.set(key, 'stays');
    expect(await left()).toBe(-1);
    await store.set(key, 'over', 0);
    await sleep(5);
    expect(await left()).toBe(-2);
  });

  it('keeps to its prefix, tieline: by default', async () => {
    const { url, prefix } = redisPlace();
    const other = redisPlace();
    const stores = [await opened(url), await opened(other.url)] as const;
    await stores[0].set(key, 'value');
    expect(await stores[1].get(key)).toBeUndefined();
    const { user, password } = await makeUser('~tieline:*', `~${prefix}:*`, '+@all');
    const plain = new URL(url);
    plain.search = '';
    Object.assign(plain, { username: user, password });
    expect(await (await opened(plain)).get(storeKey('app', newName()))).toBeUndefined();
    expect(await withRedis((admin) => admin.keys(`${prefix}*`))).toEqual([`${prefix}:${key}`]);
  });

  it.each([
    ['a wrong password', ['~*', '+@all'], 'hunter2222', 'refuses the user or the password'],
    ['keys it does not give', ['+@all'], undefined, 'is not open to this user'],
    ['commands it does not give', ['~*', '+@connection'], undefined, 'is not open to this user'],
  ])('asked for %s says what is wrong, without the password', async (_, rules, wrong, what) => {
    const { url } = redisPlace();
    const { user, password } = await makeUser(...rules);
    Object.assign(url, { username: user, password: wrong ?? password });
    const error = await failureOf(openRedis(url.href).then((store) => store.get(key).finally(() => store.close())));
    expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining(what) });
    expect(error.retryAfter).toBeUndefined();
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(url.password);
  });

  it('with a key of something else says so', async () => {
    const { url, prefix } = redisPlace();
    const store = await opened(url);
    await withRedis((admin) => admin.set(`${prefix}:${key}`, 'plain'));
    expect((await failureOf(store.get(key))).code).toBe('keystore_tampered');
    expect((await failureOf(store.getMany([key]))).code).toBe('keystore_tampered');
    expect((await failureOf(store.replace(key, undefined, 'x'))).code).toBe('keystore_tampered');
    await withRedis((admin) => admin.del(`${prefix}:${key}`));
    await withRedis((admin) => admin.lPush(`${prefix}:${key}`, 'a list'));
    expect((await failureOf(store.get(key))).code).toBe('store_unavailable');
    expect((await failureOf(store.replace(key, undefined, 'x'))).code).toBe('store_unavailable');
  });
});

it('a Redis database is a number', async () => {
  expect((await failureOf(openRedis('redis://127.0.0.1/tieline'))).code).toBe('config_invalid');
});
