import type { HttpResponse } from '../network/send.ts';
import { scrubValues } from '../secret.ts';
import type { FileContent } from './result.ts';

/** The data without these texts: a provider may echo what it was sent, and that does not go on to the caller. */
export const withoutSecrets = (data: unknown, secrets: readonly string[]): unknown => redactedData(data, secrets).data;

/** The same with the JSON of the data, which is long enough to be made once. */
export function redactedData(data: unknown, secrets: readonly string[]): { data: unknown; json: string } {
  const json = JSON.stringify(data);
  if (json === undefined) return { data: null, json: 'null' };
  if (scrubValues(json, secrets) === json) return { data, json };
  const clean = scrubTree(data, secrets);
  return { data: clean, json: JSON.stringify(clean) };
}

function scrubTree(value: unknown, secrets: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((it) => scrubTree(it, secrets));
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).map(([name, it]) => [scrubValues(name, secrets), scrubTree(it, secrets)]);
    return Object.fromEntries(fields);
  }
  const text = String(value);
  const clean = scrubValues(text, secrets);
  return clean === text ? value : clean;
}

/**
 * The response without these texts and without cookies, for a definition that may not learn even from an echo what it
 * was sent with.
 */
export function redactedResponse(response: HttpResponse, secrets: readonly string[]): HttpResponse {
  const { 'set-cookie': _, ...headers } = response.headers;
  const shown = Object.entries(headers).map(([name, value]) => [name, scrubValues(value, secrets)]);
  return { ...response, headers: Object.fromEntries(shown), bytes: bytesWithoutSecrets(response.bytes, secrets) };
}

/** The file without these texts, in its name and in its content. */
export function fileWithoutSecrets(file: FileContent, secrets: readonly string[]): FileContent {
  return { ...file, name: scrubValues(file.name, secrets), bytes: bytesWithoutSecrets(file.bytes, secrets) };
}

function bytesWithoutSecrets<Bytes extends Uint8Array>(bytes: Bytes, secrets: readonly string[]): Bytes | Uint8Array {
  const text = Buffer.from(bytes).toString('utf8');
  const clean = scrubValues(text, secrets);
  return clean === text ? bytes : Buffer.from(clean, 'utf8');
}
