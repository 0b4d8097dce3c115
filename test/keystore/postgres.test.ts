import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openKeystore } from '../../src/keystore/keystore.ts';
import { openPostgres } from '../../src/keystore/postgres.ts';
import { SERVER_LIMITS } from '../../src/keystore/server.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { again } from './again.ts';
import { failureOf } from './failure.ts';
import { temporaryFolder } from './place.ts';
import { startProxy } from './proxy.ts';
import { newName, postgresIsAbsent, postgresPlace, withPostgres } from './servers.ts';

const key = storeKey('app', 'a');

async function opened(url: URL | string, limits = SERVER_LIMITS): Promise<Store> {
  const store = await openPostgres(String(url), limits);
  onTestFinished(() => store.close());
  return store;
}

/** A store whose connections bear a name, so that the test can find and end them. */
async function named(limits = SERVER_LIMITS) {
  const { url, schema } = postgresPlace();
  const name = newName();
  url.searchParams.set('application_name', name);
  return { store: await opened(url, limits), schema, name };
}

const SESSIONS = 'FROM pg_stat_activity WHERE application_name = $1';

async function untilWaiting(admin: Client, name: string): Promise<void> {
  const waits = `SELECT 1 ${SESSIONS} AND wait_event_type = 'Lock'`;
  while ((await admin.query(waits, [name])).rowCount === 0) await sleep(5);
}

describe.skipIf(postgresIsAbsent)(`a PostgreSQL database${postgresIsAbsent}`, () => {
  it('that ends an idle connection is connected to again', async () => {
    const { store, name } = await named();
    await store.set(key, 'value');
    const ended = await withPostgres((admin) => admin.query(`SELECT pg_terminate_backend(pid) ${SESSIONS}`, [name]));
    expect(ended.rowCount).toBeGreaterThan(0);
    expect(await again(() => store.get(key))).toBe('value');
  });

  it('that ends a connection at work fails that work alone, which can be tried again', async () => {
    const { store, schema, name } = await named();
    await withPostgres(async (admin) => {
      await admin.query(`BEGIN; LOCK TABLE ${schema}.tieline`);
      const failing = failureOf(store.replace(key, undefined, 'value'));
      await untilWaiting(admin, name);
      await admin.query(`SELECT pg_terminate_backend(pid) ${SESSIONS}`, [name]);
      expect(await failing).toMatchObject({ code: 'store_unavailable', retryAfter: 1, hint: expect.any(String) });
      await admin.query('ROLLBACK');
    });
    expect(await again(() => store.replace(key, undefined, 'value'))).toBe(true);
  });

  it('that cannot answer in time says so', async () => {
    const { store, schema } = await named({ ...SERVER_LIMITS, answerMs: 500 });
    await withPostgres(async (admin) => {
      await admin.query(`BEGIN; LOCK TABLE ${schema}.tieline`);
      expect(await failureOf(store.get(key))).toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('took too long'),
        retryAfter: 1,
      });
      await admin.query('ROLLBACK');
    });
    expect(await again(() => store.get(key))).toBeUndefined();
  });

  it('is left alone between calls: no transaction, no lock', async () => {
    const { store, schema, name } = await named();
    await store.set(key, 'value');
    await Promise.all([store.replace(key, 'value', 'next'), store.delete(key), store.getMany([key])]);
    await withPostgres(async (admin) => {
      const states = await admin.query(`SELECT DISTINCT state, backend_xmin ${SESSIONS}`, [name]);
      expect(states.rows).toEqual([{ state: 'idle', backend_xmin: null }]);
      await admin.query(`BEGIN; LOCK TABLE ${schema}.tieline IN ACCESS EXCLUSIVE MODE NOWAIT; ROLLBACK`);
    });
  });

  it('behind a line that is cut is connected to again', async () => {
    const proxy = await startProxy(postgresPlace().url);
    const store = await opened(proxy.url);
    await store.set(key, 'value');
    proxy.hold();
    const failing = failureOf(store.get(key));
    await sleep(10);
    proxy.cut();
    expect(await failing).toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
    expect(await again(() => store.get(key))).toBe('value');
  });

  it('that stops answering is given up, then connected to again', async () => {
    const proxy = await startProxy(postgresPlace().url);
    const store = await opened(proxy.url, { ...SERVER_LIMITS, answerMs: 500 });
    await store.set(key, 'value');
    proxy.hold();
    expect(await failureOf(store.get(key))).toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
    proxy.cut();
    expect(await again(() => store.get(key))).toBe('value');
  });

  it('that accepts a connection and says nothing is given up, with no connection left', async () => {
    const proxy = await startProxy(new URL('postgres://127.0.0.1/test'), true);
    const error = await failureOf(openPostgres(proxy.url, { ...SERVER_LIMITS, connectMs: 50 }));
    expect(error).toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
    expect(proxy.seen()).toContain('statement_timeout\0' + '10000\0');
    while (proxy.connections() > 0) await sleep(1);
  });

  it('serves two stores of one process, of which the first closes', async () => {
    const { url } = postgresPlace();
    const [one, two] = [await opened(url), await opened(url)];
    await one.close();
    await two.set(key, 'value');
    expect(await two.get(key)).toBe('value');
    const elsewhere = await opened(postgresPlace().url);
    expect(await elsewhere.get(key)).toBeUndefined();
    expect(await two.get(key)).toBe('value');
  });

  it('is swept of what has expired, told from what only looks like it', async () => {
    const { url, schema } = postgresPlace();
    const store = await opened(url);
    await store.set(storeKey('authorization', 'old'), 'abandoned', 0);
    await store.set(storeKey('authorization', 'new'), 'pending', 60_000);
    await store.set(storeKey('app', 'posing'), '","expires":1}');
    await store.set(key, 'stays');
    expect(await store.sweep?.(undefined, 100)).toBeUndefined();
    const { rows } = await withPostgres((admin) => admin.query(`SELECT key FROM ${schema}.tieline ORDER BY key`));
    const left = [key, storeKey('app', 'posing'), storeKey('authorization', 'new')];
    expect(rows.map((row) => row.key).sort()).toEqual([...left].sort());
  });

  it('with a row of something else says so, and is opened all the same', async () => {
    const { url, schema } = postgresPlace();
    const store = await opened(url);
    for (const text of ['plain', '{"value":1}', 'x,"expires":99999999999999999999}', ',"expires":5']) {
      await withPostgres((admin) =>
        admin.query(`INSERT INTO ${schema}.tieline VALUES ($1, $2) ON CONFLICT(key) DO UPDATE SET value = $2`, [
          key,
          text,
        ]),
      );
      expect((await failureOf((await opened(url)).get(key))).code).toBe('keystore_tampered');
      expect((await failureOf(store.replace(key, undefined, 'x'))).code).toBe('keystore_tampered');
    }
  });

  it('is used by a user who may not make tables, if the table is there; if not, says what to grant', async () => {
    const { url, schema } = postgresPlace();
    const user = newName();
    await (await openPostgres(url.href)).close();
    await withPostgres((admin) =>
      admin.query(`
        CREATE ROLE ${user} LOGIN;
        GRANT USAGE ON SCHEMA ${schema} TO ${user};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.tieline TO ${user}`),
    );
    onTestFinished(async () => {
      await withPostgres((admin) => admin.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`));
    });
    url.username = user;
    const store = await opened(url);
    await store.set(key, 'value');
    expect(await store.get(key)).toBe('value');
    await store.close();
    url.searchParams.set('schema', newName());
    expect(await failureOf(openPostgres(url.href))).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('not open to this user'),
      hint: expect.stringMatching(/Grant/),
    });
  });

  it.each([
    ['an unknown user', (url: URL) => (url.username = newName()), 'refuses the user or the password'],
    ['an unknown database', (url: URL) => (url.pathname = newName()), 'does not exist'],
    ['TLS it does not speak', (url: URL) => url.searchParams.set('sslmode', 'require'), 'cannot be reached'],
  ])('asked for %s says what is wrong, without the password', async (_, change, what) => {
    const { url } = postgresPlace();
    url.password = 'hunter2222';
    change(url);
    const error = await failureOf(openPostgres(url.href));
    expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining(what) });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2222');
  });

  it('holds a keystore, whose URL is shown without the password', async () => {
    const { url } = postgresPlace();
    url.password = 'hunter2222';
    const opened = await openKeystore({ home: await temporaryFolder(), env: { TIELINE_STORE: url.href } });
    await opened.keystore.write(key, { token: 'é🔑' });
    expect((await opened.keystore.read(key))?.value).toEqual({ token: 'é🔑' });
    expect(opened.storeUrl).toBe(`postgres://${url.host}${url.pathname}`);
    expect(opened.driver).toBe('@keyv/postgres');
    await opened.keystore.close();
  });
});
