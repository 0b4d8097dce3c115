import { isIP } from 'node:net';
import { type ErrorCode, isTielineError, TielineError } from '../errors.ts';
import { scrubValues } from '../secret.ts';

/** What the database itself said: an SQLSTATE, or the result code of SQLite. */
type Fault = { readonly state: string; readonly shown: string; readonly text: string };

type Meaning = { readonly code: ErrorCode; readonly hint?: string; readonly retryAfter?: number };

/** By the beginning of the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const MEANINGS: readonly (readonly [state: string, meaning: Meaning])[] = [
  ['25006', { code: 'policy_denied', hint: 'Use the action that executes statements to change anything.' }],
  ['28', { code: 'token_rejected', hint: 'Connect the account again.' }],
  ['42501', { code: 'forbidden', hint: 'This account may not do that; another one may.' }],
  ['57014', { code: 'upstream_timeout', hint: 'Ask for less at a time, or allow it more time.' }],
  ['40', { code: 'conflict', hint: 'Try again.', retryAfter: 1 }],
  ['55P03', { code: 'conflict', hint: 'Try again.', retryAfter: 1 }],
  ['53', { code: 'upstream_failed', hint: 'Try again in a while.', retryAfter: 5 }],
  ['57P', { code: 'upstream_failed', hint: 'Try again in a while.', retryAfter: 5 }],
  ['08', { code: 'upstream_failed', hint: 'Try again in a while.', retryAfter: 5 }],
  ['54', { code: 'response_too_large', hint: 'Select fewer columns, or only a part of long values.' }],
];

/** MySQL and MariaDB give many failures a vague SQLSTATE; these are the ones that would have had one above. */
const MYSQL: Readonly<Record<number, string>> = {
  1040: '53300', // too many connections
  1044: '42501', // access to the database denied
  1142: '42501', // command denied on a table
  1143: '42501', // on a column
  1203: '53300',
  1205: '55P03', // lock wait timeout
  1226: '53300',
  1227: '42501',
  1317: '57014', // interrupted
  1370: '42501',
  1969: '57014', // max_statement_time
  3024: '57014', // max_execution_time
};

/** https://www.sqlite.org/rescode.html */
const SQLITE: Readonly<Record<number, string>> = { 5: '55P03', 6: '55P03', 8: '25006', 9: '57014', 18: '54000' };

/** True if the database answered with an error, and so did not do what it was asked. */
export function isRefusal(error: unknown): boolean {
  return faultOf(error) !== undefined;
}

/** The failure of one statement, told without the password. */
export function failureOf(error: unknown, database: { name: string; password?: string | undefined }): unknown {
  if (isTielineError(error)) return error;
  if (!(error instanceof Error)) return error;
  const clean = (text: string) => scrubValues(text, database.password === undefined ? [] : [database.password]);
  const fault = faultOf(error);
  if (fault) {
    const meaning = MEANINGS.find(([state]) => fault.state.startsWith(state))?.[1] ?? { code: 'upstream_rejected' };
    const { code, ...options } = meaning;
    return new TielineError(code, clean(`the database refused (${fault.shown}): ${fault.text}`), {
      ...options,
      cause: error,
    });
  }
  // Servers that want a password say so in the middle of SCRAM (RFC 5802).
  if (/client password must be/.test(error.message)) {
    return new TielineError('token_rejected', `${database.name} asks for a password`, { cause: error });
  }
  const reason = 'code' in error && typeof error.code === 'string' ? error.code : clean(error.message);
  const isTrust = /certificate|CERT|ISSUER|VERIFY|ALTNAME/.test(`${reason} ${error.message}`);
  return new TielineError('upstream_unreachable', `the connection to ${database.name} failed (${reason})`, {
    hint: isTrust ? 'Give the certificate of its authority as ca.' : 'Check host, port and TLS settings.',
    retryAfter: isTrust || reason === 'ENOTFOUND' ? undefined : 5,
    cause: error,
  });
}

/** `host:port` as people write it. */
export function placeOf({ host, port }: { host: string; port: number }): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function faultOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('severity' in error && 'code' in error && typeof error.code === 'string') {
    const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
    return { state: error.code, shown: `SQLSTATE ${error.code}`, text: error.message + detail };
  }
  if ('sqlState' in error && typeof error.sqlState === 'string' && 'errno' in error) {
    const state = MYSQL[Number(error.errno)] ?? error.sqlState;
    return { state, shown: `SQLSTATE ${error.sqlState}, error ${error.errno}`, text: error.message };
  }
  // sqlite3 calls the result code errno, node:sqlite errcode and adds the extended bits.
  const result =
    'errcode' in error
      ? error.errcode
      : 'code' in error && /^SQLITE_/.test(String(error.code)) && 'errno' in error
        ? error.errno
        : undefined;
  if (typeof result !== 'number') return undefined;
  const text = error.message.replace(/^SQLITE_\w+: /, '');
  return { state: SQLITE[result & 0xff] ?? 'HY000', shown: `SQLite error ${result & 0xff}`, text };
}
