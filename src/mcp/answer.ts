import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { bound } from '../bounded.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { FileContent, Outcome } from '../execute/result.ts';
import { withoutTokens } from '../tokenshape.ts';

type Content =
  | { type: 'text'; text: string }
  | { type: 'image'; data: string; mimeType: string }
  | { type: 'resource'; resource: { uri: string; mimeType: string } & ({ text: string } | { blob: string }) };

/** What a tool call answers, in MCP's words. */
export type ToolAnswer = {
  content: Content[];
  structuredContent: { [key: string]: unknown };
  isError?: true;
};

const FILE = bound({
  name: 'a file in the result of a tool',
  entries: 1,
  bytes: 4 * 1024 * 1024,
  atBound: 'the call fails with result_too_large',
});

/** The images that models take; many clients fail the whole turn on any other. */
const SHOWN = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

type Given = Outcome & { readonly json?: string | undefined };

/** The result twice over, as some clients pass on only the structured form and others only the text. */
export function resultAnswer({ data, meta, file, json = JSON.stringify(data) }: Given): ToolAnswer {
  const structuredContent = { data, meta };
  const content: Content[] = [{ type: 'text', text: `{"data":${json},"meta":${JSON.stringify(meta)}}` }];
  if (file) content.push(fileContent(file));
  return { content, structuredContent };
}

/** The answer as JSON with these members at its end, in the order in which the SDK writes them. */
export function answerJson({ content, structuredContent, isError }: ToolAnswer, end = ''): string {
  const [first] = content;
  // Of a result the text is the JSON of the structured form already.
  const structured = isError || first?.type !== 'text' ? JSON.stringify(structuredContent) : first.text;
  const failed = isError ? ',"isError":true' : '';
  return `{"content":${JSON.stringify(content)},"structuredContent":${structured}${failed}${end}}`;
}

function fileContent({ name, mimeType, bytes }: FileContent): Content {
  if (bytes.length > FILE.bytes) {
    throw new TielineError(
      'result_too_large',
      `${name} has ${bytes.length} bytes, and at most ${FILE.bytes} can be given`,
    );
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (SHOWN.has(mimeType)) return { type: 'image', data: buffer.toString('base64'), mimeType };
  const uri = `tieline://file/${encodeURIComponent(Buffer.from(name).toString())}`; // without lone surrogates
  // Text in another encoding would be damaged on the way.
  const isText = (mimeType.startsWith('text/') || /[/+](?:json|xml)$/.test(mimeType)) && isUtf8(buffer);
  const body = isText ? { text: buffer.toString('utf8') } : { blob: buffer.toString('base64') };
  return { type: 'resource', resource: { uri, mimeType, ...body } };
}

/**
 * What the model reads when a call fails: what happened, and the one next step. Anything that is not a
 * `TielineError` is a bug: it goes to `report` under a reference, and only the reference is shown.
 */
export function errorAnswer(error: unknown, report: (reference: string, error: unknown) => void): ToolAnswer {
  const known = isTielineError(error) ? error : internal(error, report);
  const { code, retryAfter } = known;
  const message = withoutTokens(known.message);
  const hint = known.hint === undefined ? undefined : withoutTokens(known.hint);
  const wait = retryAfter === undefined ? undefined : `Retry after ${retryAfter} s.`;
  return {
    isError: true,
    content: [{ type: 'text', text: [`${code}: ${message}`, hint, wait].filter((it) => it !== undefined).join('\n') }],
    structuredContent: {
      error: { code, message, ...(hint !== undefined && { hint }), ...(retryAfter !== undefined && { retryAfter }) },
    },
  };
}

/**
 * What the model reads when the user has to open an address first. That address may be used once and is for the user, so
 * it is shown, unlike in messages.
 */
export function linkAnswer({ code, message: text }: TielineError, url: string): ToolAnswer {
  const message = withoutTokens(text);
  const hint = `Ask the user to open this address in a browser and finish there, then call again: ${url}`;
  return {
    isError: true,
    content: [{ type: 'text', text: `${code}: ${message}\n${hint}` }],
    structuredContent: { error: { code, message, hint, url } },
  };
}

function internal(error: unknown, report: (reference: string, error: unknown) => void): TielineError {
  const reference = randomUUID().slice(0, 8);
  report(reference, error);
  return new TielineError('internal', `Tieline failed (reference ${reference})`, { hint: 'See its log.' });
}
