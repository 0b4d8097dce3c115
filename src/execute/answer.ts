import { isTielineError, TielineError } from '../errors.ts';
import { parseUpstreamJson } from '../json.ts';
import type { HttpResponse } from '../network/send.ts';
import { type EventStream, isEventStream } from './stream.ts';

/** What a provider answered, as expressions see it. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, else the text; null without content. Absent while nobody needs more than the bytes. */
  readonly body: unknown;
};

/**
 * Reads a response, that of a stream as its events. A body that claims to be JSON and is not, or a web page instead of
 * data, is `upstream_invalid`.
 */
export function readAnswer(response: HttpResponse, expected: 'data' | 'file', stream?: EventStream): Answer {
  const { status, headers } = response;
  return { status, headers, body: readBody(response, expected, stream) };
}

const UTF8 = new TextDecoder();

function readBody({ status, headers, bytes }: HttpResponse, expected: 'data' | 'file', stream?: EventStream): unknown {
  const isSuccess = status < 300;
  if (expected === 'file' && isSuccess) return null;
  if (stream && isSuccess && isEventStream(headers)) return stream.read(UTF8.decode(bytes));
  const text = UTF8.decode(bytes); // also takes a byte order mark away, which JSON.parse refuses
  if (!/\S/.test(text)) return null;
  const type = (headers['content-type'] ?? '').toLowerCase();
  const claimsJson = /^application\/(?:[\w.+-]+\+)?json\b/.test(type);
  if (claimsJson || /^\s*[[{]/.test(text)) {
    try {
      return parseUpstreamJson(text);
    } catch (cause) {
      if (isSuccess && isTielineError(cause)) throw cause;
      if (claimsJson && isSuccess) throw invalid('JSON that cannot be read', cause);
    }
  }
  if (isSuccess && (type.startsWith('text/html') || /^\s*<(?:!doctype html|html)\b/i.test(text))) {
    throw invalid('a web page instead of data');
  }
  return text;
}

const invalid = (what: string, cause?: unknown): TielineError =>
  new TielineError('upstream_invalid', `the provider answered with ${what}`, {
    hint: 'Check the base URL of the connector; a sign-in or error page may stand in the way.',
    cause,
  });
