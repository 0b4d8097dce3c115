/** One lexical element of an expression. `text` is as written: strings keep their quotes. */
export type Token = {
  readonly kind: 'name' | 'number' | 'string' | 'regex' | 'mark';
  readonly text: string;
};

/** Where reading stops: the end of the text, the `}}` of a template, or the `}` of `${` in a template literal. */
type Close = 'end' | '}}' | '}';

const SPACE = /(?:[\s\uFEFF]|\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\/)+/y;
const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)n?/y;
const STRING = /"(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*"|'(?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*'/y;
const REGEX = /\/(?![*/])(?:[^\\/[\n\r]|\\[^\n\r]|\[(?:[^\\\]\n\r]|\\[^\n\r])*\])+\/[a-z]*/y;
const MARK =
  /=>|\.\.\.|\?\.(?!\d)|\?\?=?|\*\*=?|>>>?=?|<<=?|[=!]==?|[<>]=|&&=?|\|\|=?|\+\+|--|[-+*/%&|^]=|[{}()[\];,<>+\-*/%&|^!~?:=.]/y;

/** After these words a `/` begins a regular expression; after any other name it divides. */
const BEFORE_OPERAND = new Set([
  'typeof',
  'void',
  'delete',
  'new',
  'in',
  'instanceof',
  'return',
  'case',
  'throw',
  'of',
]);
const CLOSER: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/**
 * Splits JavaScript into tokens, from `start` up to `close`; `end` is where the closing mark begins. A template literal
 * comes out as `( string , expression , … )`, so that later steps need no case for it.
 * @throws SyntaxError when a string, a bracket or the expression is not closed
 */
export function readTokens(source: string, start = 0, close: Close = 'end'): { tokens: Token[]; end: number } {
  const tokens: Token[] = [];
  const open: string[] = [];
  let at = start;
  for (;;) {
    at += matchAt(SPACE, source, at).length;
    if (at >= source.length) {
      if (close !== 'end' || open.length > 0) throw new SyntaxError(`missing ${open.at(-1) ?? close}`);
      return { tokens, end: at };
    }
    if (open.length === 0 && close !== 'end' && source.startsWith(close, at)) return { tokens, end: at };
    if (source[at] === '`') {
      at = readTemplateLiteral(source, at, tokens);
      continue;
    }
    const token = readToken(source, at, tokens);
    const closer = token.kind === 'mark' ? CLOSER[token.text] : undefined;
    if (closer !== undefined) open.push(closer);
    else if (token.kind === 'mark' && ')]}'.includes(token.text) && open.pop() !== token.text) {
      throw new SyntaxError(`unexpected ${token.text}`);
    }
    tokens.push(token);
    at += token.text.length;
  }
}

function readToken(source: string, at: number, before: readonly Token[]): Token {
  const string = matchAt(STRING, source, at);
  if (string !== '') return { kind: 'string', text: string };
  const name = matchAt(NAME, source, at);
  if (name !== '') return { kind: 'name', text: name };
  const number = matchAt(NUMBER, source, at);
  if (number !== '' && matchAt(NAME, source, at + number.length) === '') return { kind: 'number', text: number };
  const isRegex = source[at] === '/' && !endsOperand(before);
  const text = matchAt(isRegex ? REGEX : MARK, source, at);
  if (text !== '') return { kind: isRegex ? 'regex' : 'mark', text };
  throw new SyntaxError(`unexpected ${String.fromCodePoint(source.codePointAt(at) ?? 0)}`);
}

function readTemplateLiteral(source: string, start: number, tokens: Token[]): number {
  tokens.push({ kind: 'mark', text: '(' }, { kind: 'string', text: '``' });
  let at = start + 1;
  while (source[at] !== '`') {
    if (at >= source.length) throw new SyntaxError('missing `');
    if (source[at] === '\\') at += 2;
    else if (source.startsWith('${', at)) {
      const inner = readTokens(source, at + 2, '}');
      tokens.push({ kind: 'mark', text: ',' }, ...inner.tokens);
      at = inner.end + 1;
    } else at += 1;
  }
  tokens.push({ kind: 'mark', text: ')' });
  return at + 1;
}

function endsOperand(tokens: readonly Token[], index = tokens.length - 1): boolean {
  const last = tokens[index];
  if (last === undefined) return false;
  const { kind, text } = last;
  if (kind === 'name') return isProperty(tokens, index) || !BEFORE_OPERAND.has(text);
  if (kind !== 'mark') return true;
  return text === '++' || text === '--' ? endsOperand(tokens, index - 1) : ')]}'.includes(text);
}

/** True for the `b` of `a.b` and `a?.b`, which may be any word. */
export function isProperty(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1];
  return before?.kind === 'mark' && (before.text === '.' || before.text === '?.');
}

function matchAt(pattern: RegExp, source: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? '';
}
