import { TielineError } from '../errors.ts';
import type { HttpResponse } from '../network/send.ts';

/** What a provider answered, as expressions see it. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, else the text; null without content. Absent while nobody needs more than the bytes. */
  readonly body: unknown;
};

/** Reads a response. A body that claims to be JSON and is not, or a web page instead of data, is `upstream_invalid`. */
export function readAnswer(response: HttpResponse, expected: 'data' | 'file'): Answer {
  const { status, headers } = response;
  return { status, headers, body: readBody(response, expected) };
}

function readBody({ status, headers, bytes }: HttpResponse, expected: 'data' | 'file'): unknown {
  const isSuccess = status < 300;
  if (expected === 'file' && isSuccess) return null;
  if (bytes.length === 0) return null;
  const type = (headers['content-type'] ?? '').toLowerCase();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const claimsJson = /^application\/(?:[\w.+-]+\+)?json\b/.test(type);
  if (claimsJson || /^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch (cause) {
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
