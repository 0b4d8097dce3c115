import { createHash } from 'node:crypto';
import type { NoticeLine } from './notices.ts';
import { parsePostgresUrl } from './postgres.ts';
import { loadOptional, SERVER_LIMITS } from './server.ts';

/** By NOTIFY, on a channel for the schema of the store. */
export async function postgresLine(storeUrl: string, lost: () => void): Promise<NoticeLine> {
  const { url, schema } = parsePostgresUrl(storeUrl);
  const channel = `tieline_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`;
  const { Client } = await loadOptional('pg@8', () => import('pg'));
  const client = new Client({
    connectionString: url.href,
    connectionTimeoutMillis: SERVER_LIMITS.connectMs,
    keepAlive: true,
    fallback_application_name: 'tieline',
  });
  client.on('error', () => undefined); // 'end' follows
  await client.connect();
  client.once('end', lost);
  return {
    publish: async (text) => void (await client.query('SELECT pg_notify($1, $2)', [channel, text])),
    async listen(hear) {
      client.on('notification', ({ payload = '' }) => hear(payload));
      await client.query(`LISTEN ${channel}`);
    },
    async close() {
      client.off('end', lost);
      await client.end();
    },
  };
}
