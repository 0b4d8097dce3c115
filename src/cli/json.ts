import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { parseJson } from '../json.ts';

/** A JSON object from the command line. Throws `usage`, without the text: it may hold secrets. */
export function parseObject(text: string, what: string): Values {
  try {
    const value: unknown = parseJson(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Values;
  } catch {
    // said below
  }
  throw new TielineError('usage', `${what} is not a JSON object`, { hint: `For example: '{"limit": 5}'` });
}
