import { TielineError } from './errors.ts';

/** Objects and lists inside each other, at most: deeper than any API nests, far from where recursion ends a process. */
export const MOST_DEPTH = 128;
/** Values of one text, at most: as many are parsed in some 20 ms. */
export const MOST_VALUES = 200_000;

export type JsonLimits = {
  /** Default: `MOST_DEPTH`. */
  readonly depth?: number;
  /** Default: `MOST_VALUES`. */
  readonly values?: number;
  /** How many values are left for several texts together; those of this one are taken away. */
  readonly left?: { values: number };
};

/**
 * Parses JSON that comes from outside, so that nothing behind it has to fear how deep it is or of how many values.
 *
 * @throws SyntaxError for what is no JSON, TielineError `json_too_large` for what is beyond the limits.
 */
export function parseJson(text: string, limits: JsonLimits = {}): unknown {
  checkJson(text, limits);
  return JSON.parse(text);
}

/** Without parsing it. @throws TielineError `json_too_large` for what is beyond the limits. */
export function checkJson(text: string, limits: JsonLimits = {}): void {
  const excess = jsonExcess(text, limits);
  if (excess === undefined) return;
  throw new TielineError('json_too_large', `the JSON ${excess.text}`, { hint: 'Send less, or less deeply nested.' });
}

/**
 * The same for what a provider, its token endpoint or its database answered.
 *
 * @throws SyntaxError for what is no JSON, TielineError `upstream_invalid` where it is too deep, `response_too_large`
 * where it is too much.
 */
export function parseUpstreamJson(text: string, limits: JsonLimits = {}): unknown {
  const excess = jsonExcess(text, limits);
  if (excess === undefined) return JSON.parse(text);
  const message = `the provider answered with JSON that cannot be read: it ${excess.text}`;
  if (excess.of === 'depth')
    throw new TielineError('upstream_invalid', message, { hint: 'Ask for another part of it.' });
  throw new TielineError('response_too_large', message, { hint: 'Ask for less at a time, such as a smaller page.' });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const ARRAY = 0x5b;
const OBJECT = 0x7b;
const ARRAY_END = 0x5d;
const OBJECT_END = 0x7d;

/** What a text has too much of, and that in words. */
type Excess = { readonly of: 'depth' | 'values'; readonly text: string };

/** Looks at each character once, without recursion. What is no JSON is left to the parser. */
function jsonExcess(text: string, limits: JsonLimits): Excess | undefined {
  const { depth: mostDepth = MOST_DEPTH, left } = limits;
  const mostValues = left?.values ?? limits.values ?? MOST_VALUES;
  // Neither limit can be met by so few characters.
  if (text.length <= Math.min(mostDepth, mostValues)) return undefined;
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case ARRAY:
      case OBJECT:
        depth += 1;
        if (depth > mostDepth) return { of: 'depth', text: `is nested more than ${mostDepth} levels deep` };
        break;
      case ARRAY_END:
      case OBJECT_END:
        depth -= 1;
        break;
      case COMMA:
      case COLON:
        values += 1;
        if (values > mostValues) return { of: 'values', text: `has more than ${mostValues} values` };
        break;
    }
  }
  if (left) left.values -= values;
  return undefined;
}

/** Where a string ends that begins at a place; the end of the text if it does not. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

/**
 * The value of a field of the outermost object, of a text that may be cut off or too deep to be parsed; undefined where
 * it is not there, or is an object or a list.
 */
export function outerField(text: string, name: string): unknown {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        const isKey = depth === 1 && text.slice(at + 1, end) === name;
        at = end;
        const value = isKey
          ? /^\s*:\s*("(?:[^"\\]|\\.)*"|-?[\d.eE+-]+|true|false|null)/.exec(text.slice(end + 1, end + 1_000))
          : null;
        if (value) return scalar(value[1] ?? '');
        break;
      }
      case ARRAY:
      case OBJECT:
        depth += 1;
        break;
      case ARRAY_END:
      case OBJECT_END:
        depth -= 1;
        break;
    }
  }
  return undefined;
}

function scalar(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
