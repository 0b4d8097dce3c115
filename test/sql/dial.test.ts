import { connect, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SqlPolicy } from '../../src/sql/connection.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import { failure, LOCAL, listen, opened, POSTGRESQL, reasonToSkip } from './servers.ts';

const PASSWORD = 'correct-horse-battery';
const context = createSecureContext({ key: KEY, cert: CERTIFICATE });

const answering =
  (...addresses: string[]): SqlPolicy['resolve'] =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** What a connection to this place ends with, at a server that counts who gets through. */
async function reach(
  place: { driver: string; host: string; port?: number; tls?: string; ca?: string },
  policy: SqlPolicy,
) {
  const connection = await opened({ username: 'ann', password: PASSWORD, ...place }, policy);
  return await failure(connection.test({ timeoutMs: 2_000 }));
}

describe.each(['postgresql', 'mysql'])('the guard before %s', (driver) => {
  it.each([
    ['loopback', '127.0.0.1', []],
    ['loopback in another form', '0x7f.1', []],
    ['IPv6 loopback', '::1', []],
    ['IPv4 in IPv6', '::ffff:127.0.0.1', []],
    ['a cloud’s metadata', '169.254.169.254', []],
    ['a private network', '10.0.0.5', []],
    ['a private network, another one open', '10.0.0.5', ['10.1.0.0/16', '10.0.0.5:1']],
    ['localhost', 'localhost', []],
  ])('refuses %s', async (_, host, allowPrivate) => {
    expect((await reach({ driver, host, port: 5000 }, { allowPrivate })).code).toBe('target_forbidden');
  });

  it.each([
    ['to a private address', answering('10.0.0.5')],
    ['to a private address among others', answering('8.8.8.8', '127.0.0.1')],
  ])('refuses a name that leads %s', async (_, resolve) => {
    const { code } = await reach({ driver, host: 'db.example.com' }, { allowPrivate: [], resolve });
    expect(code).toBe('target_forbidden');
  });

  it.each(['disable', 'prefer'])('refuses tls %s to a public address', async (tls) => {
    const policy = { allowPrivate: [], resolve: answering('8.8.8.8') };
    expect((await reach({ driver, host: 'db.example.com', tls }, policy)).code).toBe('target_forbidden');
  });

  it('refuses ports of other services', async () => {
    const policy = { allowPrivate: [], resolve: answering('8.8.8.8') };
    expect((await reach({ driver, host: 'db.example.com', port: 25 }, policy)).code).toBe('target_forbidden');
  });

  it('connects to the address it has checked', async () => {
    let reached = 0;
    const port = await listen((socket) => {
      reached += 1;
      socket.destroy();
    });
    let turn = 0;
    const resolve: SqlPolicy['resolve'] = async () => [{ address: ['127.0.0.1', '10.0.0.5'][turn++] ?? '', family: 4 }];
    const policy = { allowPrivate: ['127.0.0.0/8'], resolve };
    expect((await reach({ driver, host: 'db.example.com', port, tls: 'disable' }, policy)).code).toBe(
      'upstream_unreachable',
    );
    expect([reached, turn]).toEqual([1, 1]);
  });

  it('tells a port that nobody serves, and whether a name exists only if the operator has named it', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    };
    const unknown = await reach({ driver, host: 'db.example.com' }, { allowPrivate: [], resolve });
    const hidden = await reach(
      { driver, host: 'db.example.com' },
      { allowPrivate: [], resolve: answering('10.0.0.5') },
    );
    expect(unknown).toEqual(hidden);
    expect(unknown.code).toBe('target_forbidden');
    const named = await reach({ driver, host: 'db.example.com' }, { allowPrivate: ['db.example.com'], resolve });
    expect([named.code, named.text]).toEqual(['upstream_unreachable', expect.stringContaining('ENOTFOUND')]);
    const closed = await reach({ driver, host: '127.0.0.1', port: 1 }, LOCAL);
    expect([closed.code, closed.text]).toEqual(['upstream_unreachable', expect.stringContaining('127.0.0.1:1')]);
  });

  it('ends a server that says nothing', async () => {
    const port = await listen(() => undefined);
    const connection = await opened({ driver, host: '127.0.0.1', port, username: 'ann' });
    expect((await failure(connection.test({ timeoutMs: 200 }))).code).toBe('upstream_timeout');
  });

  it('survives whatever a server says', async () => {
    const starts = ['N', 'S', 'R\0\0\0\x08\0\0\0\0', GREETING.toString('latin1'), ''];
    const words = fc.tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 60 }));
    let answer = Buffer.alloc(0);
    const port = await listen((socket) => {
      socket.write(answer);
      socket.on('data', () => socket.write(answer));
      setTimeout(() => socket.destroy(), 10);
    });
    const fields = { driver, host: '127.0.0.1', port, username: 'ann', password: PASSWORD };
    const [plain, secure] = [await opened({ ...fields, tls: 'disable' }), await opened(fields)];
    await fc.assert(
      fc.asyncProperty(words, fc.boolean(), async ([start, bytes], isPlain) => {
        answer = Buffer.concat([Buffer.from(start, 'latin1'), bytes]);
        const { code, text, hint } = await failure((isPlain ? plain : secure).test({ timeoutMs: 1_000 }));
        expect(code).not.toBe('none');
        expect(text + hint).not.toContain(PASSWORD);
      }),
      { numRuns: 80 },
    );
  });
});

/** A greeting of MySQL 8 (protocol 10) that offers TLS and mysql_native_password. */
const GREETING = packet(
  0,
  Buffer.concat([
    Buffer.from('\x0a8.0.0\0\x01\0\0\0abcdefgh\0', 'latin1'),
    Buffer.from([0xff, 0xff, 33, 2, 0, 0xff, 0xdf, 21]),
    Buffer.alloc(10),
    Buffer.from('ijklmnopqrst\0mysql_native_password\0', 'latin1'),
  ]),
);

function packet(sequence: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, sequence]), body]);
}

/** Both say the password, as no server should. */
const MYSQL_REFUSAL = packet(3, Buffer.from(`\xff\x15\x04#28000no ${PASSWORD}`, 'latin1'));
const FIELDS = Buffer.from(`SFATAL\0C28P01\0Mno ${PASSWORD}\0\0`, 'latin1');
const POSTGRESQL_REFUSAL = Buffer.concat([Buffer.from([0x45, 0, 0, 0, FIELDS.length + 4]), FIELDS]);

/** A server which speaks TLS from where its protocol begins to, and then refuses the password. */
async function secureServer(driver: 'postgresql' | 'mysql'): Promise<number> {
  return await listen((socket) => {
    if (driver === 'mysql') socket.write(GREETING);
    socket.once('data', (request: Buffer) => {
      if (driver === 'postgresql') socket.write('S');
      // MySQL clients begin with TLS right behind the 36 bytes that announce it.
      socket.pause();
      if (driver === 'mysql') socket.unshift(request.subarray(36));
      const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
      secured.on('error', () => undefined);
      secured.once('data', () => secured.end(driver === 'mysql' ? MYSQL_REFUSAL : POSTGRESQL_REFUSAL));
    });
  });
}

describe.each(['postgresql', 'mysql'] as const)('TLS of %s', (driver) => {
  it.each([
    ['verifies the certificate', { host: 'localhost', tls: 'require' }, 'upstream_unreachable'],
    ['trusts the given authority', { host: 'localhost', ca: CERTIFICATE }, 'token_rejected'],
    ['trusts nobody else beside it', { host: 'localhost', ca: CERTIFICATE, tls: 'prefer' }, 'token_rejected'],
    ['needs no certificate where it is only preferred', { host: 'localhost', tls: 'prefer' }, 'token_rejected'],
    ['verifies the name', { host: 'db.example.com', ca: CERTIFICATE, tls: 'require' }, 'upstream_unreachable'],
    [
      'verifies the name where it is only preferred',
      { host: 'db.example.com', ca: CERTIFICATE, tls: 'prefer' },
      'upstream_unreachable',
    ],
  ])('%s', async (_, place, code) => {
    const port = await secureServer(driver);
    const policy = { allowPrivate: ['127.0.0.1'], resolve: answering('127.0.0.1') };
    const result = await reach({ driver, port, ...place }, policy);
    expect([result.code, result.text.includes(PASSWORD)]).toEqual([code, false]);
    if (code === 'upstream_unreachable') expect(result.hint).toContain('ca');
  });

  it('is not given up for a server that has none', async () => {
    const plain = Buffer.from(GREETING);
    // The capability CLIENT_SSL.
    plain.writeUInt8((plain[GREETING.indexOf('abcdefgh') + 10] ?? 0) & ~8, GREETING.indexOf('abcdefgh') + 10);
    let heard = '';
    const port = await listen((socket) => {
      if (driver === 'mysql') socket.write(plain);
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1');
        if (driver === 'postgresql') socket.write('N');
      });
    });
    const result = await reach({ driver, host: 'localhost', port, tls: 'require' }, LOCAL);
    expect(result.code).toBe('upstream_unreachable');
    expect(heard).not.toContain('ann');
  });
});

/** Messages of PostgreSQL: each a letter, its length, its content. */
function messages(...parts: readonly (readonly [letter: string, content: string])[]): Buffer {
  return Buffer.concat(
    parts.flatMap(([letter, content]) => {
      const head = Buffer.from(`${letter}\0\0\0\0`);
      head.writeInt32BE(content.length + 4, 1);
      return [head, Buffer.from(content, 'latin1')];
    }),
  );
}

it.each(['disable', 'prefer'])(
  'a server that makes the driver throw only loses its connection, tls %s',
  async (tls) => {
    const ready = ['Z', 'I'] as const;
    const welcome = messages(['R', '\0\0\0\0'], ready);
    // One column of type jsonb (3802), and a row whose text is no JSON.
    const column = `\0\x01a\0${'\0'.repeat(6)}\0\0\x0e\xda${'\0'.repeat(8)}`;
    const rows = messages(['1', ''], ['2', ''], ['T', column], ['D', '\0\x01\0\0\0\x04{bad']);
    const noFunction = messages(['1', ''], ['2', ''], ['n', ''], ['C', 'SELECT 0\0'], ready);
    const answers = [welcome, messages(['C', 'SELECT 1\0'], ready), noFunction, rows];
    const port = await listen((socket) => {
      const speak = (line: Socket) => {
        let turn = 0;
        line.on('data', () => line.write(answers[turn++] ?? ''));
      };
      if (tls === 'disable') return speak(socket);
      socket.once('data', () => {
        socket.write('S');
        speak(new TLSSocket(socket, { isServer: true, secureContext: context }).on('error', () => undefined));
      });
    });
    const connection = await opened({ driver: 'postgresql', host: 'localhost', port, username: 'ann', tls });
    expect((await failure(connection.test({ timeoutMs: 2_000 }))).code).toBe('upstream_unreachable');
  },
);

const reason = await reasonToSkip(POSTGRESQL);

describe.skipIf(reason)(`TLS before PostgreSQL${reason}`, () => {
  it('carries whole sessions', async () => {
    const port = await listen((socket) => terminate(socket, 5432));
    const url = `postgresql://postgres@localhost:${port}/test`;
    const connection = await opened({ url, ca: CERTIFICATE });
    const { rows } = await connection.query('SELECT generate_series(1, 10000000) AS n', {}, { maxRows: 2_000 });
    expect([rows.length, rows.at(-1)]).toEqual([2_000, { n: 2_000 }]);
    expect((await failure(connection.query('SELECT pg_sleep(60)', {}, { timeoutMs: 300 }))).code).toBe(
      'upstream_timeout',
    );
    expect((await failure(connection.query("SELECT repeat('x', 120000000)"))).code).toBe('response_too_large');
  });

  it('is left out where the server has none and it is only preferred', async () => {
    const connection = await opened({ url: POSTGRESQL, tls: 'prefer' });
    await expect(connection.test()).resolves.toBeUndefined();
    const strict = await opened({ url: POSTGRESQL, tls: 'require' });
    expect((await failure(strict.test())).text).toContain('no TLS');
  });
});

/** Takes TLS off a connection to PostgreSQL; lets requests to cancel through, which come without. */
function terminate(socket: Socket, port: number): void {
  const server = connect(port, '127.0.0.1');
  server.on('error', () => socket.destroy());
  socket.on('close', () => server.destroy());
  server.on('close', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    if (first.length !== 8) {
      server.write(first);
      return;
    }
    socket.write('S');
    const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
    secured.on('error', () => undefined);
    secured.pipe(server).pipe(secured);
  });
}
