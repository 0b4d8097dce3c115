import { randomBytes } from 'node:crypto';
import { createClient } from '@keyv/redis';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import { shownUrl } from '../../src/keystore/server.ts';

/** The servers that tests use; a place on them is one test's own. */
const POSTGRES = process.env.TIELINE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test';
const REDIS = process.env.TIELINE_TEST_REDIS ?? 'redis://127.0.0.1:6379';

/** Why there is nothing to test with, for a `skipIf` and its title; '' where there is. */
export const postgresIsAbsent = await reasonFor('PostgreSQL', POSTGRES, () => withPostgres(async () => undefined));
export const redisIsAbsent = await reasonFor('Redis', REDIS, () => withRedis(async () => undefined));

async function reasonFor(name: string, url: string, reach: () => Promise<void>): Promise<string> {
  try {
    await reach();
    return '';
  } catch {
    return ` (skipped: no ${name} at ${shownUrl(url)})`;
  }
}

export const newName = (): string => `tieline_test_${randomBytes(6).toString('hex')}`;

/** A connection of the test itself, beside those of the store. */
export async function withPostgres<T>(work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: POSTGRES, connectionTimeoutMillis: 1_000 });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

export type RedisAdmin = Awaited<ReturnType<typeof connectRedis>>;

function connectRedis() {
  const admin = createClient({ url: REDIS, socket: { reconnectStrategy: false, connectTimeout: 1_000 } });
  admin.on('error', () => undefined);
  return admin.connect();
}

export async function withRedis<T>(work: (admin: RedisAdmin) => Promise<T>): Promise<T> {
  const admin = await connectRedis();
  try {
    return await work(admin);
  } finally {
    admin.destroy();
  }
}

/** The URL of an empty schema, which is gone after the test. */
export function postgresPlace(): { url: URL; schema: string } {
  const schema = newName();
  const url = new URL(POSTGRES);
  url.searchParams.set('schema', schema);
  onTestFinished(async () => {
    await withPostgres((admin) => admin.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`));
  });
  return { url, schema };
}

/** The URL of a prefix without keys, which has none after the test either. */
export function redisPlace(): { url: URL; prefix: string } {
  const prefix = newName();
  const url = new URL(REDIS);
  url.searchParams.set('prefix', prefix);
  onTestFinished(async () => {
    await withRedis(async (admin) => {
      const keys = await admin.keys(`${prefix}:*`);
      if (keys.length > 0) await admin.del(keys);
    });
  });
  return { url, prefix };
}
