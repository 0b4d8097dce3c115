import { isIP, type Socket } from 'node:net';
import { connect as encrypt } from 'node:tls';
import type { Client } from 'pg';
import { TielineError } from '../errors.ts';
import type { ServerAddress } from './address.ts';
import { untilStopped } from './clock.ts';
import { type DialPolicy, dial, type Line, next, shield } from './dial.ts';
import { placeOf } from './failure.ts';
import { install } from './install.ts';
import { tooLarge } from './page.ts';
import { actingFunction } from './pgfunction.ts';
import { pgReaders, pgTypeNames } from './pgvalue.ts';
import { type PgField, Portal } from './portal.ts';
import type { Driver, Session, SessionOptions } from './session.ts';
import { denied, functionNames } from './statement.ts';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest, CancelRequest. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const CANCEL_CODE = 80_877_102;

export async function openPostgresql(address: ServerAddress, policy: DialPolicy): Promise<Driver> {
  const { default: pg } = await install('pg', () => import('pg'));
  const read = pgReaders(pg.types);
  const typeName = pgTypeNames(pg.types);

  async function connect({ reads, timeoutMs, stop }: SessionOptions): Promise<Session> {
    const line = await dial(address, policy, stop);
    let socket: Socket = line.socket;
    try {
      if (line.tls !== 'disable') socket = await untilStopped(secure(line, address), stop);
      const client = new pg.Client({
        // Whoever and whatever identifies us is given: pg takes it from the environment and ~/.pgpass otherwise.
        host: address.host,
        port: address.port,
        user: address.username,
        password: () => address.password ?? '',
        database: address.database ?? address.username,
        application_name: 'tieline',
        ssl: false,
        stream: () => alreadyConnected(socket),
      });
      client.on('error', () => undefined); // whatever runs then fails with it
      await untilStopped(client.connect(), stop);
      await untilStopped(client.query(prepare(reads, timeoutMs)), stop);
      return session(client, line, socket, reads);
    } catch (error) {
      line.socket.destroy();
      throw error;
    }
  }

  function session(client: Client, line: Line, socket: Socket, reads: boolean): Session {
    return {
      async run(bound, page) {
        const describe = (fields: readonly PgField[]) => {
          page.describe(fields.map((it) => column(it.name, typeName(it.dataTypeID))));
          return fields.map((it) => read(it.dataTypeID));
        };
        if (reads) await requireReadingFunctions(client, bound.text);
        try {
          return await client.query(new Portal(bound, { reads, page, describe, onRow: line.mark })).outcome;
        } catch (error) {
          throw line.isFlooded() ? tooLarge() : error;
        }
      },
      async cancel() {
        const { processID, secretKey } = client as Client & Partial<Record<'processID' | 'secretKey', number>>;
        if (processID === undefined || secretKey === undefined) return;
        const message = Buffer.alloc(16);
        [16, CANCEL_CODE, processID, secretKey].forEach((it, index) => {
          message.writeInt32BE(it, index * 4);
        });
        const { socket } = await dial(address, policy, AbortSignal.timeout(1_000));
        socket.on('error', () => undefined).end(message);
      },
      close() {
        client.end().catch(() => undefined);
        setTimeout(() => socket.destroy(), 1_000).unref();
      },
    };
  }

  return { dialect: 'postgresql', name: placeOf(address), probe: 'SELECT 1', connect };
}

/** @throws TielineError `policy_denied` for a statement that may call a function which does more than read. */
async function requireReadingFunctions(client: Client, statement: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(actingFunction(functionNames(statement, 'postgresql')));
  const [acting] = rows;
  if (acting) throw denied(`the function ${acting.name}`);
}

/** What a session is set to; timeoutMs is a number, so it can stand in the text. */
function prepare(reads: boolean, timeoutMs: number): string {
  const settings = {
    statement_timeout: timeoutMs,
    DateStyle: 'ISO',
    IntervalStyle: 'iso_8601',
    bytea_output: 'hex',
    // Statements are read here as they are there.
    standard_conforming_strings: 'on',
  };
  const set = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', ${reads})`);
  // After a first query, which this is, no statement can make the transaction a writing one.
  return `${reads ? 'BEGIN READ ONLY; ' : ''}SELECT ${set.join(', ')}`;
}

function column(name: string, type: string | undefined): { name: string; type?: string } {
  return type === undefined ? { name } : { name, type };
}

/** Here rather than by pg, so that what arrives encrypted is shielded too. */
async function secure({ socket, tls }: Line, { host, port, ca }: ServerAddress): Promise<Socket> {
  socket.write(SSL_REQUEST);
  const answer = await next<Buffer>(socket, 'data');
  // Exactly one byte: more would be text that somebody slipped in before the encryption (CVE-2021-23222).
  if (answer.length !== 1 || (answer[0] !== 0x53 && answer[0] !== 0x4e)) {
    throw new TielineError('upstream_invalid', `${placeOf({ host, port })} is not a PostgreSQL server`);
  }
  if (answer[0] === 0x4e) {
    if (tls === 'prefer') return socket;
    throw new TielineError('upstream_unreachable', `${placeOf({ host, port })} offers no TLS`);
  }
  const secured = encrypt({
    socket,
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    ...(ca !== undefined && { ca }),
    rejectUnauthorized: tls === 'require' || ca !== undefined,
  });
  shield(secured);
  await next(secured, 'secureConnect');
  return secured;
}

/** pg connects its stream by itself. */
function alreadyConnected(socket: Socket): Socket {
  socket.connect = () => {
    setImmediate(() => socket.emit('connect'));
    return socket;
  };
  return socket;
}
