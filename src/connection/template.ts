/** A name in double or triple braces, and nothing but it: `{{tenant}}`. Longer expressions are left as they are. */
const PLACE = /\{\{\{\s*([A-Za-z_]\w*)\s*\}\}\}|\{\{\s*([A-Za-z_]\w*)\s*\}\}/g;

/** The names that stand alone in braces anywhere in a tree, each once, in order. */
export function namesIn(tree: unknown): string[] {
  if (typeof tree === 'string') {
    return [...new Set([...tree.matchAll(PLACE)].map(([, triple, double]) => triple ?? double ?? ''))];
  }
  return tree === null || typeof tree !== 'object' ? [] : [...new Set(Object.values(tree).flatMap(namesIn))];
}

/** The tree with each such name replaced by the expression that `place` gives; undefined leaves it. */
export function withPlaces(tree: unknown, place: (name: string) => string | undefined): unknown {
  if (typeof tree === 'string') {
    return tree.replace(PLACE, (whole, triple: string | undefined, double: string | undefined) => {
      const source = place(triple ?? double ?? '');
      return source === undefined ? whole : `{{ ${source} }}`;
    });
  }
  if (Array.isArray(tree)) return tree.map((it) => withPlaces(it, place));
  if (tree === null || typeof tree !== 'object') return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, it]) => [key, withPlaces(it, place)]));
}

/** Where the query begins, behind the expressions in braces, which may have a question mark of their own. */
function queryAt(text: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '?') return at;
    const end = text.startsWith('{{', at) ? text.indexOf('}}', at + 2) : -1;
    if (end >= 0) at = end + 1;
    else if (text.startsWith('{{', at)) return indexOrEnd(text, '?', at);
  }
  return text.length;
}

const indexOrEnd = (text: string, what: string, from: number): number => {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
};

/** A path that may carry a query, taken apart: the definition format keeps the two in places of their own. */
export function splitPath(text: string): { readonly path: string; readonly query: Record<string, string | string[]> } {
  const mark = queryAt(text);
  const [path, search] = [text.slice(0, mark), text.slice(mark + 1)];
  return { path: `/${path.replace(/^\/+/, '')}`, query: fieldsOf(search) };
}

/** The fields of a query or of a form written as `a=1&b=2`; a repeated one is a list. */
export function fieldsOf(text: string): Record<string, string | string[]> {
  const fields = new URLSearchParams(text);
  return Object.fromEntries(
    [...new Set(fields.keys())].map((name) => {
      const [first = '', ...more] = fields.getAll(name);
      return [name, more.length === 0 ? first : [first, ...more]];
    }),
  );
}
