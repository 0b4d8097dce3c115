/** A request that needs nothing of the protocol but an answer: no progress, no retry after an input, no page. */
export type PlainRequest = PlainList | PlainCall;

type Common = { readonly id: string | number; readonly meta: Fields | undefined };

type PlainList = Common & { readonly method: 'tools/list' };

export type PlainCall = Common & {
  readonly method: 'tools/call';
  readonly name: string;
  readonly args: Fields;
  readonly idempotencyKey: string | undefined;
};

/** In the `_meta` of a call: under the same key of a user the same call is made once in a day. */
export const IDEMPOTENCY_KEY = 'io.tieline/idempotency-key';

type Fields = Readonly<Record<string, unknown>>;

/** The message as a plain request; undefined for any other message, and for what is not well-formed. */
export function plainRequest(message: unknown): PlainRequest | undefined {
  if (!isObject(message) || !hasOnly(message, 'jsonrpc', 'id', 'method', 'params')) return undefined;
  const { jsonrpc, id, method, params = {} } = message;
  if (jsonrpc !== '2.0' || !(typeof id === 'string' || Number.isSafeInteger(id)) || !isObject(params)) return undefined;
  const { _meta: meta } = params;
  if (meta !== undefined && (!isObject(meta) || Object.hasOwn(meta, 'progressToken'))) return undefined;
  const common = { id: id as string | number, meta };
  if (method === 'tools/list') {
    return hasOnly(params, '_meta') && !hasKey(meta) ? { ...common, method } : undefined;
  }
  if (method !== 'tools/call' || !hasOnly(params, 'name', 'arguments', '_meta')) return undefined;
  const { name, arguments: args = {} } = params;
  if (typeof name !== 'string' || !isObject(args) || Object.hasOwn(args, '__proto__')) return undefined;
  if (!hasKey(meta)) return { ...common, method, name, args, idempotencyKey: undefined };
  // Another one with each call, and the rest mostly in the same words.
  const { [IDEMPOTENCY_KEY]: key, ...rest } = meta as Fields;
  if (typeof key !== 'string') return undefined;
  const others = Object.keys(rest).length === 0 ? undefined : rest;
  return { ...common, meta: others, method, name, args, idempotencyKey: key };
}

const hasKey = (meta: Fields | undefined): boolean => meta !== undefined && Object.hasOwn(meta, IDEMPOTENCY_KEY);

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function hasOnly(fields: Fields, ...names: readonly string[]): boolean {
  for (const name in fields) if (!names.includes(name)) return false;
  return true;
}
