import { TielineError } from '../errors.ts';
import type { OutcomeJson } from './result.ts';

/** Characters of JSON. Clients cut or refuse longer results: about 25,000 tokens is the common limit. */
export const LONGEST_RESULT = 80_000;

type Fitting = Pick<OutcomeJson, 'data' | 'json' | 'meta'>;

/**
 * Keeps a result within what clients take: of a list the records that fit, and what was left out is said. Anything
 * else that is too long is `result_too_large`, as half a document would look like a whole one.
 */
export function fitResult(result: Fitting): Fitting {
  const { data, json, meta } = result;
  if (json.length <= LONGEST_RESULT) return result;
  if (!Array.isArray(data)) {
    throw new TielineError('result_too_large', `the result is longer than ${LONGEST_RESULT} characters`, {
      hint: 'Ask for less: a narrower action, or fewer fields.',
    });
  }
  const kept: string[] = [];
  let length = 2;
  for (const record of data) {
    const text = JSON.stringify(record);
    length += text.length + 1;
    if (length > LONGEST_RESULT) break;
    kept.push(text);
  }
  if (kept.length === 0) {
    throw new TielineError('result_too_large', `one record alone is longer than ${LONGEST_RESULT} characters`, {
      hint: 'Ask for less: a narrower action, or fewer fields.',
    });
  }
  // The next page would start behind the records that were left out, so its cursor would lose them.
  const { page: _, ...rest } = meta;
  const hint = `The first ${kept.length} of ${data.length} records fit. Call again with a smaller limit or a narrower search.`;
  const truncated = { returned: kept.length, of: data.length, hint };
  return { data: data.slice(0, kept.length), json: `[${kept.join(',')}]`, meta: { ...rest, truncated } };
}
