import { helperFunctions } from './functions.ts';
import { isProperty, type Token } from './token.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Words that are never a root. */
export const RESERVED = words(`
  arguments async await break case catch class const continue debugger default delete do else enum eval export extends
  false finally for function if implements import in instanceof interface let new null package private protected public
  return static super switch this throw true try typeof var void while with yield`);

/** What JavaScript itself provides inside the sandbox; a test holds this equal to what QuickJS has. */
export const GLOBALS = words(`
  AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError
  FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array
  InternalError Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set
  SharedArrayBuffer String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray
  WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape globalThis isFinite
  isNaN parseFloat parseInt undefined unescape`);

/** True for a name that an expression may use without it being a root of the scope. */
export function isProvided(name: string): boolean {
  return GLOBALS.has(name) || Object.hasOwn(helperFunctions, name);
}

type Binding = { readonly name: string; readonly from: number; readonly to: number };

/** The names an expression takes from its scope: neither properties, keys, keywords, built-ins nor its own variables. */
export function findRoots(tokens: readonly Token[]): ReadonlySet<string> {
  const partner = matchBrackets(tokens);
  const bindings = findBindings(tokens, partner);
  const roots = new Set<string>();
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== 'name' || RESERVED.has(text) || isProvided(text) || isProperty(tokens, index)) continue;
    if (isKey(tokens, index)) continue;
    if (bindings.some(({ name, from, to }) => name === text && from <= index && index <= to)) continue;
    roots.add(text);
  }
  return roots;
}

function isMark(tokens: readonly Token[], index: number, text: string): boolean {
  return tokens[index]?.kind === 'mark' && tokens[index].text === text;
}

/** `a` in `{ a: 1 }` and `{ a() {} }`; the names in `x ? a : b` and `{ a }` are none. */
function isKey(tokens: readonly Token[], index: number): boolean {
  const first = isMark(tokens, index - 1, '{') || isMark(tokens, index - 1, ',');
  return first && isMark(tokens, index + 1, ':');
}

function matchBrackets(tokens: readonly Token[]): ReadonlyMap<number, number> {
  const partner = new Map<number, number>();
  const open: number[] = [];
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== 'mark') continue;
    if ('([{'.includes(text)) open.push(index);
    else if (')]}'.includes(text)) {
      const start = open.pop()!;
      partner.set(start, index).set(index, start);
    }
  }
  return partner;
}

function findBindings(tokens: readonly Token[], partner: ReadonlyMap<number, number>): Binding[] {
  const bindings: Binding[] = [];
  const bind = (pattern: readonly [number, number], from: number, to: number) => {
    for (const name of patternNames(tokens, pattern)) bindings.push({ name, from, to });
  };
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind === 'mark' && text === '=>') {
      const start = isMark(tokens, index - 1, ')') ? partner.get(index - 1)! : index - 1;
      bind([start, index - 1], start, bodyEnd(tokens, partner, index + 1));
    } else if (kind === 'name' && !isProperty(tokens, index)) {
      if (text === 'function' || text === 'catch') {
        const open = tokens.findIndex((_, at) => at > index && isMark(tokens, at, '('));
        const close = partner.get(open) ?? -1;
        if (close > 0) bind([index + 1, close], index, partner.get(close + 1) ?? tokens.length);
      } else if (text === 'const' || text === 'let' || text === 'var') {
        const end = partner.get(index + 1) ?? index + 1;
        bind([index + 1, end], enclosingBlock(tokens, partner, index), tokens.length);
      }
    }
  }
  return bindings;
}

/** The names a parameter list or a destructuring pattern declares: neither its keys nor its default values. */
function* patternNames(tokens: readonly Token[], [from, to]: readonly [number, number]): Generator<string> {
  let depth = 0;
  let defaultDepth: number | undefined;
  for (let index = from; index <= to; index += 1) {
    const { kind, text } = tokens[index]!;
    if (kind === 'mark' && '([{'.includes(text)) depth += 1;
    else if (kind === 'mark' && ')]}'.includes(text)) depth -= 1;
    if (defaultDepth !== undefined && (depth < defaultDepth || (depth === defaultDepth && text === ','))) {
      defaultDepth = undefined;
    } else if (defaultDepth === undefined && kind === 'mark' && text === '=') defaultDepth = depth;
    if (kind === 'name' && defaultDepth === undefined && !isKey(tokens, index)) yield text;
  }
}

/** Where the body of an arrow function that begins at `start` ends. */
function bodyEnd(tokens: readonly Token[], partner: ReadonlyMap<number, number>, start: number): number {
  if (isMark(tokens, start, '{')) return partner.get(start)!;
  let waiting = 0;
  for (let index = start; index < tokens.length; index += 1) {
    const { kind, text } = tokens[index]!;
    if (kind !== 'mark') continue;
    if ('([{'.includes(text)) index = partner.get(index)!;
    else if (text === '?') waiting += 1;
    else if (text === ':' && waiting > 0) waiting -= 1;
    else if (text === ',' || text === ':' || ')]}'.includes(text)) return index - 1;
  }
  return tokens.length;
}

function enclosingBlock(tokens: readonly Token[], partner: ReadonlyMap<number, number>, index: number): number {
  for (let at = index; at > 0; at -= 1) if (isMark(tokens, at, '{') && partner.get(at)! > index) return at;
  return 0;
}
