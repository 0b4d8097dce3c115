import type { AuthMethods, Method } from './authspec.ts';
import type { Definition } from './definition.ts';
import type { Path } from './problem.ts';

/** Between the tokens of JavaScript. */
const BLANK = String.raw`(?:\s|//[^\n]*|/\*[\s\S]*?\*/)*`;
const EXPORT = new RegExp(String.raw`^${BLANK}export\s+default\b`);
const END = new RegExp(`;${BLANK}$`);
const ASYNC = new RegExp(String.raw`^${BLANK}async\b`);

/** Methods that run for each request, and so cannot wait. */
export const IMMEDIATE: ReadonlySet<string> = new Set(['getOAuthConfig', 'getOAuth1Config', 'makeApiClient']);

/** The function of a script as an expression, each line where it was: without `export default` and a last semicolon. */
export const functionIn = (text: string): string =>
  text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(EXPORT, (found) => found.replace(/export\s+default$/, (words) => words.replace(/\S/g, ' ')))
    .replace(END, '');

/** True for the text of an `async` function. */
export const isAsync = (text: string): boolean => ASYNC.test(text);

/** A method of a definition, and where it stands there. */
export type PlacedMethod = { readonly name: string; readonly method: Method; readonly path: Path };

/** All methods of a definition: those shared by its options, then those of each option. */
export function methodsOf({ auth }: Pick<Definition, 'auth'>): PlacedMethod[] {
  const placed = (methods: AuthMethods, path: Path): PlacedMethod[] =>
    Object.entries(methods).flatMap(([name, method]) =>
      method === undefined ? [] : [{ name, method, path: [...path, name] }],
    );
  return [
    ...placed(auth.methods, ['auth', 'methods']),
    ...Object.entries(auth.options).flatMap(([key, it]) => placed(it.methods, ['auth', 'options', key, 'methods'])),
  ];
}
