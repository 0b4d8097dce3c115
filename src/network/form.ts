import type { FormData } from 'undici';
import { undici } from './undici.ts';

/** One part of a form: a text, or a file. */
export type Part =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string;
      readonly file: { readonly name: string; readonly mimeType: string; readonly bytes: Uint8Array };
    };

/** The form with one text of that name, in place of those it has; the form itself stays as it is. */
export function withField(form: FormData, name: string, value: string): FormData {
  const copy = new (undici().FormData)();
  for (const [key, part] of form) {
    if (key === name) continue;
    if (typeof part === 'string') copy.append(key, part);
    else copy.append(key, part, part.name);
  }
  copy.append(name, value);
  return copy;
}

export const isForm = (body: unknown): body is FormData =>
  typeof body === 'object' && body !== null && body instanceof undici().FormData;

/** The parts as a body that is sent as multipart/form-data (RFC 7578). */
export function formData(parts: readonly Part[]): FormData {
  const form = new (undici().FormData)();
  for (const part of parts) {
    if ('value' in part) form.append(part.name, part.value);
    else
      form.append(part.name, new Blob([new Uint8Array(part.file.bytes)], { type: part.file.mimeType }), part.file.name);
  }
  return form;
}
