import { TielineError } from '../errors.ts';

/** Which SQL a text is written in; MariaDB reads as MySQL does. */
export type Dialect = 'postgresql' | 'mysql' | 'sqlite';

export type Token = {
  /** `gap`: blanks and comments. `quoted`: a string or quoted name. `placeholder`: one of the database's own. */
  readonly kind: 'gap' | 'quoted' | 'word' | 'parameter' | 'placeholder' | 'end' | 'other';
  readonly text: string;
};

type Rule = readonly [kind: Token['kind'] | 'refused', pattern: RegExp];

/** No server takes another character than these for a blank everywhere, whatever Unicode calls one. */
const BLANK: Rule = ['gap', /[ \t\n\f\r]+/y];
const WORD: Rule = ['word', /[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*/y];
const BLOCK: Rule = ['gap', /\/\*[\s\S]*?\*\//y];
const END: Rule = ['end', /;/y];
const REST: readonly Rule[] = [
  // What can only be the start of something that does not end, and what servers read in different ways.
  ['refused', /['"`\\]|\/\*|[^\P{Cc}\n]/uy],
  ['other', /[\s\S]/y],
];
/** Not after a value: there a colon is the one of an array slice, `a[lo:hi]`. */
const PARAMETER: Rule = ['parameter', /(?<![\w)\]"'`$:\x80-\uffff]):[A-Za-z_]\w*/y];

/**
 * The rules of each server, for the settings that a session is given when it is opened (standard_conforming_strings,
 * sql_mode). What versions of a server read in different ways is refused.
 */
const RULES: Readonly<Record<Dialect, readonly Rule[]>> = {
  // https://www.postgresql.org/docs/current/sql-syntax-lexical.html and src/backend/parser/scan.l
  postgresql: [
    BLANK,
    ['gap', /--[^\n\r]*/y],
    ['quoted', /[eE]'(?:[^'\\]|\\[\s\S]|'')*'(?!')/y],
    // UESCAPE, after it, would say how to read it.
    ['refused', /[uU]&['"]/y],
    ['quoted', /'(?:[^']|'')*'(?!')/y],
    ['quoted', /"(?:[^"]|"")*"(?!")/y],
    ['quoted', /\$([A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$[\s\S]*?\$\1\$/y],
    ['refused', /\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$/y],
    ['placeholder', /\$\d+/y],
    WORD,
    // Before 15 a word may follow a number without a blank, `1e'…'`; after it that is an error.
    ['other', /(?:0[xXoObB][\da-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?)(?![\w$'"\x80-\uffff])/y],
    ['refused', /\d[^\s,()]*/y],
    ['other', /::|:=/y],
    PARAMETER,
    END,
    ...REST,
  ],
  // https://dev.mysql.com/doc/refman/8.4/en/comments.html and sql/sql_lex.cc
  mysql: [
    ['gap', /[ \t\n\v\f\r]+/y],
    // The server runs what such a comment holds, unseen by any rule here; hints change limits of the session.
    ['refused', /\/\*(?:M?!|\+)/y],
    ['gap', /(?:#|--(?=[ \t\n\v\f\r]|$))[^\n]*/y],
    ['refused', /--\p{Cc}/uy],
    BLOCK,
    ['quoted', /'(?:[^'\\]|\\[\s\S]|'')*'(?!')/y],
    ['quoted', /"(?:[^"\\]|\\[\s\S]|"")*"(?!")/y],
    ['quoted', /`(?:[^`]|``)*`(?!`)/y],
    ['placeholder', /\?/y],
    WORD,
    // The server lets go of a number with half an exponent and goes on in the middle of what follows.
    ['refused', /(?:\d+\.\d*|\.\d+)[eE](?![+-]?\d)/y],
    // A name may begin with digits, and from MySQL 9 on a quoted body with a dollar sign.
    ['other', /\d+\.\d*[eE][+-]?\d+|\d[\w$\x80-\uffff]*/y],
    ['refused', /\$/y],
    PARAMETER,
    END,
    ...REST,
  ],
  // https://www.sqlite.org/lang_expr.html#varparam and src/tokenize.c
  sqlite: [
    BLANK,
    ['gap', /--[^\n]*/y],
    BLOCK,
    ['quoted', /'(?:[^']|'')*'(?!')/y],
    ['quoted', /"(?:[^"]|"")*"(?!")/y],
    ['quoted', /`(?:[^`]|``)*`(?!`)/y],
    ['quoted', /\[[^\]]*\]/y],
    ['placeholder', /\?\d*|[@$#][\w:]+/y],
    // A byte order mark is a blank to it where a word could begin.
    ['refused', /\ufeff/y],
    WORD,
    ['other', /\d[\w.]*/y],
    ['parameter', /:[A-Za-z_]\w*/y],
    // A variable, which here may have parentheses with anything in them.
    ['refused', /[:@$#[]/y],
    END,
    ...REST,
  ],
};

/** Past this a statement is data, which belongs into parameters. */
const LONGEST = 100_000;

/**
 * The statement in pieces which, joined, are the statement again.
 *
 * @throws TielineError `arguments_invalid` for what has no end, or would be read otherwise by the server than here.
 */
export function tokens(statement: string, dialect: Dialect): Token[] {
  if (statement.length > LONGEST) throw invalid(`the statement is longer than ${LONGEST} characters`);
  // The protocols end a statement with NUL.
  if (statement.includes('\0')) throw invalid('the statement has a NUL character in it');
  // Sent, all halves of surrogate pairs are the same character, and so are names of dollar quotes made of them.
  if (/\p{Cs}/u.test(statement)) throw invalid('the statement has half of a character in it');
  const found: Token[] = [];
  for (let at = 0; at < statement.length; ) {
    const token = next(statement, at, dialect);
    found.push(token);
    at += token.text.length;
  }
  if (dialect === 'postgresql') refuseContinued(found);
  return found;
}

/**
 * A string goes on after a line break (https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS),
 * and where it began as one with escapes, they count there too.
 */
function refuseContinued(found: readonly Token[]): void {
  let before: Token | undefined;
  for (const it of found) {
    if (it.kind === 'gap') continue;
    const hasEscapes = before?.kind === 'quoted' && /^[eE]'/.test(before.text);
    if (hasEscapes && it.kind === 'quoted' && it.text.startsWith("'")) {
      throw invalid('the statement has a string with escapes in it that goes on in another one');
    }
    before = it;
  }
}

function next(statement: string, at: number, dialect: Dialect): Token {
  // PostgreSQL alone nests comments, which no regular expression follows.
  if (dialect === 'postgresql' && statement.startsWith('/*', at)) {
    return { kind: 'gap', text: statement.slice(at, endOfComment(statement, at)) };
  }
  for (const [kind, pattern] of RULES[dialect]) {
    pattern.lastIndex = at;
    const text = pattern.exec(statement)?.[0];
    if (text === undefined) continue;
    if (kind === 'refused') {
      throw invalid(`the statement has ${shown(text)} in it, which does not end or may not be used`);
    }
    return { kind, text };
  }
  throw new Error('every character is a token');
}

function endOfComment(statement: string, start: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  for (let depth = 0, found = edge.exec(statement); found; found = edge.exec(statement)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  throw invalid('the statement has a comment in it that does not end');
}

/** The beginning of it, with what cannot be seen as its number. */
function shown(text: string): string {
  return text.slice(0, 40).replaceAll(/[^\x21-\x7e]/g, (it) => `U+${it.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function invalid(message: string): TielineError {
  return new TielineError('arguments_invalid', message);
}
