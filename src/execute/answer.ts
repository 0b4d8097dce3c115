import { TielineError } from '../errors.ts';
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
  if (stream && isSuccess && isEventStream(headers)) return readEvents(stream, bytes);
  const text = UTF8.decode(bytes); // also takes a byte order mark away, which JSON.parse refuses
  if (!/\S/.test(text)) return null;
  const type = (headers['content-type'] ?? '').toLowerCase();
  const claimsJson = /^application\/(?:[\w.+-]+\+)?json\b/.test(type);
  if (claimsJson || /^\s*[[{]/.test(text)) {
    try {
      const value: unknown = JSON.parse(text);
      if (text.length > DEEPEST && isDeeper(value, DEEPEST)) throw new SyntaxError(`nested more than ${DEEPEST} deep`);
      return value;
    } catch (cause) {
      if (claimsJson && isSuccess) throw invalid('JSON that cannot be read', cause);
    }
  }
  if (isSuccess && (type.startsWith('text/html') || /^\s*<(?:!doctype html|html)\b/i.test(text))) {
    throw invalid('a web page instead of data');
  }
  return text;
}

function readEvents(stream: EventStream, bytes: Uint8Array): unknown {
  const events = stream.read(UTF8.decode(bytes));
  // Two levels are those of the list and the event.
  if (isDeeper(events, DEEPEST + 2)) throw invalid(`events nested more than ${DEEPEST} deep`);
  return events;
}

/** What reads the value after this, `JSON.stringify` first, ends the stack on deeper ones. */
const DEEPEST = 500;

function isDeeper(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    for (const it of value) if (isDeeper(it, levels - 1)) return true;
    return false;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  // No list of them is made: every answer comes through here.
  for (const name in fields) if (isDeeper(fields[name], levels - 1)) return true;
  return false;
}

const invalid = (what: string, cause?: unknown): TielineError =>
  new TielineError('upstream_invalid', `the provider answered with ${what}`, {
    hint: 'Check the base URL of the connector; a sign-in or error page may stand in the way.',
    cause,
  });
