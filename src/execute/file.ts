import { getMimeType } from 'hono/utils/mime';
import { TielineError } from '../errors.ts';

/** A file given inline, as schemas mark it with `x-file`. */
export type FileValue = {
  readonly name: string;
  readonly mimeType?: string;
  readonly text?: string;
  readonly base64?: string;
};

/** Checks a file value that an expression gave; arguments marked `x-file` have its shape already. */
export function asFile(value: unknown): FileValue {
  const { name, ...rest } = (value ?? {}) as Record<keyof FileValue, unknown>;
  const others = [rest.mimeType, rest.text, rest.base64];
  if (typeof name === 'string' && others.every((it) => it === undefined || typeof it === 'string'))
    return value as FileValue;
  throw new TielineError('arguments_invalid', 'a file needs a name, and text or base64 as text');
}

/** The content of a file value. Throws `arguments_invalid` when it has none, both, or base64 that is not. */
export function fileBytes(file: FileValue): Uint8Array<ArrayBuffer> {
  if ((file.text === undefined) === (file.base64 === undefined)) {
    throw new TielineError('arguments_invalid', `file ${file.name} needs either text or base64`);
  }
  if (file.text !== undefined) return new Uint8Array(Buffer.from(file.text, 'utf8'));
  const bytes = decodeBase64(file.base64 ?? '');
  if (bytes) return bytes;
  throw new TielineError('arguments_invalid', `the content of file ${file.name} is not base64`);
}

/** Bytes of base64 or base64url text, or undefined when it is neither. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const compact = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact) || compact.replaceAll('=', '').length % 4 === 1) return undefined;
  return new Uint8Array(Buffer.from(compact, 'base64'));
}

export function mimeTypeOf(file: { readonly name: string; readonly mimeType?: string | undefined }): string {
  return file.mimeType ?? getMimeType(file.name) ?? 'application/octet-stream';
}
