import { isTielineError } from '../errors.ts';
import { outerField } from '../json.ts';

type Fields = { readonly id?: unknown; readonly method?: unknown; readonly result?: unknown; readonly error?: unknown };

/** Ids as MCP knows them; numbers beyond are not the same for all who read them. */
export const isRequestId = (id: unknown): id is string | number => typeof id === 'string' || Number.isSafeInteger(id);

const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;

/** An error of JSON-RPC 2.0 §5.1; its id is null where that of the request is not known. */
const refusal = (id: unknown, code: number, message: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: isRequestId(id) ? id : null, error: { code, message } });

/** The answer to a line that was not read to its end. */
export const tooLong = (most: number): string =>
  refusal(null, INVALID_REQUEST, `Invalid Request: a message has at most ${most} bytes`);

/** The answer to a request that a bug has lost. */
export const failed = (id: string | number): string => refusal(id, INTERNAL_ERROR, 'Internal error');

/** The answer to a text that `parseJson` refused with that error. Undefined for an empty line. */
export function refusalOfText(text: string, error: unknown): string | undefined {
  if (!isTielineError(error)) return text.trim() === '' ? undefined : refusal(null, PARSE_ERROR, 'Parse error');
  // An answer, which this may be just as well, has an id that is not of the client's requests.
  const isRequest = typeof outerField(text, 'method') === 'string';
  return refusal(isRequest ? outerField(text, 'id') : null, INVALID_REQUEST, `Invalid Request: ${error.message}`);
}

/** The answer to JSON that is no message. Undefined for what looks like a notification or an answer: these get none. */
export function refusalOf(message: unknown): string | undefined {
  const isObject = typeof message === 'object' && message !== null && !Array.isArray(message);
  if (!isObject) return refusal(null, INVALID_REQUEST, 'Invalid Request: a message is an object');
  const { id, method, result, error } = message as Fields;
  if (method === undefined && (result !== undefined || error !== undefined)) return undefined;
  if (typeof method === 'string' && !Object.hasOwn(message, 'id')) return undefined;
  const isId = isRequestId(id) || id === undefined;
  return refusal(
    id,
    INVALID_REQUEST,
    isId ? 'Invalid Request' : 'Invalid Request: an id is text or a whole number below 2^53',
  );
}
