import { createHash } from 'node:crypto';
import { keyvStore } from './keyv.ts';
import {
  codeOf,
  loadOptional,
  parseServerUrl,
  type Reason,
  SERVER_LIMITS,
  serverFailure,
  shownUrl,
  takeParameter,
} from './server.ts';
import type { Store } from './store.ts';

/** A B-tree entry has room for about 2,700 bytes. */
const LONGEST_KEY = 1_000;

/**
 * A store in the table `tieline` of a PostgreSQL database, made when absent along with the schema that `?schema=`
 * names; all other parameters of the URL are node-postgres's own, `sslmode` for one. Connections are taken from a
 * pool of the store's own for one statement each.
 *
 * Throws `config_invalid` and `store_unavailable`.
 */
export async function openPostgres(text: string, limits = SERVER_LIMITS): Promise<Store> {
  const shown = shownUrl(text);
  const { url, schema } = parsePostgresUrl(text);
  const [{ Pool }, { KeyvPostgres }] = await loadOptional('@keyv/postgres@2 pg@8', () =>
    Promise.all([import('pg'), import('@keyv/postgres')]),
  );
  const pool = new Pool({
    connectionString: url.href,
    connectionTimeoutMillis: limits.connectMs,
    statement_timeout: limits.answerMs,
    // For the server that is gone without a word, and cannot end the statement itself.
    query_timeout: limits.answerMs * 1.1,
    keepAlive: true,
    // The pool ends without waiting for its sockets, and a server that is gone never answers the farewell.
    allowExitOnIdle: true,
    fallback_application_name: 'tieline',
  });
  // An idle connection that ends is replaced when needed; with nobody listening it would end the process.
  pool.on('error', () => undefined);

  /** All adapters of @keyv/postgres share one pool, which the first of them to close ends for the others. */
  class Adapter extends KeyvPostgres {
    override async connect() {
      return async (sql: string, values?: unknown[]): Promise<unknown[]> => (await pool.query(sql, values)).rows;
    }

    override async disconnect(): Promise<void> {
      await pool.end();
    }
  }

  const failure = (cause: unknown) =>
    serverFailure(shown, REASONS[codeOf(cause)] ?? REASONS[codeOf(cause).slice(0, 2)], cause);
  let trouble: unknown;
  try {
    await pool.query('SELECT 1');
    const adapter = new Adapter({ schema, table: 'tieline', keySize: LONGEST_KEY });
    // The adapter goes on without its table, which may be there and only not for this user to make.
    adapter.once('error', (error) => {
      trouble = error;
    });
    const table = `"${schema}".tieline`;
    await adapter.query(`SELECT 1 FROM ${table} LIMIT 1`, []); // also waits for the adapter, which is making the table
    const changes = async (sql: string, ...values: string[]) => (await adapter.query(sql, values)).length > 0;
    const insert = `INSERT INTO ${table}(key, value) VALUES ($1, $2) ON CONFLICT(key) DO NOTHING RETURNING key`;
    const update = `UPDATE ${table} SET value = $2 WHERE key = $1 AND value = $3 RETURNING key`;
    const page = `SELECT key, value FROM ${table} WHERE key > $1 ORDER BY key LIMIT $2`;
    // Somebody may write to a row meanwhile: then its value is looked at anew, and is another one.
    const sweep = `WITH page AS (${page}), gone AS (
      DELETE FROM ${table} it USING page WHERE it.key = page.key AND it.value = page.value AND ${EXPIRES} <= $3)
      SELECT max(key) AS last, count(*)::int AS rows FROM page`;
    const remove = `DELETE FROM ${table} WHERE key = $1 AND value = $2 RETURNING key`;
    return keyvStore({
      driver: '@keyv/postgres',
      adapter,
      row: rowOf,
      swap: (row, from, to) => (from === undefined ? changes(insert, row, to) : changes(update, row, to, from)),
      remove: (row, from) => changes(remove, row, from),
      async page(after = '', most) {
        const found: { key: string; value: string }[] = await adapter.query(page, [after, most]);
        const rows = found.map(({ key, value }) => [key, value] as const);
        return { rows, next: rows.length < most ? undefined : rows.at(-1)?.[0] };
      },
      async sweep(after = '', most) {
        const [found]: { last: string; rows: number }[] = await adapter.query(sweep, [after, most, Date.now()]);
        return found && found.rows >= most ? found.last : undefined;
      },
      time: async () =>
        Number((await pool.query('SELECT extract(epoch FROM clock_timestamp()) AS now')).rows[0].now) * 1_000,
      failure,
    });
  } catch (error) {
    await pool.end().catch(() => undefined); // the first failure is the one to tell
    throw failure(trouble ?? error);
  }
}

/** The URL as node-postgres takes it, and the schema it names. Throws `config_invalid`. */
export function parsePostgresUrl(text: string): { readonly url: URL; readonly schema: string } {
  const url = parseServerUrl(text);
  const schema = takeParameter(url, 'schema', /^[a-z_][a-z0-9_]{0,62}$/, 'public');
  // What node-postgres makes of these anyway, but with a warning on stderr and not in its next release.
  if (/^(?:prefer|require|verify-ca)$/.test(url.searchParams.get('sslmode') ?? '')) {
    url.searchParams.set('sslmode', 'verify-full');
  }
  return { url, schema };
}

function rowOf(key: string): string {
  if (key.length <= LONGEST_KEY) return key;
  return `~${createHash('sha256').update(key).digest('base64url')}`; // no key starts with ~
}

/** An entry ends in its expiry (see entry.ts), and only PostgreSQL 16 can tell JSON from other text. */
const EXPIRES = `substring(right(page.value, 40) from ',"expires":([0-9]{1,15})\\}$')::bigint`;

/** By SQLSTATE or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REASONS: Readonly<Record<string, Reason>> = {
  '08P01': [
    'refuses the settings of the connection',
    'Behind PgBouncer, list statement_timeout in its ignore_startup_parameters',
  ],
  25006: ['is read-only', 'Name the primary server in TIELINE_STORE', 5],
  28: ['refuses the user or the password', 'Set both in TIELINE_STORE, percent-encoded'],
  '3D': ['does not exist', 'Create the database: createdb <name>'],
  40: ['is too busy', 'Try again', 1],
  '3F': ['has lost its schema', 'Restore the database from a copy, or restart Tieline to begin anew'],
  '42P01': ['has lost its table', 'Restore the database from a copy, or restart Tieline to begin anew'],
  42501: ['is not open to this user', 'Grant the user CREATE on the schema, or name a schema of its own by ?schema='],
  53: ['is out of disk space, memory or connections', 'Free some or allow more', 5],
  57: ['is shutting down or starting', 'Try again', 1],
  57014: ['took too long to answer', 'Try again; if that does not help, look for what holds locks on the table', 1],
};
