import { parseJson } from '../json.ts';

const SECRET_NAME = /(?:secret|passw(?:or)?d|passphrase|api[_-]?key|private[_-]?key|token|authorization)$/i;
/** Fields of auth options that hold a secret under a plainer name. */
const OPTION_FIELDS = new Set(['key', 'value', 'secretAccessKey', 'sessionToken', 'cookie']);
/** Names that end so and hold none: where a token is found, or what is known before. */
const OPEN = new Set(['outputs', 'ui', 'params', 'result', 'errors', 'schema', 'identity', 'paginate']);
export const soundsSecret = (name: string): boolean => SECRET_NAME.test(name);

/** Where a secret is written out instead of `{{its_name}}`: a definition is a file, and holds none. */
export function findLiteralSecret(tree: unknown, path: readonly string[]): readonly string[] | undefined {
  if (tree === null || typeof tree !== 'object') return undefined;
  for (const [name, value] of Object.entries(tree)) {
    const at = [...path, name];
    if (isOpen(at)) continue;
    const isSecret = soundsSecret(name) || (path[0] === 'auth' && path.length === 1 && OPTION_FIELDS.has(name));
    if (isSecret && isLiteral(value)) return at;
    const inner = findLiteralSecret(typeof value === 'string' ? parsed(value) : value, at);
    if (inner) return inner;
  }
  return undefined;
}

/** `params` of an action is a schema, and of a token request the query. */
const isOpen = (at: readonly string[]): boolean =>
  OPEN.has(at.at(-1) ?? '') && !(at[0] === 'auth' && at.at(-1) === 'params');
const isLiteral = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '' && !value.includes('{{')) || typeof value === 'number';

/** A body written as JSON or as a form is looked into as well. */
function parsed(text: string): unknown {
  if (/^\s*[[{]/.test(text)) {
    try {
      return parseJson(text);
    } catch {
      return undefined;
    }
  }
  return /^[\w.-]+=[^\s]*$/.test(text) ? Object.fromEntries(new URLSearchParams(text)) : undefined;
}
