import type { MiddlewareHandler } from 'hono';
import { TielineError } from '../errors.ts';
import { checkJson } from '../json.ts';
import { ownTurn } from '../turn.ts';
import { arrivals } from './arrivals.ts';
import type { Env } from './context.ts';

export type BodyLimits = {
  /** The longest, in bytes. */
  readonly bytes: number;
  /** The most values of its JSON. Default: those of `checkJson`. */
  readonly values?: number;
};

/** Pages, and what programs send to sign in. */
export const FORM: BodyLimits = { bytes: 64 * 1024, values: 1_000 };
/** A call, over MCP or the API, which may bring files along: the validator looks at each value more than once. */
export const CALL = { values: 50_000 };
/** What manages users, accounts and the like. */
export const MANAGEMENT: BodyLimits = { bytes: 1024 * 1024, values: 10_000 };
/** A client that still sends would not read a refusal. So this many bytes, at most, are taken and thrown away first. */
const MOST_DISCARDED = 16 * 1024 * 1024;
/** Bytes from which a body takes milliseconds to go through. */
const LARGE = 256 * 1024;
/** Fields of a form, at most. */
const MOST_FIELDS = 1_000;

/**
 * Reads the whole body of a request before any handler does, so that none sees one that is too long, too deep or of too
 * many values, nor one that was cut off.
 *
 * @throws TielineError `request_too_large`, `json_too_large`, `too_many_requests`, `arguments_invalid` for what was cut off
 */
export const readsBody =
  (limitsOf: (path: string) => BodyLimits): MiddlewareHandler<Env> =>
  async (context, next) => {
    const { method, raw } = context.req;
    if (method === 'GET' || method === 'HEAD' || raw.body === null) return next();
    const limits = limitsOf(context.req.path);
    if (Number(raw.headers.get('content-length')) > MOST_DISCARDED) throw tooLarge(limits.bytes);
    const bytes = await readWhole(raw.body, limits.bytes);
    const isLarge = bytes.length > LARGE;
    if (isLarge) await ownTurn();
    const text = checkContent(bytes, raw.headers.get('content-type') ?? '', limits);
    if (isLarge) await ownTurn();
    const { url, headers, signal } = raw;
    context.req.raw = new Request(url, { method, headers, signal, body: bytes });
    // It is read already.
    if (text !== undefined) Object.assign(context.req.bodyCache, { text: Promise.resolve(text) });
    return next();
  };

async function readWhole(body: ReadableStream<Uint8Array>, most: number): Promise<Buffer<ArrayBuffer>> {
  const reader = body.getReader();
  let refusal: unknown;
  const refuse = (why: TielineError) => {
    refusal ??= why;
    reader.cancel(why).catch(() => {});
  };
  const arrival = arrivals.begin(refuse);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw refusal ?? cutOff(cause);
      });
      if (refusal) throw refusal;
      if (done && length > most) throw tooLarge(most);
      if (done) return Buffer.concat(chunks, length);
      length += value.length;
      if (length > MOST_DISCARDED) refuse(tooLarge(most));
      else if (length > most) chunks.length = 0;
      else {
        chunks.push(value);
        arrival.add(value.length);
      }
    }
  } finally {
    arrival.end();
  }
}

/** The text of JSON, which is within the limits. */
function checkContent(bytes: Buffer, type: string, { values }: BodyLimits): string | undefined {
  if (/json/i.test(type)) {
    const text = bytes.toString('utf8');
    checkJson(text, values === undefined ? {} : { values });
    return text;
  }
  if (!/^application\/x-www-form-urlencoded/i.test(type)) return undefined;
  let fields = 1;
  for (const it of bytes) if (it === AMPERSAND) fields += 1;
  if (fields > MOST_FIELDS) throw new TielineError('arguments_invalid', `a form has at most ${MOST_FIELDS} fields`);
  return undefined;
}

const AMPERSAND = 0x26;

const tooLarge = (most: number): TielineError =>
  new TielineError('request_too_large', `the request has more than ${most} bytes`, { hint: 'Send less.' });

const cutOff = (cause: unknown): TielineError =>
  new TielineError('arguments_invalid', 'the request was cut off', { hint: 'Send it again.', cause });
