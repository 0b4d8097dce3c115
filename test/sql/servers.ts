import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { readAddress } from '../../src/sql/address.ts';
import { openSql, type SqlConnection, type SqlPolicy } from '../../src/sql/connection.ts';

export const POSTGRESQL = 'postgresql://postgres@127.0.0.1:5432/test';
export const MARIADB = 'mariadb://root@127.0.0.1:3306/test';

export const LOCAL: SqlPolicy = { allowPrivate: ['127.0.0.1', 'localhost'] };

/** Why the tests against this server cannot run, for their title; empty if they can. */
export async function reasonToSkip(url: string): Promise<string> {
  const connection = await openSql(readAddress({ url }), LOCAL);
  try {
    await connection.test({ timeoutMs: 3_000 });
    return '';
  } catch (error) {
    return ` (skipped: ${new URL(url).host}: ${error instanceof Error ? error.message : error})`;
  } finally {
    await connection.close();
  }
}

/** A connection that the running test's end closes. */
export async function opened(input: Record<string, unknown>, policy: SqlPolicy = LOCAL): Promise<SqlConnection> {
  const connection = await openSql(readAddress(input), policy);
  onTestFinished(() => connection.close());
  return connection;
}

/** A name for a table of the running test's own, dropped after it. */
export function temporaryTable(connection: SqlConnection): string {
  const name = `tieline_${randomBytes(6).toString('hex')}`;
  onTestFinished(async () => {
    await connection.execute(`DROP TABLE IF EXISTS ${name}`);
  });
  return name;
}

/** The code a call fails with and what it says. */
export async function failure(work: Promise<unknown>): Promise<{ code: string; text: string; hint: string }> {
  try {
    return { code: 'none', text: JSON.stringify(await work), hint: '' };
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return { code: error.code, text: error.message, hint: error.hint ?? '' };
  }
}

/** A TCP server of the running test's own. */
export async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A relay to a port of this machine which counts what comes from there. */
export async function relay(to: number): Promise<{ port: number; received(): number; cut(): void }> {
  let received = 0;
  const servers = new Set<Socket>();
  const port = await listen((client) => {
    const server = connect(to, '127.0.0.1');
    servers.add(server);
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    server.on('data', (chunk) => {
      received += chunk.length;
      if (!client.write(chunk)) server.pause();
    });
    client.on('drain', () => server.resume());
    client.pipe(server);
  });
  const cut = () => {
    for (const server of servers) server.destroy();
  };
  return { port, received: () => received, cut };
}
