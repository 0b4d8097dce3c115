import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

const POSTGRES = process.env.TIELINE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test';
const REDIS = process.env.TIELINE_TEST_REDIS ?? 'redis://127.0.0.1:6379';

export const STORES = ['sqlite', 'postgres', 'redis'];

/**
 * A store of the storm's own, by its kind: `{ url, remove() }`. A file in `folder`, a schema, or a prefix of keys;
 * `remove` leaves nothing of it. A server is found by the variables that name one for the other tests.
 */
export function makePlace(kind, folder) {
  const name = `tieline_storm_${randomBytes(6).toString('hex')}`;
  if (kind === 'sqlite') return { url: `sqlite:${join(folder, 'tieline.db')}`, remove: async () => {} }; // goes with its folder
  if (kind === 'postgres') return { url: withParameter(POSTGRES, 'schema', name), remove: () => dropSchema(name) };
  return { url: withParameter(REDIS, 'prefix', name), remove: () => deleteKeys(name) };
}

function withParameter(text, name, value) {
  const url = new URL(text);
  url.searchParams.set(name, value);
  return url.href;
}

async function dropSchema(schema) {
  const { default: pg } = await import('pg');
  const admin = new pg.Client({ connectionString: POSTGRES });
  await admin.connect();
  await admin.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await admin.end();
}

async function deleteKeys(prefix) {
  const { createClient } = await import('@keyv/redis');
  const admin = await createClient({ url: REDIS }).connect();
  const keys = await admin.keys(`${prefix}:*`);
  if (keys.length > 0) await admin.del(keys);
  admin.destroy();
}
