import { BoundedMap, bound } from '../bounded.ts';
import { findRoots } from './names.ts';
import { readTokens, type Token } from './token.ts';

/** The roots an expression may use, by name: args, item, response, … */
export type Scope = Readonly<Record<string, unknown>>;

export type Analysis = { readonly tokens: readonly Token[]; readonly roots: ReadonlySet<string> };

/** Definitions hold a few thousand expressions; the bound is for those that tests and drafts make. */
const KEPT = bound({
  name: 'expressions that were analysed',
  entries: 5_000,
  bytes: 16 * 1024 * 1024,
  atBound: 'the expression used longest ago is analysed again',
});
/** Of a token, with its text; of a root. */
const BYTES_EACH = 100;
const kept = new BoundedMap<Analysis>(KEPT, ({ tokens, roots }) => BYTES_EACH * (tokens.length + roots.size));

/** @throws SyntaxError when a string or a bracket is not closed */
export function analyse(expression: string): Analysis {
  const known = kept.get(expression);
  if (known !== undefined) return known;
  const { tokens } = readTokens(expression);
  const analysis = { tokens, roots: findRoots(tokens) };
  kept.set(expression, analysis);
  return analysis;
}

const MOST_SHOWN = 200;

/** The expression as messages show it. */
export function show(expression: string): string {
  const text = expression.trim().replace(/\s+/g, ' ');
  return `{{ ${text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text} }}`;
}
