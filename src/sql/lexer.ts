import { TielineError } from '../errors.ts';

/** Which SQL a text is written in; MariaDB reads as MySQL does. */
export type Dialect = 'postgresql' | 'mysql' | 'sqlite';

export type Token = {
  /** `gap`: blanks and comments. `quoted`: a string or quoted name. `placeholder`: one of the database's own. */
  readonly kind: 'gap' | 'quoted' | 'word' | 'parameter' | 'placeholder' | 'end' | 'other';
  readonly text: string;
};

type Rule = readonly [kind: Token['kind'] | 'refused', pattern: RegExp];

const WORD: Rule = ['word', /[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*/y];
/** Of no server is a blank beyond ASCII one: it is a character of a name. */
const BLANK: Rule = ['gap', /[\t\n\f\r ]+/y];
/** Some servers pass over a control character, and some end a comment with it. */
const CONTROL: Rule = ['refused', /(?![\t\n\f\r])\p{Cc}/uy];
const BLOCK: Rule = ['gap', /\/\*[\s\S]*?\*\//y];
const REST: readonly Rule[] = [
  ['other', /\d[\w.]*|::|:=/y],
  // Not after a value: there a colon is the one of an array slice, `a[lo:hi]`.
  ['parameter', /(?<![\w)\]"'`$:]):[A-Za-z_]\w*/y],
  ['end', /;/y],
  CONTROL,
  // What can only be the start of something that does not end.
  ['refused', /['"`]|\/\*/y],
  ['other', /[\s\S]/y],
];

const RULES: Readonly<Record<Dialect, readonly Rule[]>> = {
  // https://www.postgresql.org/docs/current/sql-syntax-lexical.html
  postgresql: [
    BLANK,
    ['gap', /--[^\n\r]*/y],
    // Their escapes are read by nobody here, and names may stand in them.
    ['refused', /[uU]&"/y],
    ['quoted', /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/y],
    ['quoted', /'(?:[^']|'')*'/y],
    ['quoted', /"(?:[^"]|"")*"/y],
    ['quoted', /\$([A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$[\s\S]*?\$\1\$/y],
    ['refused', /\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$/y],
    ['placeholder', /\$\d+/y],
    WORD,
    ...REST,
  ],
  // https://dev.mysql.com/doc/refman/8.4/en/comments.html: after -- comes an ASCII blank or a control character.
  mysql: [
    BLANK,
    // The server runs what such a comment holds, unseen by any rule here.
    ['refused', /\/\*M?!/y],
    ['gap', /(?:#|--(?= |(?![\x80-\x9f])\p{Cc}|$))[^\n]*/uy],
    BLOCK,
    ['quoted', /'(?:[^'\\]|\\[\s\S]|'')*'/y],
    ['quoted', /"(?:[^"\\]|\\[\s\S]|"")*"/y],
    ['quoted', /`(?:[^`]|``)*`/y],
    ['placeholder', /\?/y],
    WORD,
    ...REST,
  ],
  // https://www.sqlite.org/lang_expr.html#varparam
  sqlite: [
    BLANK,
    ['gap', /--[^\n]*/y],
    BLOCK,
    ['quoted', /'(?:[^']|'')*'/y],
    ['quoted', /"(?:[^"]|"")*"/y],
    ['quoted', /`(?:[^`]|``)*`/y],
    ['quoted', /\[[^\]]*\]/y],
    ['placeholder', /\?\d*|[@$#][\w:]+/y],
    WORD,
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
      throw invalid(`the statement has ${JSON.stringify(text)} in it, which does not end or may not be used`);
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

function invalid(message: string): TielineError {
  return new TielineError('arguments_invalid', message);
}
