import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SqlConnection } from '../../src/sql/connection.ts';
import { type Dialect, tokens } from '../../src/sql/lexer.ts';
import { MARIADB, opened, POSTGRESQL, reasonToSkip } from './servers.ts';

/**
 * What a server takes for a comment can be left out, and between two pieces a comment can be put in: neither changes
 * what it answers. Were one piece another one for the server, its answer would be another too.
 */
const SERVERS: readonly (readonly [string, Dialect, string, string])[] = [
  ['PostgreSQL', 'postgresql', POSTGRESQL, await reasonToSkip(POSTGRESQL)],
  ['MariaDB', 'mysql', MARIADB, await reasonToSkip(MARIADB)],
];

/** Blanks of Unicode, which JavaScript takes for blanks and no server does. */
const UNICODE_BLANKS = ['\u00a0', '\u1680', '\u2003', '\u2028', '\u2029', '\u202f', '\u3000', '\ufeff', '\u0085'];

const atom = fc.constantFrom(
  ...["'", "'", '"', '`', '\\', '--', '-- ', '#', '/*', '*/', '\n', '\t', '\u0001', '\u000b', '$$', '$a$', '$', "E'"],
  ...["e'x'", "U&'", ' ', ' ', '1', '+', 'a', ',', "'a'", '"b"', "''", '||', "\\'", '--\u0001', '/*!', '/*+'],
  ...UNICODE_BLANKS,
);
const fragments = fc.array(atom, { minLength: 1, maxLength: 14 }).map((it) => it.join(''));
const statements = fc
  .tuple(
    fc.constantFrom('SELECT 1 ', "SELECT 'x' ", 'SELECT 1, ', "SELECT E'a\\\\' ", 'SELECT 2 AS a FROM (SELECT 1) b '),
    fragments,
  )
  .map(([start, rest]) => start + rest);

/** What the server answers: the rows, or that it refuses. */
async function answer(connection: SqlConnection, statement: string): Promise<string> {
  try {
    return JSON.stringify((await connection.query(statement)).rows.map((it) => Object.values(it)));
  } catch {
    return 'refused';
  }
}

function respaced(statement: string, dialect: Dialect): string | undefined {
  try {
    const pieces = tokens(statement, dialect);
    // A comment, as a blank after two minus signs would begin one. Line breaks stay: a string goes on after one.
    return pieces
      .map((it) => (it.kind === 'gap' ? (/[\n\r]/.test(it.text) ? '/**/\n/**/' : '/**/') : it.text))
      .join('');
  } catch {
    return undefined;
  }
}

describe.each(SERVERS)('%s reads a statement as the lexer does', (_, dialect, url, reason) => {
  it.skipIf(reason !== '')(
    `without its comments it says the same${reason}`,
    async () => {
      const connection = await opened({ url });
      await fc.assert(
        fc.asyncProperty(statements, async (statement) => {
          const other = respaced(statement, dialect);
          fc.pre(other !== undefined && other !== statement);
          expect(await answer(connection, other as string)).toBe(await answer(connection, statement));
        }),
        { numRuns: 60 },
      );
    },
    60_000,
  );

  it.skipIf(reason !== '')(`what hides behind a blank of Unicode is seen${reason}`, async () => {
    for (const blank of [...UNICODE_BLANKS, '\u0001']) {
      for (const text of [`SELECT 1 --${blank}'\n, 2 #'`, `SELECT 1 --${blank}\n+ 1`]) {
        const seen = respaced(text, dialect);
        const connection = await opened({ url });
        if (seen !== undefined) expect(await answer(connection, seen)).toBe(await answer(connection, text));
      }
    }
  });
});
