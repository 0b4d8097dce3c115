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
};

/**
 * Parses JSON that comes from outside, so that nothing behind it has to fear how deep it is or of how many values.
 *
 * @throws SyntaxError for what is no JSON, TielineError `json_too_large` for what is beyond the limits.
 */
export function parseJson(text: string, limits: JsonLimits = {}): unknown {
  const { depth = MOST_DEPTH, values = MOST_VALUES } = limits;
  const excess = jsonExcess(text, depth, values);
  if (excess !== undefined) throw excess;
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const ARRAY = 0x5b;
const OBJECT = 0x7b;
const ARRAY_END = 0x5d;
const OBJECT_END = 0x7d;

/** Looks at each character once, without recursion. What is no JSON is left to the parser. */
function jsonExcess(text: string, mostDepth: number, mostValues: number): TielineError | undefined {
  // Neither limit can be met by so few characters.
  if (text.length <= mostDepth) return undefined;
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
        if (depth > mostDepth) return tooLarge(`is nested more than ${mostDepth} levels deep`);
        break;
      case ARRAY_END:
      case OBJECT_END:
        depth -= 1;
        break;
      case COMMA:
      case COLON:
        values += 1;
        if (values > mostValues) return tooLarge(`has more than ${mostValues} values`);
        break;
    }
  }
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

const tooLarge = (why: string): TielineError =>
  new TielineError('json_too_large', `the JSON ${why}`, { hint: 'Send less, or less deeply nested.' });
