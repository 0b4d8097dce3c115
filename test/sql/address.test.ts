import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { defaultIdentifier, readAddress } from '../../src/sql/address.ts';

const SECRET = 'hunter2-hunter2';
const fields = { driver: 'postgresql', host: 'db.example.com', username: 'ann', password: SECRET, database: 'shop' };

describe('readAddress', () => {
  it.each([
    ['fields', fields, 'postgresql:db.example.com:5432:ann:shop'],
    ['a port as a number', { ...fields, port: 6543 }, 'postgresql:db.example.com:6543:ann:shop'],
    ['a port as text', { ...fields, port: '6543' }, 'postgresql:db.example.com:6543:ann:shop'],
    ['empty fields as absent', { ...fields, port: '', url: '', database: null }, 'postgresql:db.example.com:5432:ann:'],
    ['an alias', { ...fields, driver: 'PG' }, 'postgresql:db.example.com:5432:ann:shop'],
    ['a driver that names a library', { ...fields, driver: 'mysql+pymysql' }, 'mysql:db.example.com:3306:ann:shop'],
    ['a host in capitals', { ...fields, host: 'DB.Example.COM' }, 'postgresql:db.example.com:5432:ann:shop'],
    ['an IPv6 address', { ...fields, host: '::1' }, 'postgresql:::1:5432:ann:shop'],
    ['a URL', { url: 'postgres://ann:pw@db.example.com/shop' }, 'postgresql:db.example.com:5432:ann:shop'],
    ['a URL before the fields', { ...fields, url: 'mariadb://bob@other:3307' }, 'mariadb:other:3307:bob:'],
    ['a URL with port 80', { url: 'mysql://bob@other:80/x' }, 'mysql:other:80:bob:x'],
    ['a URL with IPv6', { url: 'postgresql+psycopg2://bob@[::1]:5433/x' }, 'postgresql:::1:5433:bob:x'],
    ['percent-encoded parts', { url: 'pg://a%40b:p%2Fw@h/d%20b' }, 'postgresql:h:5432:a@b:d b'],
    ['a file', { driver: 'sqlite', database: '/data/a.db' }, 'sqlite:/data/a.db'],
    ['a file as sqlite:///', { url: 'sqlite:///data/a.db' }, 'sqlite:/data/a.db'],
    ['a file as sqlite:////', { url: 'sqlite+aiosqlite:////data/a.db' }, 'sqlite:/data/a.db'],
    ['a file as sqlite:/', { url: 'sqlite:/data/a%20b.db' }, 'sqlite:/data/a b.db'],
  ])('reads %s', (_, input, identifier) => expect(defaultIdentifier(readAddress(input))).toBe(identifier));

  it('keeps password and certificates, and no URL', () => {
    const url = `mysql://ann:${encodeURIComponent('a b/ü')}@h/d?ssl-mode=REQUIRED`;
    expect(readAddress({ url, ca: 'PEM', password: 'other' })).toEqual({
      driver: 'mysql',
      host: 'h',
      port: 3306,
      username: 'ann',
      database: 'd',
      password: 'a b/ü',
      ca: 'PEM',
      tls: 'require',
    });
  });

  it.each([
    ['sslmode=disable', undefined, 'disable'],
    ['sslmode=verify-full', undefined, 'require'],
    ['ssl=true', undefined, 'require'],
    ['sslmode=disable', 'require', 'require'],
    ['channel_binding=require', undefined, undefined],
  ])('reads TLS from ?%s and %s', (query, tls, expected) => {
    const address = readAddress({ url: `pg://a@h/d?${query}`, tls });
    expect('tls' in address ? address.tls : undefined).toBe(expected);
  });

  it.each([
    ['no driver', { ...fields, driver: undefined }, 'driver'],
    ['an unknown driver', { ...fields, driver: `mssql${SECRET}` }, 'driver'],
    ['a name of Object', { ...fields, driver: 'constructor' }, 'driver'],
    ['no host', { ...fields, host: '' }, 'host'],
    ['a host with a path', { ...fields, host: `h/${SECRET}` }, 'host'],
    ['a host with a password', { ...fields, host: `ann:${SECRET}@h` }, 'host'],
    ['a socket', { ...fields, host: '/run/postgresql' }, 'host'],
    ['no username', { ...fields, username: undefined }, 'username'],
    ['a port of 0', { ...fields, port: 0 }, 'port'],
    ['a port of 70000', { ...fields, port: 70_000 }, 'port'],
    ['a port that is text', { ...fields, port: SECRET }, 'port'],
    ['a number as password', { ...fields, password: 12345678 }, 'password'],
    ['NUL in the username', { ...fields, username: 'ann\0database\0other' }, 'username'],
    ['NUL in a URL', { url: `pg://ann:${SECRET}%00@h/d` }, 'password'],
    ['a URL without driver', { url: `//ann:${SECRET}@h/d` }, 'URL'],
    ['a URL without host', { url: `pg://ann:${SECRET}@/d` }, 'URL'],
    ['a URL with a bare percent sign', { url: `pg://ann:100%${SECRET}@h/d` }, 'URL'],
    ['a relative file', { url: 'sqlite:data.db' }, 'absolute'],
    ['memory', { driver: 'sqlite', database: ':memory:' }, 'absolute'],
    ['a tls that is none', { ...fields, tls: SECRET }, 'tls'],
  ])('refuses %s and says what is wrong, not the value', (_, input, word) => {
    const error = thrownBy(() => readAddress(input));
    expect(error).toMatchObject({ code: 'arguments_invalid', message: expect.stringContaining(word) });
    expect(`${error}`).not.toContain(SECRET);
  });

  it('never says a password, whatever else is wrong', () => {
    const part = fc.string({ unit: 'binary-ascii', maxLength: 12 });
    fc.assert(
      fc.property(part, part, part, (before, between, after) => {
        const error = thrownBy(() => readAddress({ url: `${before}${SECRET}${between}@${after}` }));
        expect(`${error}`).not.toContain(SECRET);
      }),
    );
  });

  it('reads any username, password and database out of a URL again', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1 }).filter((it) => !/\p{Cc}/u.test(it));
    fc.assert(
      fc.property(part, part, part, (username, password, database) => {
        const [user, word, path] = [username, password, database].map(encodeURIComponent);
        // A path of dots is none in a URL, however it is encoded.
        fc.pre(!/^(?:\.|%2e)+$/i.test(path ?? ''));
        expect(readAddress({ url: `postgresql://${user}:${word}@h/${path}` })).toMatchObject({
          username,
          password,
          database,
        });
      }),
    );
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return error;
  }
}
