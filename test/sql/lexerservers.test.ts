import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Dialect, type Token, tokens } from '../../src/sql/lexer.ts';
import { MARIADB, opened, POSTGRESQL, reasonToSkip } from './servers.ts';

/** Gives the values of the rows, as JSON; fails where the server refuses. */
type Ask = (statement: string) => Promise<string>;

const REFUSED = 'refused';

async function server(url: string): Promise<Ask> {
  const connection = await opened({ url });
  return async (statement) =>
    JSON.stringify((await connection.query(statement)).rows.map((it) => Object.values(it))).normalize();
}

/** With the package that the store uses on Node 20: what a process for each statement would cost is time alone. */
async function sqlite(): Promise<Ask> {
  const { Database } = createRequire(createRequire(import.meta.url).resolve('@keyv/sqlite'))('sqlite3');
  const database = new Database(':memory:');
  onTestFinished(() => new Promise<void>((resolve) => database.close(() => resolve())));
  return (statement) =>
    new Promise((resolve, reject) => {
      // From a query around it all columns come, as it names those of one name apart.
      database.all(`SELECT * FROM (\n${statement}\n)`, (error: Error | null, rows: object[]) => {
        if (error) reject(error);
        // Sorted, as an object puts columns first that are called like a number.
        else resolve(JSON.stringify(rows.map((it) => Object.values(it).map(unmarked).sort())));
      });
    });
}

const SERVERS: readonly (readonly [string, Dialect, () => Promise<Ask>, string])[] = [
  ['PostgreSQL', 'postgresql', () => server(POSTGRESQL), await reasonToSkip(POSTGRESQL)],
  ['MariaDB', 'mysql', () => server(MARIADB), await reasonToSkip(MARIADB)],
  ['SQLite', 'sqlite', sqlite, ''],
];

/** Blanks of Unicode, which JavaScript takes for blanks and no server does. */
const UNICODE_BLANKS = ['\u00a0', '\u1680', '\u2003', '\u2028', '\u2029', '\u202f', '\u3000', '\ufeff', '\u0085'];

const atom = fc.constantFrom(
  ...["'", "'", '"', '`', '\\', '--', '-- ', '#', '/*', '*/', '\n', '\t', '\r', '\u0001', '\u000b', '$$', '$a$', '$'],
  ...["E'", "e'x'", "U&'", ' ', ' ', '1', '+', 'a', ',', "'a'", '"b"', "''", '||', "\\'", '--\u0001', '/*!', '/*+'],
  ...["'b'", "'c'", ' , ', '\n', "'\\'", "_latin1'", "_sjis'", "N'", "x'41'", '1.5e', '1e', '0x1', '1a', '.', '[', ']'],
  ...['(', ')', '@', '@a', ':a', ':', '::', '--\n', '-', '*', '/', '/**/', '/*/', '=', ' AS ', '\u007f', 'é', '😀'],
  ...UNICODE_BLANKS,
);
const fragments = fc.array(atom, { minLength: 1, maxLength: 14 }).map((it) => it.join(''));
const statements = fc
  .tuple(
    fc.constantFrom(
      'SELECT 1 ',
      "SELECT 'x' ",
      'SELECT 1, ',
      "SELECT E'a\\\\' ",
      'SELECT 2 AS a FROM (SELECT 1) b ',
      '',
    ),
    fragments,
    fc.constantFrom('', " , 'z'", '\n', "\n, 'y', 3", "-- '", "'"),
  )
  .map(([start, middle, end]) => (start === '' ? `SELECT ${middle}${end}` : start + middle + end));

const MARK = '/**/';
const unmarked = (value: unknown): string => String(value).replaceAll(MARK, '');

/**
 * The statement with a comment for each of its comments, one behind each string, and the same signs at the end of each
 * string. If the server takes all of them for what the lexer does, its answer is the same but for the signs. Line breaks
 * stay: a string goes on after one. Undefined for what the lexer refuses.
 */
function marked(statement: string, dialect: Dialect): string | undefined {
  try {
    const pieces = tokens(statement, dialect);
    return pieces.map((it, i) => (isMarkable(pieces, i) ? inside(it.text) : around(pieces, i))).join('');
  } catch {
    return undefined;
  }
}

function around(pieces: readonly Token[], at: number): string {
  const { kind, text = '' } = pieces[at] ?? {};
  const [before, after] = [pieces[at - 1]?.kind, pieces[at + 1]?.kind];
  // Between two strings that are one a comment would be an error.
  if (kind === 'gap' && before === 'quoted' && after === 'quoted') return text;
  if (kind === 'gap') return /[\n\r]/.test(text) ? `${MARK}\n${MARK}` : MARK;
  return kind === 'quoted' && after === 'other' ? text + MARK : text;
}

/** Not the digits of `x'41'`, and not what may be taken for a number. */
function isMarkable(pieces: readonly Token[], at: number): boolean {
  const { kind, text = '' } = pieces[at] ?? {};
  const isString = kind === 'quoted' && /^(?:['$]|[eE]')/.test(text) && !/^\W*\d/.test(text);
  return isString && (at === 0 || pieces[at - 1]?.kind !== 'word');
}

function inside(text: string): string {
  const end = text.startsWith('$') ? text.indexOf('$', 1) + 1 : 1;
  return text.slice(0, -end) + MARK + text.slice(-end);
}

async function answer(ask: Ask, statement: string): Promise<string> {
  try {
    return unmarked(await ask(statement));
  } catch {
    return REFUSED;
  }
}

describe.each(SERVERS)('%s reads a statement as the lexer does', (_, dialect, open, reason) => {
  it.skipIf(reason !== '')(`whatever its comments and strings${reason}`, async () => {
    const ask = await open();
    let understood = 0;
    await fc.assert(
      fc.asyncProperty(statements, async (statement) => {
        const other = marked(statement, dialect);
        fc.pre(other !== undefined && other !== statement);
        const before = await answer(ask, statement);
        expect(await answer(ask, other as string), JSON.stringify(other)).toBe(before);
        if (before !== REFUSED) understood += 1;
      }),
      { numRuns: 100 },
    );
    expect(understood).toBeGreaterThan(0);
  });

  it.skipIf(reason !== '')(`what hides behind a blank of Unicode is seen${reason}`, async () => {
    const ask = await open();
    for (const blank of [...UNICODE_BLANKS, '\u0001', '\u007f']) {
      for (const text of [`SELECT 1 --${blank}'\n, 2 #'`, `SELECT 1 --${blank}\n+ 1`, `SELECT 1${blank}+ 1`]) {
        const other = marked(text, dialect);
        if (other !== undefined) expect(await answer(ask, other), JSON.stringify(text)).toBe(await answer(ask, text));
      }
    }
  });
});
