import { TielineError } from '../errors.ts';
import { type Dialect, type Token, tokens } from './lexer.ts';
import { fromJson } from './value.ts';

/** One statement as the database takes it: `$1` or `?` in place of names, and the values in that order. */
export type Bound = { readonly text: string; readonly values: readonly unknown[] };

const FIRST_WORD: Readonly<Record<Dialect, { reads: readonly string[]; writes?: readonly string[] }>> = {
  postgresql: { reads: ['SELECT', 'WITH', 'VALUES', 'TABLE', 'SHOW', 'EXPLAIN'] },
  mysql: { reads: ['SELECT', 'WITH', 'VALUES', 'TABLE', 'SHOW', 'EXPLAIN', 'DESCRIBE', 'DESC'] },
  // What is not listed reaches other files (ATTACH, VACUUM INTO) or switches protections off (PRAGMA).
  sqlite: {
    reads: ['SELECT', 'WITH', 'VALUES', 'EXPLAIN', 'PRAGMA'],
    writes: ['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'CREATE', 'ALTER', 'DROP', 'REINDEX', 'ANALYZE'],
  },
};

/** https://www.sqlite.org/pragma.html: those that describe the schema and change nothing. */
const PRAGMAS: readonly string[] = [
  ...['TABLE_LIST', 'TABLE_INFO', 'TABLE_XINFO', 'INDEX_LIST', 'INDEX_INFO', 'INDEX_XINFO'],
  ...['FOREIGN_KEY_LIST', 'COLLATION_LIST', 'FUNCTION_LIST', 'COMPILE_OPTIONS'],
];

/**
 * Puts the placeholders of the database where `:name` stands outside strings, quoted names and comments. Values never
 * become part of the text. A list is an array for PostgreSQL (`= ANY(:ids)`) and JSON text elsewhere; an object is
 * JSON; `{ "$base64": "…" }` is bytes.
 *
 * @throws TielineError `arguments_invalid` if it is not exactly one statement, or a name lacks a value or a value a name.
 */
export function bindNamed(statement: string, parameters: Readonly<Record<string, unknown>>, dialect: Dialect): Bound {
  const pieces = oneStatement(tokens(statement, dialect));
  const names: string[] = [];
  const text = pieces.map((it) => (it.kind === 'parameter' ? placeholder(it.text.slice(1), names, dialect) : it.text));
  const unused = Object.keys(parameters).filter((it) => !names.includes(it));
  if (unused.length > 0) throw invalid(`the statement has no parameter ${list(unused)}`);
  const missing = new Set(names.filter((it) => !Object.hasOwn(parameters, it) || parameters[it] === undefined));
  if (missing.size > 0) throw invalid(`no value was given for ${list([...missing])}`);
  return { text: text.join(''), values: names.map((it) => fromJson(it, parameters[it])) };
}

/**
 * Lets through what can only read; the rest is left to the read-only transaction in which it runs. Needed beside it as
 * a few statements have effects there too, such as COPY … TO PROGRAM and SELECT … INTO OUTFILE.
 *
 * @throws TielineError `policy_denied`
 */
export function requireReading(statement: string, dialect: Dialect): void {
  const pieces = withoutGaps(statement, dialect);
  const first = firstWord(pieces);
  if (!FIRST_WORD[dialect].reads.includes(first)) throw denied(first);
  if (dialect === 'mysql') requireWithoutFiles(pieces);
  if (dialect === 'sqlite') requireHarmless(pieces);
}

/** Of MySQL and MariaDB: what acts on the server beside what it reads, and no read-only transaction keeps from it. */
const ACTING: readonly string[] = [
  ...['LOAD_FILE', 'GET_LOCK', 'RELEASE_LOCK', 'RELEASE_ALL_LOCKS', 'MASTER_POS_WAIT', 'SOURCE_POS_WAIT'],
  ...['MASTER_GTID_WAIT', 'WAIT_FOR_EXECUTED_GTID_SET', 'NEXTVAL', 'SETVAL', 'SYS_EXEC', 'SYS_EVAL', 'SYS_SET'],
];

function requireWithoutFiles(pieces: readonly Token[]): void {
  if (pieces.some((it) => /^(?:out|dump)file$/i.test(it.text))) throw denied('INTO a file');
  const acting = namesIn(pieces).called.find((it) => ACTING.includes(it.toUpperCase()));
  if (acting !== undefined) throw denied(`the function ${acting}`);
  const words = pieces.map((it) => it.text.toUpperCase());
  if (words.some((it, i) => it === 'NEXT' && words[i + 1] === 'VALUE')) throw denied('NEXT VALUE');
}

/** The names of a statement that may be those of functions, as the server has them. */
export type Names = {
  /** What stands before a parenthesis: functions, and words of SQL. */
  readonly called: readonly string[];
  /** What stands after a dot alone: columns, and functions of a row. */
  readonly attributes: readonly string[];
  /** These and the others: of tables, views, columns and types, and words of SQL. */
  readonly all: readonly string[];
  /** What is none of them, with a blank where one was: operators, which may be written without. */
  readonly symbols: string;
};

export function functionNames(statement: string, dialect: Dialect): Names {
  return namesIn(withoutGaps(statement, dialect));
}

function namesIn(pieces: readonly Token[]): Names {
  const all = new Set<string>();
  const called = new Set<string>();
  const attributes = new Set<string>();
  pieces.forEach((it, i) => {
    const name = nameOf(it);
    if (name === undefined) return;
    all.add(name);
    if (pieces[i + 1]?.text === '(') called.add(name);
    else if (pieces[i - 1]?.text === '.') attributes.add(name);
  });
  const symbols = pieces.map((it) => (it.kind === 'other' ? it.text : ' ')).join('');
  return { called: [...called], attributes: [...attributes], all: [...all], symbols };
}

/** A name in quotes is as it is written there; another one is in lower case. */
function nameOf({ kind, text }: Token): string | undefined {
  if (kind === 'word') return text.replace(/[A-Z]+/g, (it) => it.toLowerCase());
  if (kind !== 'quoted' || !/^["`]/.test(text)) return undefined;
  const quote = text[0] as string;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/** @throws TielineError `policy_denied` for what may not be run at all. */
export function requireWritable(statement: string, dialect: Dialect): void {
  const pieces = withoutGaps(statement, dialect);
  // Its data would travel beside the statement, where nothing here sends or reads any.
  if (dialect === 'postgresql' && firstWord(pieces) === 'COPY') throw refused('COPY');
  if (dialect === 'sqlite') requireHarmless(pieces);
}

function requireHarmless(pieces: readonly Token[]): void {
  // Some pragmas act while they are compiled, and so under EXPLAIN too.
  const start = pieces.findIndex((it) => !['EXPLAIN', 'QUERY', 'PLAN'].includes(it.text.toUpperCase()));
  const [verb, name, dot, second] = pieces.slice(start);
  const first = verb ? firstWord([verb]) : '';
  const { reads, writes = [] } = FIRST_WORD.sqlite;
  if (![...reads, ...writes].includes(first)) throw refused(first);
  if (first !== 'PRAGMA') return;
  const pragma = dot?.text === '.' ? second : name;
  if (!PRAGMAS.includes(pragma?.text.toUpperCase() ?? '')) throw refused('this PRAGMA');
}

function withoutGaps(statement: string, dialect: Dialect): Token[] {
  return tokens(statement, dialect).filter((it) => it.kind !== 'gap');
}

/** A statement may begin with parentheses, and with nothing else that is not a word. */
function firstWord(pieces: readonly Token[]): string {
  const first = pieces.find((it) => it.text !== '(');
  return first?.kind === 'word' ? first.text.toUpperCase() : '';
}

function oneStatement(pieces: readonly Token[]): readonly Token[] {
  const end = pieces.findIndex((it) => it.kind === 'end');
  const statement = end < 0 ? pieces : pieces.slice(0, end);
  const rest = end < 0 ? [] : pieces.slice(end);
  if (statement.every((it) => it.kind === 'gap')) throw invalid('there is no statement');
  if (rest.some((it) => it.kind !== 'gap' && it.kind !== 'end'))
    throw invalid('only one statement can be run at a time');
  const own = statement.find((it) => it.kind === 'placeholder');
  if (own) throw invalid(`the statement has ${own.text} in it`, 'Write parameters as :name.');
  return statement;
}

function placeholder(name: string, names: string[], dialect: Dialect): string {
  const known = names.indexOf(name);
  if (dialect === 'postgresql' && known >= 0) return `$${known + 1}`;
  names.push(name);
  return dialect === 'postgresql' ? `$${names.length}` : '?';
}

function list(names: readonly string[]): string {
  return names.map((it) => `:${it}`).join(', ');
}

function invalid(message: string, hint?: string): TielineError {
  return new TielineError('arguments_invalid', message, { hint });
}

export function denied(what: string): TielineError {
  const hint = 'Use the action that executes statements to change anything.';
  return new TielineError('policy_denied', `a query only reads, and ${what || 'this statement'} does more`, { hint });
}

function refused(what: string): TielineError {
  return new TielineError('policy_denied', `${what || 'this statement'} may not be used here`);
}
