import { isIPv6 } from 'node:net';
import { TielineError } from '../errors.ts';
import { hostnameOf } from '../network/guard.ts';

export type Tls = 'require' | 'prefer' | 'disable';

export type ServerAddress = {
  readonly driver: 'postgresql' | 'mysql' | 'mariadb';
  /** As a URL has it: lower case, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly database?: string;
  readonly password?: string;
  /** PEM certificates to trust instead of the usual authorities. */
  readonly ca?: string;
  /**
   * `require`: encrypted, certificate and host name verified. `prefer`: encrypted if the server can, verified if there
   * is a `ca`. Default: `prefer` for hosts the operator has opened, `require` for all others, which allow nothing less.
   */
  readonly tls?: Tls;
};

export type FileAddress = {
  readonly driver: 'sqlite';
  /** Absolute path of the database file. */
  readonly database: string;
};

export type SqlAddress = ServerAddress | FileAddress;

type Fields = Readonly<Record<string, unknown>>;
type Parts = Partial<Record<'driver' | 'host' | 'port' | 'database' | 'username' | 'password' | 'tls', string>>;

const DRIVERS: Readonly<Record<string, SqlAddress['driver']>> = {
  postgresql: 'postgresql',
  postgres: 'postgresql',
  pg: 'postgresql',
  mysql: 'mysql',
  mysql2: 'mysql',
  mariadb: 'mariadb',
  sqlite: 'sqlite',
  sqlite3: 'sqlite',
};

const PORTS = { postgresql: 5432, mysql: 3306, mariadb: 3306 } as const;

/** What connection strings of libpq, MySQL and the usual libraries say about encryption. */
const TLS: Readonly<Record<string, Tls>> = {
  disable: 'disable',
  disabled: 'disable',
  false: 'disable',
  '0': 'disable',
  allow: 'prefer',
  prefer: 'prefer',
  preferred: 'prefer',
  require: 'require',
  required: 'require',
  true: 'require',
  '1': 'require',
  'verify-ca': 'require',
  verify_ca: 'require',
  'verify-full': 'require',
  verify_identity: 'require',
};

const TLS_PARAMETERS = ['sslmode', 'ssl-mode', 'ssl', 'tls'];

/**
 * Reads `url`, or else `driver, host, port, database, username, password`; `tls` and `ca` go with both. Empty values
 * count as absent.
 *
 * @throws TielineError `arguments_invalid`. No message repeats a value: people paste passwords into the wrong field.
 */
export function readAddress(input: Fields): SqlAddress {
  const url = textIn(input, 'url');
  const parts = url === undefined ? readFields(input) : readUrl(url);
  for (const [name, value] of Object.entries(parts)) {
    // The protocols end texts with NUL, so one inside would let the rest be read as another field.
    if (/\p{Cc}/u.test(value)) throw invalid(`the ${name} of the database has control characters in it`);
  }
  const driver = readDriver(parts.driver);
  if (driver === 'sqlite') return { driver, database: readPath(parts.database) };
  const { database, password } = parts;
  if (parts.username === undefined) throw invalid('the database address has no username');
  const tls = readTls(textIn(input, 'tls') ?? parts.tls);
  const ca = textIn(input, 'ca');
  return {
    driver,
    host: readHost(parts.host),
    port: readPort(parts.port) ?? PORTS[driver],
    username: parts.username,
    ...(database !== undefined && { database }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    ...(tls !== undefined && { tls }),
  };
}

/** `driver:host:port:username:database`; for a file `sqlite:path`. */
export function defaultIdentifier(address: SqlAddress): string {
  if (address.driver === 'sqlite') return `sqlite:${address.database}`;
  const { driver, host, port, username, database = '' } = address;
  return [driver, host, port, username, database].join(':');
}

function readFields(input: Fields): Parts {
  const port = typeof input.port === 'number' ? String(input.port) : textIn(input, 'port');
  const names = ['driver', 'host', 'database', 'username', 'password'] as const;
  return present({ ...Object.fromEntries(names.map((it) => [it, textIn(input, it)])), port });
}

function readUrl(text: string): Parts {
  const [, driver = '', path] = /^([\w+.-]+):(.*)$/s.exec(text) ?? [];
  if (path === undefined) throw invalid('the database URL does not begin with a driver such as postgresql://');
  if (DRIVERS[baseName(driver)] === 'sqlite') return { driver, database: decode(path.replace(/^\/\/(?=\/)/, '')) };
  // Under a scheme that is not special a URL keeps its host as written, so it is read as one that is.
  if (!path.startsWith('//') || !URL.canParse(`http:${path}`)) {
    throw invalid('the database URL cannot be read', 'Percent-encode special characters in user name and password.');
  }
  const url = new URL(`http:${path}`);
  const named = TLS_PARAMETERS.map((it) => url.searchParams.get(it)).find((it) => it !== null);
  return present({
    driver,
    host: hostnameOf(url),
    // URL leaves out the port that http has by default.
    port: /^\/\/[^/?#]*:80(?:[/?#]|$)/.test(path) ? '80' : url.port,
    database: decode(url.pathname.slice(1)),
    username: decode(url.username),
    password: decode(url.password),
    tls: named ?? undefined,
  });
}

function present(parts: Readonly<Record<string, string | undefined>>): Parts {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined && value !== ''));
}

function textIn(input: Fields, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(`the ${name} of the database must be text`);
  return value;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('the database URL cannot be read', 'Write a percent sign in it as %25.');
  }
}

/** `mysql+pymysql` names a library too, which is ours to choose. */
function baseName(driver: string): string {
  return (driver.split('+')[0] ?? '').toLowerCase();
}

function readDriver(text: string | undefined): SqlAddress['driver'] {
  const name = baseName(text ?? '');
  const driver = Object.hasOwn(DRIVERS, name) ? DRIVERS[name] : undefined;
  if (driver === undefined) throw invalid('the driver must be one of postgresql, mysql, mariadb and sqlite');
  return driver;
}

function readHost(text: string | undefined): string {
  if (text === undefined) throw invalid('the database address has no host');
  const host = isIPv6(text) ? `[${text}]` : text;
  if (!/^(?:\[[^\]]+\]|[^\s:/?#@\\[\]]+)$/.test(host) || !URL.canParse(`http://${host}`)) {
    throw invalid('the host of the database must be a host name or an address, without scheme, port or path');
  }
  return hostnameOf(new URL(`http://${host}`));
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw invalid('the port of the database must be a number from 1 to 65535');
  return port;
}

function readPath(text: string | undefined): string {
  const path = text?.replace(/^\/{2,}/, '/');
  if (path === undefined || !/^(?:\/|[A-Za-z]:[\\/])./.test(path)) {
    throw invalid('the database of an SQLite address must be the absolute path of a file');
  }
  return path;
}

function readTls(text: string | undefined): Tls | undefined {
  if (text === undefined) return undefined;
  const name = text.toLowerCase();
  const tls = Object.hasOwn(TLS, name) ? TLS[name] : undefined;
  if (tls === undefined) throw invalid('tls must be one of require, prefer and disable');
  return tls;
}

function invalid(message: string, hint?: string): TielineError {
  return new TielineError('arguments_invalid', message, { hint });
}
